using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Pruning;


namespace SK.FasterVlm;

// From settings to the options of a request.
public sealed partial class FasterVlmPromptExecutionSettings
{
    /// <summary>Most answers to one request.</summary>
    internal const int MaxChoices = 16;

    /// <summary>How many answers are wanted.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not 1 to 16.</exception>
    internal int ChoiceCount =>
        Choices is null or (>= 1 and <= MaxChoices) ? Choices ?? 1
        : throw new ArgumentOutOfRangeException(nameof(Choices), $"n is {Choices}; it must be 1 to {MaxChoices}.");

    /// <summary>The options of a request to a chat client; functions and how closely to look at the images are not in it.</summary>
    /// <exception cref="ArgumentException">An unknown name in the extension data, or two that contradict each other.</exception>
    internal ChatOptions ToOptions()
    {
        ChatOptions options = new();
        Fill(options);
        return options;
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Semantic Kernel's own way from settings to options leads through JSON, takes OpenAI's response format for a schema and turns
    /// numbers into texts or the other way round; this sets every option anew from the typed values.
    /// </remarks>
    /// <exception cref="NotSupportedException">Several answers are wanted: a chat client gives one.</exception>
    protected override void PrepareChatOptionsForRequest(ChatOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (ChoiceCount > 1) throw new NotSupportedException(
            $"n is {Choices} but an IChatClient gives one answer to a request; use the IChatCompletionService of AddFasterVlmChatCompletion, or ask {Choices} times.");
        Fill(options);
    }

    void Fill(ChatOptions options)
    {
        Refuse();
        options.ModelId = ModelId;
        options.Instructions = ChatSystemPrompt;
        options.Temperature = Temperature;
        options.TopP = TopP;
        options.TopK = TopK;
        options.FrequencyPenalty = FrequencyPenalty;
        options.PresencePenalty = PresencePenalty;
        options.MaxOutputTokens = MaxTokens;
        options.StopSequences = StopSequences is { } stops ? [.. stops] : null;
        options.Seed = Seed;
        options.ResponseFormat = ResponseFormats.Read(ResponseFormat);
        AdditionalPropertiesDictionary more = [];
        Add("min_p", MinP);
        Add("repetition_penalty", RepetitionPenalty);
        Add("visual_tokens", (VisualTokens ?? (KeepRatio is null ? Detail.Budget() : null))?.ToText());
        Add("keep_ratio", KeepRatio);
        Add("selector", Selector);
        Add("selector_seed", SelectorSeed);
        Add("views", Views?.ToString());
        Add("tool_format", ToolFormat);
        Add("logprobs", Logprobs is true ? true : null);
        Add("top_logprobs", TopLogprobs);
        Add("logit_bias", LogitBias is { } biases ? new Dictionary<int, float>(biases) : null);
        options.AdditionalProperties = more.Count > 0 ? more : null;

        void Add(string key, object? value)
        {
            if (value is not null) more[key] = value; // plain values, so that a cache in between tells two requests apart
        }
    }

    /// <summary>Whether the settings say how many visual tokens to keep.</summary>
    internal bool HasBudget => VisualTokens is not null || KeepRatio is not null;

    /// <summary>How closely to look at images that do not say so themselves.</summary>
    /// <exception cref="ArgumentException">Not one of the three words.</exception>
    internal ImageDetail Detail => ImageDetails.Parse(ImageDetail ?? "auto", "image_detail");

    void Refuse()
    {
        string? stray = ExtensionData?.FirstOrDefault(static e => e.Value is not (null or JsonElement { ValueKind: JsonValueKind.Null })).Key;
        if (stray is not null)
            throw new ArgumentException(
                Names.Contains(stray) ? $"The setting \"{stray}\" stands in ExtensionData of {nameof(FasterVlmPromptExecutionSettings)}; set its property instead."
                : $"The setting \"{stray}\" is not known; there are: {string.Join(", ", Names)}.");
        if (VisualTokens is not null && KeepRatio is not null)
            throw new ArgumentException("visual_tokens and keep_ratio say the same thing; give one of them.");
        if (TopLogprobs is not null && Logprobs is not true) throw new ArgumentException("top_logprobs needs logprobs: true.");
    }

    /// <summary>The JSON names of the settings.</summary>
    static IEnumerable<string> Names => typeof(FasterVlmPromptExecutionSettings).GetProperties()
        .SelectMany(static p => p.GetCustomAttributes(typeof(JsonPropertyNameAttribute), true).Cast<JsonPropertyNameAttribute>())
        .Select(static a => a.Name).Order(StringComparer.Ordinal);
}
