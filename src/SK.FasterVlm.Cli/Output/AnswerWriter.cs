namespace SK.FasterVlm.Cli.Output;

/// <summary>Writes an answer as it streams in, cleaned, and sees to it that it ends with a line feed.</summary>
internal sealed class AnswerWriter(TextWriter output)
{
    readonly TerminalText _clean = new();
    bool _open;

    /// <summary>Writes a piece.</summary>
    public void Write(string piece)
    {
        string text = _clean.Append(piece);
        if (text.Length == 0) return;
        output.Write(text);
        output.Flush();
        _open = !text.EndsWith('\n');
    }

    /// <summary>Ends the line if one was begun.</summary>
    public void End()
    {
        if (_open) output.WriteLine();
        _open = false;
    }
}
