using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using SK.FasterVlm.Functions;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Conversion;

/// <summary>How closely an image is to be looked at: OpenAI's <c>detail</c>, in the order of how much is kept.</summary>
enum ImageDetail
{
    Low,
    Auto,
    High,
}

/// <summary>Reads <c>detail</c> off images and settings.</summary>
static class ImageDetails
{
    // Semantic Kernel's OpenAI connector reads the first; the second is the word of the protocol.
    static readonly string[] Keys = ["ChatImageDetailLevel", "detail"];

    public static string ToWord(this ImageDetail detail) => detail switch
    {
        ImageDetail.Low => "low",
        ImageDetail.High => "high",
        _ => "auto",
    };

    /// <exception cref="ArgumentException">Not one of the three words.</exception>
    public static ImageDetail Parse(string? word, string where) => word?.Trim().ToUpperInvariant() switch
    {
        "LOW" => ImageDetail.Low,
        "AUTO" => ImageDetail.Auto,
        "HIGH" => ImageDetail.High,
        _ => throw new ArgumentException($"{where} is \"{word}\"; write low, auto or high."),
    };

    /// <summary>
    /// Visual tokens for a detail: low is a tenth (the paper's 58 of 576 keep 94 % of the quality), high is all, auto is the model's own.
    /// </summary>
    public static VisualTokenBudget? Budget(ImageDetail detail) => detail switch
    {
        ImageDetail.Low => VisualTokenBudget.Keep(0.10),
        ImageDetail.High => VisualTokenBudget.All,
        _ => null,
    };

    /// <summary>What an image says of itself, if anything.</summary>
    public static ImageDetail? Of(ImageContent image)
    {
        foreach (string key in Keys)
            if (image.Metadata?.GetValueOrDefault(key) is { } value) return Parse(value.ToString(), $"ImageContent.Metadata[\"{key}\"]");
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
