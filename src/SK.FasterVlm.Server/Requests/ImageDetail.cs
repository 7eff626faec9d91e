using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Server.Requests;

/// <summary>OpenAI's <c>detail</c>, in the order of how much is kept.</summary>
enum ImageDetail
{
    Low,
    Auto,
    High,
}

static class ImageDetails
{
    /// <summary>What a detail keeps; null leaves it to the model's options.</summary>
    public static VisualTokenBudget? Budget(this ImageDetail detail, FasterVlmServerOptions options) => detail switch
    {
        ImageDetail.Low => options.LowDetail,
        ImageDetail.High => options.HighDetail,
        _ => options.AutoDetail,
    };
}
