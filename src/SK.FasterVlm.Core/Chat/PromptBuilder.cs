using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat.Tools;
using SK.FasterVlm.Generation;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Chat;

/// <summary>A conversation as segments and the images they refer to.</summary>
/// <param name="Segments">The prompt.</param>
/// <param name="Images">The images, in the order of the conversation.</param>
public sealed record BuiltPrompt(IReadOnlyList<PromptSegment> Segments, IReadOnlyList<ImageInput> Images)
{
    /// <summary>
    /// How closely the images are to be looked at: what the one that wants most says (<c>AdditionalProperties["detail"]</c>), where one
    /// that says nothing wants <see cref="ImageDetail.Auto"/>; null without images.
    /// </summary>
    public ImageDetail? Detail { get; init; }
}

/// <summary>
/// Chat messages to a prompt. System (and developer) messages, wherever they stand, form the system part; neighbouring messages of one
/// role become one turn, their texts on lines of their own; the images of a turn come before its text, as LLaVA was trained; results
/// of functions, with their images, are part of the user's turn. Models of this family know images in a user's turn only, so those of
/// an assistant's message come with the user's turn that follows it. Anything a template has no place for is refused, never dropped in
/// silence.
/// </summary>
public static class PromptBuilder
{
    /// <summary>Builds the prompt for the next answer.</summary>
    /// <param name="template">The model's template.</param>
    /// <param name="messages">The conversation; the last message that is not a system message must be the user's.</param>
    /// <param name="instructions">Further system text, put before the conversation's own; null for none.</param>
    /// <param name="maxImages">Most images the conversation may hold.</param>
    /// <param name="tools">How calls and results are written; what looks like either in anybody's text is broken up. Null refuses both.</param>
    /// <param name="form">System text about the form of the answer, put after all other; null for none.</param>
    /// <exception cref="ArgumentException">The conversation is empty, ends with the model's turn, or holds too many images.</exception>
    /// <exception cref="NotSupportedException">A role or content that this model cannot be given.</exception>
    public static BuiltPrompt Build(
        ChatTemplate template, IEnumerable<ChatMessage> messages, string? instructions = null, int maxImages = int.MaxValue,
        ToolFormat? tools = null, string? form = null)
    {
        ArgumentNullException.ThrowIfNull(template);
        ArgumentNullException.ThrowIfNull(messages);
        List<string> system = [];
        List<ImageInput> images = [];
        List<TurnParts> turns = [];
        List<int> shown = []; // by the assistant, and not yet part of a turn
        MessageReader reader = new(tools);
        if (!string.IsNullOrEmpty(instructions)) system.Add(tools?.Neutralize(instructions) ?? instructions);

        foreach (ChatMessage message in messages)
        {
            MessageParts parts = reader.Read(message);
            if (IsSystem(message.Role))
            {
                if (parts.Images.Count > 0) throw new NotSupportedException("Images belong to a user's messages, not to a system message.");
                system.Add(string.Concat(parts.Blocks.SelectMany(static b => b).Select(static s => s.Text)));
                continue;
            }
            ChatTurnRole role = RoleOf(message);
            if (turns.Count == 0 || turns[^1].Role != role) turns.Add(new(role, [], []));
            turns[^1].Blocks.AddRange(parts.Blocks);
            foreach (ReadOnlyMemory<byte> picture in parts.Images)
            {
                shown.Add(images.Count);
                images.Add(ImageInput.FromBytes(picture));
            }
            if (role == ChatTurnRole.Assistant) continue;
            turns[^1].Images.AddRange(shown);
            shown.Clear();
        }
        if (images.Count > maxImages)
            throw new ArgumentException($"The conversation has {images.Count} images; at most {maxImages} may be sent (MaxImages).", nameof(messages));
        if (turns.Count > 0 && turns[^1] is { Role: ChatTurnRole.User, Blocks.Count: 0, Images.Count: 0 })
            throw new ArgumentException("The user's last message is empty.", nameof(messages));

        string? said = system.Count > 0 ? string.Join('\n', system) : null;
        if (form is not null) said = (said ?? template.DefaultSystem) is { Length: > 0 } before ? $"{before}\n\n{form}" : form;
        return new BuiltPrompt(template.Build(said, [.. turns.Select(static t => t.ToTurn())]), images) { Detail = reader.Detail };
    }

    static bool IsSystem(ChatRole role) => role == ChatRole.System || role.Value.Equals("developer", StringComparison.OrdinalIgnoreCase);

    static ChatTurnRole RoleOf(ChatMessage message) =>
        message.Role == ChatRole.User ? ChatTurnRole.User
        : message.Role == ChatRole.Assistant ? ChatTurnRole.Assistant
        : message.Role == ChatRole.Tool && message.Contents.Any(static c => c is FunctionResultContent) ? ChatTurnRole.User
        : throw new NotSupportedException($"Messages of the role \"{message.Role.Value}\" without results of functions are not supported.");

    sealed record TurnParts(ChatTurnRole Role, List<IReadOnlyList<PromptSegment>> Blocks, List<int> Images)
    {
        public ChatTurn ToTurn()
        {
            string text = string.Join('\n', Blocks.Select(static b => string.Concat(b.Select(static s => s.Text))));
            ChatTurn turn = new(Role, text, Images);
            if (Blocks.All(static b => b.All(static s => s.Kind == PromptSegmentKind.Text))) return turn;
            List<PromptSegment> segments = [];
            foreach (IReadOnlyList<PromptSegment> block in Blocks)
            {
                if (segments.Count > 0) segments.Add(PromptSegment.UserText("\n"));
                segments.AddRange(block);
            }
            return turn with { Segments = segments };
        }
    }
}
