using SK.FasterVlm.Chat.Tools;
using SK.FasterVlm.Generation;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Chat;

/// <summary>
/// What a request can say beyond <see cref="Microsoft.Extensions.AI.ChatOptions"/>; null leaves a thing to the model's options.
/// Return one from <see cref="Microsoft.Extensions.AI.ChatOptions.RawRepresentationFactory"/>, or use the names given here as keys of
/// <see cref="Microsoft.Extensions.AI.ChatOptions.AdditionalProperties"/>.
/// </summary>
public sealed record FasterVlmRequestOptions
{
    /// <summary>
    /// <c>visual_tokens</c> (a budget, its text form, or a count) or <c>keep_ratio</c> (0 to 1): visual tokens to keep of a view.
    /// </summary>
    public VisualTokenBudget? VisualTokens { get; init; }

    /// <summary><c>selector</c> (a selector or its name): who is kept.</summary>
    public IVisualTokenSelector? Selector { get; init; }

    /// <summary><c>selector_seed</c>: for selectors that draw at random (default 0).</summary>
    public int? SelectorSeed { get; init; }

    /// <summary>
    /// <c>views</c> (settings or their text form, for example <c>2x2,spatial_unpad</c>): views of a picture and the order of their
    /// tokens; matters for LLaVA-NeXT.
    /// </summary>
    public ViewSettings? Views { get; init; }

    /// <summary>Told after every encoded view; typed only, there is no key for it.</summary>
    public IProgress<ImageProgress>? ImageProgress { get; init; }

    /// <summary><c>min_p</c>: drop tokens below this share of the likeliest one, 0 (default, off) to 1.</summary>
    public float? MinP { get; init; }

    /// <summary><c>repetition_penalty</c>: over the last 64 tokens, above 0 to 10; 1 (default) is off.</summary>
    public float? RepetitionPenalty { get; init; }

    /// <summary>
    /// <c>logprobs</c>: whether the response carries the log-probability of every token
    /// (<see cref="FasterVlmChatClient.LogProbabilitiesKey"/>; default false).
    /// </summary>
    public bool? LogProbabilities { get; init; }

    /// <summary><c>top_logprobs</c>: how many of the likeliest tokens are reported beside each token, 0 (default) to 20; implies <c>logprobs</c>.</summary>
    public int? TopLogProbabilities { get; init; }

    /// <summary><c>logit_bias</c>: added to the logits of tokens (by id), -100 to 100.</summary>
    public IReadOnlyDictionary<int, float>? LogitBias { get; init; }

    /// <summary><c>tool_format</c> (a format or its name: line, hermes): how functions, calls and results are written.</summary>
    public ToolFormat? ToolFormat { get; init; }
}
