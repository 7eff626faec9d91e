using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat.Tools;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Chat;

/// <summary>What a message holds.</summary>
/// <param name="Blocks">Texts, calls and results, each to stand on lines of its own.</param>
/// <param name="Images">Bytes of the images, in order.</param>
readonly record struct MessageParts(List<IReadOnlyList<PromptSegment>> Blocks, List<ReadOnlyMemory<byte>> Images);

/// <summary>Reads the messages of one conversation in order; remembers which call an id belongs to.</summary>
/// <param name="tools">How calls and results are written; null refuses both.</param>
sealed class MessageReader(ToolFormat? tools)
{
    /// <summary>Key of an image's detail in the additional properties of its content.</summary>
    const string DetailKey = "detail";

    readonly Dictionary<string, string> _calls = new(StringComparer.Ordinal);

    /// <summary>The detail of the image that wants most, where one that says nothing wants <see cref="ImageDetail.Auto"/>; null without images.</summary>
    public ImageDetail? Detail { get; private set; }

    /// <summary>Reads the next message.</summary>
    /// <exception cref="NotSupportedException">It holds content this model cannot be given.</exception>
    /// <exception cref="ArgumentException">It holds the result of a call nobody made.</exception>
    public MessageParts Read(ChatMessage message)
    {
        MessageParts parts = new([], []);
        List<string> texts = [];
        List<IReadOnlyList<PromptSegment>> structure = [];
        foreach (AIContent content in message.Contents)
        {
            switch (content)
            {
                case TextContent text:
                    if (text.Text.Length > 0) texts.Add(text.Text);
                    break;
                case DataContent or UriContent:
                    parts.Images.Add(Image(content));
                    break;
                case FunctionCallContent call when tools is not null && message.Role == ChatRole.Assistant:
                    string name = _calls[call.CallId] = Name(call, tools);
                    structure.Add(tools.WriteCall(new ToolCall(name, ToolResult.Arguments(call))));
                    break;
                case FunctionResultContent result when tools is not null && message.Role != ChatRole.Assistant && message.Role != ChatRole.System:
                    structure.Add(Result(result, tools, parts.Images));
                    break;
                case UsageContent or TextReasoningContent:
                    break; // remarks on an earlier answer, no part of what was said
                default:
                    throw new NotSupportedException($"Content of the kind {content.GetType().Name} is not supported in a message of the role \"{message.Role.Value}\".");
            }
        }
        // An answer put together from streamed pieces must come out as it was; a user's parts are separate things.
        string said = string.Join(message.Role == ChatRole.Assistant ? "" : "\n", texts);
        if (said.Length > 0) parts.Blocks.Add([PromptSegment.UserText(tools?.Neutralize(said) ?? said)]);
        parts.Blocks.AddRange(structure);
        return parts;
    }

    IReadOnlyList<PromptSegment> Result(FunctionResultContent result, ToolFormat format, List<ReadOnlyMemory<byte>> images)
    {
        if (!_calls.TryGetValue(result.CallId, out string? name))
            throw new ArgumentException($"The result with the call id \"{result.CallId}\" belongs to no call of the conversation.", nameof(result));
        List<string> texts = [];
        foreach (AIContent content in ToolResult.Contents(result))
        {
            if (content is TextContent text) texts.Add(text.Text);
            else if (content is DataContent or UriContent) images.Add(Image(content));
            else throw new NotSupportedException($"Content of the kind {content.GetType().Name} is not supported in a result of a function.");
        }
        string said = texts.Count > 0 ? string.Join('\n', texts) : "(see the image)";
        return format.WriteResult(name, format.Neutralize(said));
    }

    /// <summary>The name of a function, which becomes part of a line of its own.</summary>
    static string Name(FunctionCallContent call, ToolFormat format) =>
        string.IsNullOrWhiteSpace(call.Name) || call.Name.Any(static c => char.IsControl(c) || c is '\u2028' or '\u2029')
            ? throw new ArgumentException("The conversation holds a call of a function without a usable name.", nameof(call))
            : format.Neutralize(call.Name);

    ReadOnlyMemory<byte> Image(AIContent content)
    {
        ImageDetail detail = content.AdditionalProperties?.GetValueOrDefault(DetailKey) is { } value
            ? ImageDetails.Parse(value.ToString(), $"AdditionalProperties[\"{DetailKey}\"] of an image")
            : ImageDetail.Auto;
        if (Detail is null || Detail < detail) Detail = detail;
        return Bytes(content);
    }

    static ReadOnlyMemory<byte> Bytes(AIContent content) => content switch
    {
        DataContent data => Bytes(data),
        UriContent uri when uri.Uri.Scheme.Equals("data", StringComparison.OrdinalIgnoreCase) => Bytes(new DataContent(uri.Uri.OriginalString)),
        UriContent uri => throw new NotSupportedException(
            $"Images are taken as bytes or as data: URIs; this client does not fetch {uri.Uri.Scheme}: addresses."),
        _ => throw new NotSupportedException($"Content of the kind {content.GetType().Name} is no image."),
    };

    /// <summary>Any image type, or none in particular: what the bytes are is decided by the decoder, not by the label.</summary>
    static ReadOnlyMemory<byte> Bytes(DataContent data) =>
        data.HasTopLevelMediaType("image") || data.MediaType == "application/octet-stream"
            ? data.Data
            : throw new NotSupportedException($"Data of the type {data.MediaType} is not supported; only images are.");
}
