using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using SK.FasterVlm.Conversion;
using SK.FasterVlm.Functions;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm;

/// <summary>One request to the service: what the caller gave, checked, and what each request to the chat client is made of.</summary>
sealed class ServiceRequest
{
    readonly FasterVlmPromptExecutionSettings _settings;

    /// <exception cref="ArgumentException">A setting is unknown, or settings contradict each other.</exception>
    public ServiceRequest(ChatHistory history, PromptExecutionSettings? settings, Kernel? kernel)
    {
        ArgumentNullException.ThrowIfNull(history);
        (History, GivenSettings, Kernel) = (history, settings, kernel);
        _settings = FasterVlmPromptExecutionSettings.FromExecutionSettings(settings);
        Choices = _settings.ChoiceCount;
    }

    public ChatHistory History { get; }

    /// <summary>The caller's own object, for filters.</summary>
    public PromptExecutionSettings? GivenSettings { get; }

    public Kernel? Kernel { get; }

    public int Choices { get; }

    /// <summary>The functions of the request with this index.</summary>
    /// <exception cref="ArgumentException">Several answers are wanted of functions that are invoked automatically.</exception>
    public FunctionRound Round(int index, int choice, int maxRounds)
    {
        FunctionRound round = FunctionRound.Create(
            _settings.FunctionChoiceBehavior, History, Kernel, index, mayInvoke: index < maxRounds && !FunctionInvoker.TooDeep);
        if (Choices > 1 && choice == 0 && round.AutoInvoke)
            throw new ArgumentException("n must be 1 when functions are invoked automatically: each answer would need a history of its own.");
        return round;
    }

    /// <summary>The conversation as it stands.</summary>
    public List<ChatMessage> Messages() => ChatMessageConverter.Convert(History);

    /// <summary>The options of a request.</summary>
    public ChatOptions Options(FunctionRound round, int choice)
    {
        ChatOptions options = _settings.ToOptions();
        if (History.Any(static m => m.Role == AuthorRole.System)) options.Instructions = null; // the conversation has its own
        if (options.Seed is { } seed) options.Seed = seed + choice; // each answer its own draw, all of them repeatable
        if (!_settings.HasBudget && RequestedDetail.Of(History, _settings.Detail) is { } detail)
        {
            (options.AdditionalProperties ??= []).Remove("visual_tokens");
            if (detail.Budget() is { } budget) options.AdditionalProperties["visual_tokens"] = budget.ToText();
            if (options.AdditionalProperties.Count == 0) options.AdditionalProperties = null;
        }
        round.ApplyTo(options);
        return options;
    }
}
