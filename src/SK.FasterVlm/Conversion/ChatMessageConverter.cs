using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using SK.FasterVlm.Functions;
using SK.FasterVlm.Pruning;
using AIContent = Microsoft.Extensions.AI.AIContent;
using AIFunctionCallContent = Microsoft.Extensions.AI.FunctionCallContent;
using AIFunctionResultContent = Microsoft.Extensions.AI.FunctionResultContent;
using AITextContent = Microsoft.Extensions.AI.TextContent;
using FunctionCallContent = Microsoft.SemanticKernel.FunctionCallContent;
using FunctionResultContent = Microsoft.SemanticKernel.FunctionResultContent;
using TextContent = Microsoft.SemanticKernel.TextContent;

namespace SK.FasterVlm.Conversion;

/// <summary>
/// Semantic Kernel's messages to chat messages. Images go over as their bytes, not through base64, and need no MIME type; calls keep
/// the names the functions were shown under; images in the result of a function stay images.
/// </summary>
static class ChatMessageConverter
{
    /// <summary>Key of <see cref="AIContent.AdditionalProperties"/> for an image's detail, as other clients of the contract have it.</summary>
    public const string DetailKey = "detail";

    public static List<ChatMessage> Convert(ChatHistory history) => [.. history.Select(static m => Convert(m))];

    static ChatMessage Convert(ChatMessageContent message) =>
        new(new ChatRole(message.Role.Label), [.. message.Items.Where(i => !Repeats(message, i)).SelectMany(i => Convert(message, i))])
        {
            AuthorName = Name(message),
            RawRepresentation = message,
        };

    static IEnumerable<AIContent> Convert(ChatMessageContent message, KernelContent item) => item switch
    {
        TextContent text => [new AITextContent(text.Text)],
        ImageContent image => [Image(image)],
        FunctionCallContent call => [Call(call)],
        FunctionResultContent result => [new AIFunctionResultContent(result.CallId ?? "", FunctionResults.ForModel(result.Result))],
        _ => Other(message, item),
    };

    /// <summary>Semantic Kernel's own road for the rest; it leaves out what it does not know, and nothing may vanish unsaid.</summary>
    /// <exception cref="NotSupportedException">The content is of a kind that has no counterpart.</exception>
    static IEnumerable<AIContent> Other(ChatMessageContent message, KernelContent item)
    {
        if (item.GetType().Name == "ReasoningContent") return [new TextReasoningContent(item.ToString())]; // experimental there, so by name
        IList<AIContent> contents = new ChatMessageContent(message.Role, [item]).ToChatMessage().Contents;
        return contents.Count > 0 ? contents
            : throw new NotSupportedException($"Content of the kind {item.GetType().Name} is not supported in a message of the role \"{message.Role.Label}\".");
    }

    /// <summary>Connectors write the text of a function's result beside the result itself; the model is shown it once.</summary>
    static bool Repeats(ChatMessageContent message, KernelContent item) =>
        message.Role == AuthorRole.Tool && item is TextContent text
        && message.Items.OfType<FunctionResultContent>().Any(r => r.Result as string == text.Text);

    static AIFunctionCallContent Call(FunctionCallContent call) =>
        new(call.Id ?? "", FunctionNames.Join(call.PluginName, call.FunctionName), call.Arguments?.ToDictionary())
        {
            Exception = call.Exception,
            // A call as the model wrote it gives the same tokens again, and so the cached prefix, unless a filter changed it.
            RawRepresentation = call.InnerContent is AIFunctionCallContent own && Same(own.Arguments, call.Arguments) ? own.RawRepresentation : null,
        };

    static bool Same(IDictionary<string, object?>? before, KernelArguments? now) =>
        (before?.Count ?? 0) == (now?.Count ?? 0) && (before is null || before.All(a => now!.TryGetValue(a.Key, out object? value)
            && (Equals(a.Value, value) || (a.Value is JsonElement { ValueKind: JsonValueKind.String } json && value is string text && json.ValueEquals(text)))));

    /// <summary>An image as bytes, or as an address when that is all there is.</summary>
    /// <exception cref="ArgumentException">The image is empty, or its <c>detail</c> is not one of the three words.</exception>
    public static AIContent Image(ImageContent image)
    {
        AIContent content = Source(image);
        if (RequestedDetail.Of(image) is { } detail) content.AdditionalProperties = new() { [DetailKey] = detail.ToWord() };
        return content;
    }

    static AIContent Source(ImageContent image)
    {
        if (image.Data is { IsEmpty: false } data) return new DataContent(data, image.MimeType ?? ImageMediaType.Of(data.Span));
        if (image.Uri is { Scheme: "data" } inline) return new DataContent(inline.OriginalString);
        if (image.Uri is { } uri) return new UriContent(uri, image.MimeType ?? "image/*");
        throw new ArgumentException("An ImageContent has neither data nor an address.");
    }

    static string? Name(ChatMessageContent message)
    {
#pragma warning disable SKEXP0001 // only carried along
        return message.AuthorName;
#pragma warning restore SKEXP0001
    }
}
