using System.Collections.ObjectModel;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.SemanticKernel;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm;

/// <summary>
/// Settings of one prompt. Null leaves a thing to the model's options. The JSON names are those of prompt files; ranges are checked
/// when the request is made.
/// </summary>
[JsonNumberHandling(JsonNumberHandling.AllowReadingFromString)]
public sealed class FasterVlmPromptExecutionSettings : PromptExecutionSettings
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

    /// <summary>How many visual tokens to keep of an image; in JSON <c>all</c>, <c>10%</c>, <c>58</c> or <c>mass:0.9</c>.</summary>
    [JsonPropertyName("visual_tokens")]
    public VisualTokenBudget? VisualTokens { get; set => field = Thawed(value); }

    /// <summary>Who is kept: <c>cls</c>, <c>random</c> or <c>uniform</c>.</summary>
    [JsonPropertyName("selector")]
    public string? Selector { get; set => field = Thawed(value); }

    /// <summary>Seed for selectors that draw at random.</summary>
    [JsonPropertyName("selector_seed")]
    public int? SelectorSeed { get; set => field = Thawed(value); }

    /// <summary>These settings from any others: the same object if it is one already, else by way of their JSON names.</summary>
    /// <param name="settings">May be null: everything at its default.</param>
    /// <exception cref="JsonException">A value is of the wrong type.</exception>
    public static FasterVlmPromptExecutionSettings FromExecutionSettings(PromptExecutionSettings? settings)
    {
        switch (settings)
        {
            case null:
                return new();
            case FasterVlmPromptExecutionSettings same:
                return same;
            default:
                string json = JsonSerializer.Serialize(settings, settings.GetType());
                FasterVlmPromptExecutionSettings read = JsonSerializer.Deserialize<FasterVlmPromptExecutionSettings>(json)!;
                read.FunctionChoiceBehavior = settings.FunctionChoiceBehavior; // does not survive JSON
                return read;
        }
    }

    /// <inheritdoc/>
    public override void Freeze()
    {
        if (IsFrozen) return;
        if (StopSequences is { } stops) StopSequences = new ReadOnlyCollection<string>(stops);
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
        VisualTokens = VisualTokens,
        Selector = Selector,
        SelectorSeed = SelectorSeed,
    };

    T Thawed<T>(T value)
    {
        ThrowIfFrozen();
        return value;
    }
}
