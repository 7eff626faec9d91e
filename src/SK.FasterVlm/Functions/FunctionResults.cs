using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.SemanticKernel;
using SK.FasterVlm.Conversion;
using AIContent = Microsoft.Extensions.AI.AIContent;
using AITextContent = Microsoft.Extensions.AI.TextContent;
using TextContent = Microsoft.SemanticKernel.TextContent;

namespace SK.FasterVlm.Functions;

/// <summary>What a function gave back: as it stands in the history, and as a model is shown it.</summary>
static class FunctionResults
{
    // The model reads it, no browser does: escaping letters would only cost tokens.
    static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Images, texts and messages stay what they are; any other value becomes JSON.</summary>
    public static object ForHistory(object? result) => result switch
    {
        null => "",
        string or ImageContent or AIContent or IEnumerable<KernelContent> or IEnumerable<AIContent> or IEnumerable<ChatMessageContent> => result,
        ChatMessageContent message => message.Items.Any(static i => i is ImageContent) ? message.Items.ToArray<KernelContent>() : message.ToString(),
        KernelContent content => content.ToString() ?? "",
        _ => JsonSerializer.Serialize(result, Json),
    };

    /// <summary>A text, or contents (texts and images in their order).</summary>
    public static object ForModel(object? result) => result switch
    {
        string text => text,
        AIContent content => content,
        ImageContent image => ChatMessageConverter.Image(image),
        IEnumerable<AIContent> contents => contents.ToArray(),
        IEnumerable<ChatMessageContent> messages => Contents(messages.SelectMany(static m => m.Items)),
        IEnumerable<KernelContent> contents => Contents(contents),
        Exception error => $"Error: {error.Message}",
        JsonElement json => json.GetRawText(),
        _ => ForHistory(result),
    };

    /// <summary>The images in a result.</summary>
    public static IEnumerable<ImageContent> Images(object? result) => result switch
    {
        ImageContent image => [image],
        IEnumerable<ChatMessageContent> messages => messages.SelectMany(static m => m.Items).OfType<ImageContent>(),
        IEnumerable<KernelContent> contents => contents.OfType<ImageContent>(),
        _ => [],
    };

    static object Contents(IEnumerable<KernelContent> contents)
    {
        AIContent[] converted =
            [.. contents.Select(static AIContent (c) => c is ImageContent image ? ChatMessageConverter.Image(image) : new AITextContent(Text(c)))];
        return converted.All(static c => c is AITextContent) ? string.Join('\n', converted.Select(static c => ((AITextContent)c).Text)) : converted;
    }

    static string Text(KernelContent content) => content is TextContent text ? text.Text ?? "" : content.ToString() ?? "";
}
