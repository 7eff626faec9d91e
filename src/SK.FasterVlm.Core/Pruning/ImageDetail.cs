namespace SK.FasterVlm.Pruning;

/// <summary>How closely an image is to be looked at: OpenAI's <c>detail</c>, in the order of how much is kept.</summary>
public enum ImageDetail
{
    /// <summary>A tenth of the visual tokens: the paper's 58 of 576 keep 94 % of the quality.</summary>
    Low,

    /// <summary>As the model is set to.</summary>
    Auto,

    /// <summary>All visual tokens.</summary>
    High,
}

/// <summary>The words of <see cref="ImageDetail"/> and what they keep.</summary>
public static class ImageDetails
{
    /// <summary>The word: <c>low</c>, <c>auto</c> or <c>high</c>.</summary>
    public static string ToWord(this ImageDetail detail) => detail switch
    {
        ImageDetail.Low => "low",
        ImageDetail.High => "high",
        _ => "auto",
    };

    /// <summary>Reads a word, in any case.</summary>
    /// <param name="word">The word.</param>
    /// <param name="where">What it was read from, for the error.</param>
    /// <exception cref="ArgumentException">Not one of the three words.</exception>
    public static ImageDetail Parse(string? word, string where) => word?.Trim().ToUpperInvariant() switch
    {
        "LOW" => ImageDetail.Low,
        "AUTO" => ImageDetail.Auto,
        "HIGH" => ImageDetail.High,
        _ => throw new ArgumentException($"{where} is \"{word}\"; write low, auto or high."),
    };

    /// <summary>Visual tokens for a detail; null for <see cref="ImageDetail.Auto"/>.</summary>
    public static VisualTokenBudget? Budget(this ImageDetail detail) => detail switch
    {
        ImageDetail.Low => VisualTokenBudget.Keep(0.10),
        ImageDetail.High => VisualTokenBudget.All,
        _ => null,
    };
}
