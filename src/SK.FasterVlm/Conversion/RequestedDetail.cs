using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using SK.FasterVlm.Functions;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Conversion;

/// <summary>Reads <c>detail</c> off images and conversations.</summary>
static class RequestedDetail
{
    // Semantic Kernel's OpenAI connector reads the first; the second is the word of the protocol.
    static readonly string[] Keys = ["ChatImageDetailLevel", "detail"];

    /// <summary>What an image says of itself, if anything.</summary>
    public static ImageDetail? Of(ImageContent image)
    {
        foreach (string key in Keys)
            if (image.Metadata?.GetValueOrDefault(key) is { } value) return ImageDetails.Parse(value.ToString(), $"ImageContent.Metadata[\"{key}\"]");
        return null;
    }

    /// <summary>
    /// The detail of a request, which has one budget for all of its images: that of the image that wants most, where an image that
    /// says nothing counts as <paramref name="otherwise"/>. Null when there is no image.
    /// </summary>
    public static ImageDetail? Of(ChatHistory history, ImageDetail otherwise) =>
        history.SelectMany(static m => m.Items)
            .SelectMany(static i => i is FunctionResultContent result ? FunctionResults.Images(result.Result) : i is ImageContent image ? [image] : [])
            .Select(i => (ImageDetail?)(Of(i) ?? otherwise))
            .Max();
}
