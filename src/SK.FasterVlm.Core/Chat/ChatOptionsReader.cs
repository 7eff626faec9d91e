using System.Globalization;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat.Tools;
using SK.FasterVlm.Generation;
using SK.FasterVlm.Language;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Chat;

/// <summary>
/// From <see cref="ChatOptions"/> to a <see cref="GenerationRequest"/>: every option is honoured, or refused by an error that names
/// it. A test fails when a new version of the contract brings an option that is not decided on here.
/// </summary>
static class ChatOptionsReader
{
    /// <summary>Keys of <see cref="ChatOptions.AdditionalProperties"/> that mean something.</summary>
    public static readonly IReadOnlyList<string> Keys =
    [
        "visual_tokens", "keep_ratio", "selector", "selector_seed", "views", "min_p", "repetition_penalty", "logprobs", "top_logprobs",
        "logit_bias", "tool_format",
    ];

    /// <summary>Refuses what this model cannot do.</summary>
    /// <exception cref="NotSupportedException">An option asks for something that is not there.</exception>
    /// <exception cref="ArgumentException">The model id is another model's.</exception>
    public static void CheckSupported(ChatOptions options, string modelId)
    {
        if (options.ModelId is { } id && !id.Equals(modelId, StringComparison.OrdinalIgnoreCase))
            throw new ArgumentException($"ChatOptions.ModelId is \"{id}\" but this client serves \"{modelId}\".", nameof(options));
        Refuse(options.ConversationId is not null, nameof(options.ConversationId), "conversations are not stored; send all messages");
        Refuse(options.ToolMode is not (null or AutoChatToolMode or NoneChatToolMode or RequiredChatToolMode), nameof(options.ToolMode), "this mode is not known");
        Refuse(options.ResponseFormat is not (null or ChatResponseFormatText or ChatResponseFormatJson),
            nameof(options.ResponseFormat), "only text, JSON and JSON of a schema are");
        Refuse(options.Reasoning is { Effort: not (null or ReasoningEffort.None) } or { Output: not (null or ReasoningOutput.None) },
            nameof(options.Reasoning), "the model does not reason before it answers");
#pragma warning disable MEAI001 // experimental options; refusing them is safe whatever becomes of them
        Refuse(options.AllowBackgroundResponses is true, nameof(options.AllowBackgroundResponses), "requests run in the foreground");
        Refuse(options.ContinuationToken is not null, nameof(options.ContinuationToken), "requests run in the foreground");
#pragma warning restore MEAI001
        // Tools, ToolMode, AllowMultipleToolCalls and ResponseFormat are read by Tools.AnswerForm.

        static void Refuse(bool condition, string option, string reason)
        {
            if (condition) throw new NotSupportedException($"ChatOptions.{option} is not supported: {reason}.");
        }
    }

    /// <summary>
    /// Sampling settings. Temperature 0 (greedy) is the default, as LLaVA is evaluated; without a seed a random one is drawn.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of range; the message names it.</exception>
    public static SamplingSettings Sampling(ChatOptions? options, FasterVlmRequestOptions extra) => new()
    {
        Temperature = InRange(options?.Temperature ?? 0, 0, 5, nameof(ChatOptions.Temperature)),
        TopK = options?.TopK switch { null => 0, >= 0 and { } k => k, { } k => throw Out(nameof(ChatOptions.TopK), k, "0 or more") },
        TopP = AboveZero(options?.TopP ?? 1, 1, nameof(ChatOptions.TopP)),
        MinP = InRange(extra.MinP ?? 0, 0, 1, "min_p"),
        RepetitionPenalty = AboveZero(extra.RepetitionPenalty ?? 1, 10, "repetition_penalty"),
        FrequencyPenalty = InRange(options?.FrequencyPenalty ?? 0, -2, 2, nameof(ChatOptions.FrequencyPenalty)),
        PresencePenalty = InRange(options?.PresencePenalty ?? 0, -2, 2, nameof(ChatOptions.PresencePenalty)),
        Seed = options?.Seed switch
        {
            null => (uint)Random.Shared.NextInt64(0, 1L << 32),
            >= 0 and <= uint.MaxValue and { } seed => (uint)seed,
            { } seed => throw Out(nameof(ChatOptions.Seed), seed, "0 to 4294967295"),
        },
        LogitBias = extra.LogitBias,
    };

    /// <summary>How many alternatives to record for each token; null for no log-probabilities.</summary>
    /// <exception cref="ArgumentException">More than 20 are asked for, or some together with <c>logprobs</c> false.</exception>
    public static int? TopLogProbabilities(FasterVlmRequestOptions extra) => extra switch
    {
        { TopLogProbabilities: { } top } when (uint)top > LogProbabilityRecord.MostAlternatives => throw Out("top_logprobs", top, "0 to 20"),
        { LogProbabilities: false, TopLogProbabilities: > 0 } => throw new ArgumentException("top_logprobs needs logprobs; it is off.", nameof(extra)),
        { TopLogProbabilities: { } top, LogProbabilities: not false } => top,
        { LogProbabilities: true } => 0,
        _ => null,
    };

    /// <summary>Tokens the answer may have.</summary>
    public static int MaxOutputTokens(ChatOptions? options, int fallback) =>
        options?.MaxOutputTokens switch
        {
            null => fallback,
            >= 1 and { } max => max,
            { } max => throw Out(nameof(ChatOptions.MaxOutputTokens), max, "1 or more"),
        };

    /// <summary>Stop texts.</summary>
    public static IReadOnlyList<string> Stop(ChatOptions? options) =>
        options?.StopSequences is not { Count: > 0 } stops ? []
        : stops.Any(string.IsNullOrEmpty) ? throw new ArgumentException("ChatOptions.StopSequences holds an empty text.", nameof(options))
        : [.. stops];

    /// <summary>The options of our own: typed first, then by key.</summary>
    /// <exception cref="ArgumentException">An unknown key, or a value of the wrong type.</exception>
    public static FasterVlmRequestOptions Extra(ChatOptions? options, IChatClient client)
    {
        FasterVlmRequestOptions extra = options?.RawRepresentationFactory?.Invoke(client) switch
        {
            null => new FasterVlmRequestOptions(),
            FasterVlmRequestOptions typed => typed,
            { } other => throw new ArgumentException(
                $"ChatOptions.RawRepresentationFactory gave a {other.GetType().Name}; this client takes a {nameof(FasterVlmRequestOptions)}.",
                nameof(options)),
        };
        if (options?.AdditionalProperties is not { } properties) return extra;
        if (properties.ContainsKey("visual_tokens") && properties.ContainsKey("keep_ratio"))
            throw new ArgumentException("visual_tokens and keep_ratio say the same thing; give one of them.", nameof(options));
        foreach ((string key, object? value) in properties)
        {
            if (value is null) continue;
            extra = key switch
            {
                "visual_tokens" => extra with { VisualTokens = OptionValue.Budget(key, value) },
                "keep_ratio" => extra with { VisualTokens = VisualTokenBudget.Keep(OptionValue.Number(key, value)) },
                "selector" => extra with { Selector = value as IVisualTokenSelector ?? VisualTokenSelectors.ByName(OptionValue.Text(key, value)) },
                "selector_seed" => extra with { SelectorSeed = OptionValue.Integer(key, value) },
                "views" => extra with { Views = OptionValue.Views(key, value) },
                "min_p" => extra with { MinP = (float)OptionValue.Number(key, value) },
                "repetition_penalty" => extra with { RepetitionPenalty = (float)OptionValue.Number(key, value) },
                "logprobs" => extra with { LogProbabilities = OptionValue.Flag(key, value) },
                "top_logprobs" => extra with { TopLogProbabilities = OptionValue.Integer(key, value) },
                "tool_format" => extra with { ToolFormat = value as ToolFormat ?? ToolFormat.ByName(OptionValue.Text(key, value)) },
                "logit_bias" => extra with { LogitBias = OptionValue.Biases(key, value) },
                _ => throw new ArgumentException(
                    $"ChatOptions.AdditionalProperties[\"{key}\"] is not known; there are: {string.Join(", ", Keys)}.", nameof(options)),
            };
        }
        return extra;
    }

    static float InRange(float value, float low, float high, string name) =>
        value >= low && value <= high ? value : throw Out(name, value, string.Create(CultureInfo.InvariantCulture, $"{low} to {high}"));

    static float AboveZero(float value, float high, string name) =>
        value > 0 && value <= high ? value : throw Out(name, value, string.Create(CultureInfo.InvariantCulture, $"above 0 and at most {high}"));

    static ArgumentOutOfRangeException Out(string name, object value, string range) => new(name, value, $"{name} must be {range}.");
}
