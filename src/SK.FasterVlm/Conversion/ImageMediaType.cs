using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using SK.FasterVlm.Functions;
using SK.FasterVlm.Imaging;

namespace SK.FasterVlm.Conversion;

/// <summary>The media type of an image that came without one, read off its first bytes.</summary>
static class ImageMediaType
{
    /// <summary>The type, or <c>application/octet-stream</c> for bytes that are no image: the decoder then says what they are.</summary>
    public static string Of(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return ImageHeader.Read(bytes).MediaType;
        }
        catch (ImageFormatException)
        {
            return "application/octet-stream";
        }
    }

    /// <summary>
    /// Gives every image of a history its type. Semantic Kernel copies the history into the context of its filters and fails there
    /// over an image without one, so this is done before functions are invoked, where the history is added to anyway.
    /// </summary>
    public static void FillIn(ChatHistory history)
    {
        foreach (KernelContent item in history.SelectMany(static m => m.Items))
            foreach (ImageContent image in item is FunctionResultContent result ? FunctionResults.Images(result.Result) : item is ImageContent i ? [i] : [])
                if (image.MimeType is null && image.Data is { IsEmpty: false } data) image.MimeType = Of(data.Span);
    }
}
