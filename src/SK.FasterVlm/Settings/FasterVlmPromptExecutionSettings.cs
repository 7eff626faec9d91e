using System.Collections.ObjectModel;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.SemanticKernel;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm;

/// <summary>
/// Settings of one prompt. Null leaves a thing to the model's options. The JSON names are those of prompt files; ranges are checked
/// when the request is made, and a name that is not known is an error then.
/// </summary>
[JsonNumberHandling(JsonNumberHandling.AllowReadingFromString)]
public sealed partial class FasterVlmPromptExecutionSettings : PromptExecutionSettings
{
    /// <summary>0 (greedy, the default) to 5.</summary>
    [JsonPropertyName("temperature")]
    public float? Temperature { get; set => field = Thawed(value); }

    /// <summary>Nucleus: above 0 to 1 (default: off).</summary>
    [JsonPropertyName("top_p")]
    public float? TopP { get; set => field = Thawed(value); }

    /// <summary>Keep the k likeliest tokens; 0 (default) keeps all.</summary>
    [JsonPropertyName("top_k")]
    public int? TopK { get; set => field = Thawed(value); }

    /// <summary>Drop tokens below this share of the likeliest one, 0 (default, off) to 1.</summary>
    [JsonPropertyName("min_p")]
    public float? MinP { get; set => field = Thawed(value); }

    /// <summary>Over the last 64 tokens, above 0 to 10; 1 (default) is off.</summary>
    [JsonPropertyName("repetition_penalty")]
    public float? RepetitionPenalty { get; set => field = Thawed(value); }

    /// <summary>-2 to 2; 0 (default) is off.</summary>
    [JsonPropertyName("frequency_penalty")]
    public float? FrequencyPenalty { get; set => field = Thawed(value); }

    /// <summary>-2 to 2; 0 (default) is off.</summary>
    [JsonPropertyName("presence_penalty")]
    public float? PresencePenalty { get; set => field = Thawed(value); }

    /// <summary>Most tokens of the answer, at least 1.</summary>
    [JsonPropertyName("max_tokens")]
    public int? MaxTokens { get; set => field = Thawed(value); }

    /// <summary>Texts that end the answer.</summary>
    [JsonPropertyName("stop_sequences")]
    public IList<string>? StopSequences { get; set => field = Thawed(value); }

    /// <summary>Seed of the random draws, 0 to 4,294,967,295; null (default) draws one.</summary>
    [JsonPropertyName("seed")]
    public long? Seed { get; set => field = Thawed(value); }

    /// <summary>
    /// What the answer must look like: a <see cref="Type"/> (its JSON schema), a schema (<see cref="JsonElement"/>, or its text), a
    /// <see cref="Microsoft.Extensions.AI.ChatResponseFormat"/> or the OpenAI SDK's, <c>"json_object"</c>, <c>"text"</c>, or OpenAI's
    /// <c>{"type": "json_schema", "json_schema": {...}}</c>.
    /// </summary>
    [JsonPropertyName("response_format")]
    [JsonConverter(typeof(ResponseFormatJsonConverter))]
    public object? ResponseFormat { get; set => field = Thawed(value); }

    /// <summary>How functions, calls and results are written to the model, by name; null takes the format of the model.</summary>
    [JsonPropertyName("tool_format")]
    public string? ToolFormat { get; set => field = Thawed(value); }

    /// <summary>System text for conversations that have none of their own.</summary>
    [JsonPropertyName("chat_system_prompt")]
    public string? ChatSystemPrompt { get; set => field = Thawed(value); }

    /// <summary>Answers to give to one request, 1 (default) to 16. Only 1 goes together with functions that are invoked automatically.</summary>
    [JsonPropertyName("n")]
    public int? Choices { get; set => field = Thawed(value); }

    /// <summary>Whether to give the log-probability of each token of the answer (default false).</summary>
    [JsonPropertyName("logprobs")]
    public bool? Logprobs { get; set => field = Thawed(value); }

    /// <summary>How many of the likeliest tokens to give at each place, 0 to 20; needs <see cref="Logprobs"/>.</summary>
    [JsonPropertyName("top_logprobs")]
    public int? TopLogprobs { get; set => field = Thawed(value); }

    /// <summary>Added to the logits of tokens, by token id, -100 to 100.</summary>
    [JsonPropertyName("logit_bias")]
    public IDictionary<int, float>? LogitBias { get; set => field = Thawed(value); }

    /// <summary>
    /// How closely to look at images that do not say so themselves (<c>Metadata["detail"]</c>): <c>low</c>, <c>auto</c> (default, the
    /// model's own budget) or <c>high</c>. <see cref="VisualTokens"/> and <see cref="KeepRatio"/> go before it.
    /// </summary>
    [JsonPropertyName("image_detail")]
    public string? ImageDetail { get; set => field = Thawed(value); }

    /// <summary>How many visual tokens to keep of an image; in JSON <c>all</c>, <c>10%</c>, <c>58</c> or <c>mass:0.9</c>.</summary>
    [JsonPropertyName("visual_tokens")]
    public VisualTokenBudget? VisualTokens { get; set => field = Thawed(value); }

    /// <summary>Share of the visual tokens to keep, 0 to 1: <see cref="VisualTokens"/> said in another way; give one of the two.</summary>
    [JsonPropertyName("keep_ratio")]
    public double? KeepRatio { get; set => field = Thawed(value); }

    /// <summary>Who is kept: <c>cls</c>, <c>random</c> or <c>uniform</c>.</summary>
    [JsonPropertyName("selector")]
    public string? Selector { get; set => field = Thawed(value); }

    /// <summary>Seed for selectors that draw at random.</summary>
    [JsonPropertyName("selector_seed")]
    public int? SelectorSeed { get; set => field = Thawed(value); }

    /// <summary>Views of a picture and the order of their tokens (LLaVA-NeXT); in JSON for example <c>base</c> or <c>2x2,spatial_unpad</c>.</summary>
    [JsonPropertyName("views")]
    public ViewSettings? Views { get; set => field = Thawed(value); }

    /// <summary>These settings from any others: the same object if it is one already, else by way of their JSON names.</summary>
    /// <param name="settings">May be null: everything at its default.</param>
    /// <exception cref="ArgumentException">A value is of the wrong type; the message names it.</exception>
    public static FasterVlmPromptExecutionSettings FromExecutionSettings(PromptExecutionSettings? settings) => settings switch
    {
        null => new(),
        FasterVlmPromptExecutionSettings same => same,
        _ => SettingsReader.Read(settings),
    };

    /// <inheritdoc/>
    public override void Freeze()
    {
        if (IsFrozen) return;
        if (StopSequences is { } stops) StopSequences = new ReadOnlyCollection<string>(stops);
        if (LogitBias is { } biases) LogitBias = new ReadOnlyDictionary<int, float>(biases);
        base.Freeze();
    }

    /// <inheritdoc/>
    public override PromptExecutionSettings Clone() => new FasterVlmPromptExecutionSettings
    {
        ModelId = ModelId,
        ServiceId = ServiceId,
        FunctionChoiceBehavior = FunctionChoiceBehavior,
        ExtensionData = ExtensionData is { } extension ? new Dictionary<string, object>(extension) : null,
        Temperature = Temperature,
        TopP = TopP,
        TopK = TopK,
        MinP = MinP,
        RepetitionPenalty = RepetitionPenalty,
        FrequencyPenalty = FrequencyPenalty,
        PresencePenalty = PresencePenalty,
        MaxTokens = MaxTokens,
        StopSequences = StopSequences is { } stops ? [.. stops] : null,
        Seed = Seed,
        ResponseFormat = ResponseFormat,
        ToolFormat = ToolFormat,
        ChatSystemPrompt = ChatSystemPrompt,
        Choices = Choices,
        Logprobs = Logprobs,
        TopLogprobs = TopLogprobs,
        LogitBias = LogitBias is { } biases ? new Dictionary<int, float>(biases) : null,
        ImageDetail = ImageDetail,
        VisualTokens = VisualTokens,
        KeepRatio = KeepRatio,
        Selector = Selector,
        SelectorSeed = SelectorSeed,
        Views = Views,
    };

    T Thawed<T>(T value)
    {
        ThrowIfFrozen();
        return value;
    }
}
