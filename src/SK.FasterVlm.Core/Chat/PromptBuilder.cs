using Microsoft.Extensions.AI;
using SK.FasterVlm.Generation;

namespace SK.FasterVlm.Chat;

/// <summary>A conversation as segments and the images they refer to.</summary>
/// <param name="Segments">The prompt.</param>
/// <param name="Images">The images, in the order of the conversation.</param>
public sealed record BuiltPrompt(IReadOnlyList<PromptSegment> Segments, IReadOnlyList<ImageInput> Images);

/// <summary>
/// Chat messages to a prompt. System (and developer) messages, wherever they stand, form the system part; neighbouring messages of one
/// role become one turn, their texts on lines of their own; the images of a turn come before its text, as LLaVA was trained.
/// Anything a template has no place for is refused, never dropped in silence.
/// </summary>
public static class PromptBuilder
{
    /// <summary>Builds the prompt for the next answer.</summary>
    /// <param name="template">The model's template.</param>
    /// <param name="messages">The conversation; the last message that is not a system message must be the user's.</param>
    /// <param name="instructions">Further system text, put before the conversation's own; null for none.</param>
    /// <param name="maxImages">Most images the conversation may hold.</param>
    /// <exception cref="ArgumentException">The conversation is empty, ends with the model's turn, or holds too many images.</exception>
    /// <exception cref="NotSupportedException">A role or content that this model cannot be given.</exception>
    public static BuiltPrompt Build(
        ChatTemplate template, IEnumerable<ChatMessage> messages, string? instructions = null, int maxImages = int.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(template);
        ArgumentNullException.ThrowIfNull(messages);
        List<string> system = [];
        List<ImageInput> images = [];
        List<(ChatTurnRole Role, List<string> Texts, List<int> Images)> turns = [];
        if (!string.IsNullOrEmpty(instructions)) system.Add(instructions);

        foreach (ChatMessage message in messages)
        {
            (string text, List<ReadOnlyMemory<byte>> pictures) = Read(message);
            if (IsSystem(message.Role))
            {
                if (pictures.Count > 0) throw new NotSupportedException("Images belong to a user's messages, not to a system message.");
                system.Add(text);
                continue;
            }
            ChatTurnRole role = RoleOf(message.Role);
            if (role == ChatTurnRole.Assistant && pictures.Count > 0)
                throw new NotSupportedException("Images belong to a user's messages, not to the assistant's.");
            if (turns.Count == 0 || turns[^1].Role != role) turns.Add((role, [], []));
            if (text.Length > 0) turns[^1].Texts.Add(text);
            foreach (ReadOnlyMemory<byte> picture in pictures)
            {
                turns[^1].Images.Add(images.Count);
                images.Add(ImageInput.FromBytes(picture));
            }
        }
        if (images.Count > maxImages)
            throw new ArgumentException($"The conversation has {images.Count} images; at most {maxImages} may be sent (MaxImages).", nameof(messages));
        if (turns.Count > 0 && turns[^1] is { Role: ChatTurnRole.User, Texts.Count: 0, Images.Count: 0 })
            throw new ArgumentException("The user's last message is empty.", nameof(messages));

        ChatTurn[] chat = [.. turns.Select(static t => new ChatTurn(t.Role, string.Join('\n', t.Texts), t.Images))];
        return new BuiltPrompt(template.Build(system.Count > 0 ? string.Join('\n', system) : null, chat), images);
    }

    static bool IsSystem(ChatRole role) => role == ChatRole.System || role.Value.Equals("developer", StringComparison.OrdinalIgnoreCase);

    static ChatTurnRole RoleOf(ChatRole role) =>
        role == ChatRole.User ? ChatTurnRole.User
        : role == ChatRole.Assistant ? ChatTurnRole.Assistant
        : throw new NotSupportedException($"Messages of the role \"{role.Value}\" are not supported.");

    static (string Text, List<ReadOnlyMemory<byte>> Images) Read(ChatMessage message)
    {
        List<string> texts = [];
        List<ReadOnlyMemory<byte>> images = [];
        foreach (AIContent content in message.Contents)
        {
            switch (content)
            {
                case TextContent text:
                    if (text.Text.Length > 0) texts.Add(text.Text);
                    break;
                case DataContent data:
                    images.Add(Image(data));
                    break;
                case UriContent uri when uri.Uri.Scheme.Equals("data", StringComparison.OrdinalIgnoreCase):
                    images.Add(Image(new DataContent(uri.Uri.OriginalString)));
                    break;
                case UriContent uri:
                    throw new NotSupportedException(
                        $"Images are taken as bytes or as data: URIs; this client does not fetch {uri.Uri.Scheme}: addresses.");
                case UsageContent or TextReasoningContent:
                    break; // remarks on an earlier answer, no part of what was said
                default:
                    throw new NotSupportedException($"Content of the kind {content.GetType().Name} is not supported by this model.");
            }
        }
        // An answer put together from streamed pieces must come out as it was; a user's parts are separate things.
        return (string.Join(message.Role == ChatRole.Assistant ? "" : "\n", texts), images);
    }

    /// <summary>Any image type, or none in particular: what the bytes are is decided by the decoder, not by the label.</summary>
    static ReadOnlyMemory<byte> Image(DataContent data) =>
        data.HasTopLevelMediaType("image") || data.MediaType == "application/octet-stream"
            ? data.Data
            : throw new NotSupportedException($"Data of the type {data.MediaType} is not supported; only images are.");
}
