namespace SK.FasterVlm.Cli.Conversation;

/// <summary>What a line typed into a chat is.</summary>
internal enum ChatInputKind
{
    /// <summary>Nothing.</summary>
    Empty,

    /// <summary>Something to say to the model.</summary>
    Message,

    /// <summary>An image to attach: <c>/image path</c>, or a path alone, as a terminal writes it when a file is dropped.</summary>
    Image,

    /// <summary>A command such as <c>/reset</c>.</summary>
    Command,
}

/// <summary>A line of a chat, understood.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">The message, the path, or the command's name.</param>
/// <param name="Argument">What follows the command's name.</param>
internal readonly record struct ChatInput(ChatInputKind Kind, string Text, string Argument = "")
{
    /// <summary>Understands a line.</summary>
    /// <param name="line">The line as typed.</param>
    /// <param name="isFile">Whether a path names a file. A path wins over a command: both may begin with a slash.</param>
    public static ChatInput Parse(string line, Func<string, bool> isFile)
    {
        string text = line.Trim();
        if (text.Length == 0) return new ChatInput(ChatInputKind.Empty, "");
        string path = Unquote(text);
        if (LooksLikePath(path) && isFile(path)) return new ChatInput(ChatInputKind.Image, path);
        if (text[0] != '/') return new ChatInput(ChatInputKind.Message, text);

        string[] parts = text.Split((char[]?)null, 2, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        string argument = parts.Length > 1 ? parts[1] : "";
        return parts[0] == "/image"
            ? new ChatInput(ChatInputKind.Image, Unquote(argument))
            : new ChatInput(ChatInputKind.Command, parts[0], argument);
    }

    // "cat" may well be a file in the current directory; only what is written as a path is taken for one.
    static bool LooksLikePath(string text) => text.Contains('/', StringComparison.Ordinal) || text.Contains('\\', StringComparison.Ordinal);

    // Terminals quote a dropped path ('/a b.jpg') or escape its spaces (/a\ b.jpg); some put file:// in front.
    static string Unquote(string text)
    {
        if (text.Length > 1 && text[0] is '\'' or '"' && text[^1] == text[0]) text = text[1..^1];
        else if (!OperatingSystem.IsWindows()) text = text.Replace("\\ ", " ", StringComparison.Ordinal);
        return text.StartsWith("file://", StringComparison.Ordinal) && Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) ? uri.LocalPath : text;
    }
}
