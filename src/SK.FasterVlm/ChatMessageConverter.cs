using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using AIContent = Microsoft.Extensions.AI.AIContent;
using AITextContent = Microsoft.Extensions.AI.TextContent;

namespace SK.FasterVlm;

/// <summary>
/// Semantic Kernel's messages to chat messages. Images go over as their bytes, not through base64, and need no MIME type; what is not
/// text or an image takes Semantic Kernel's own road.
/// </summary>
static class ChatMessageConverter
{
    public static IEnumerable<ChatMessage> Convert(ChatHistory history) => history.Select(static m => Convert(m));

    static ChatMessage Convert(ChatMessageContent message) =>
        new(new ChatRole(message.Role.Label), [.. message.Items.SelectMany(i => Convert(message, i))])
        {
            AuthorName = Name(message),
            RawRepresentation = message,
        };

    static IEnumerable<AIContent> Convert(ChatMessageContent message, KernelContent item) => item switch
    {
        Microsoft.SemanticKernel.TextContent text => [new AITextContent(text.Text)],
        ImageContent image => [Image(image)],
        _ => new ChatMessageContent(message.Role, [item]).ToChatMessage().Contents,
    };

    static AIContent Image(ImageContent image)
    {
        // Label without meaning: the decoder looks at the bytes.
        if (image.Data is { IsEmpty: false } data) return new DataContent(data, image.MimeType ?? "application/octet-stream");
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
