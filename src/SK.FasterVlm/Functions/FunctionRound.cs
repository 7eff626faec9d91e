using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;

namespace SK.FasterVlm.Functions;

/// <summary>What the functions are in one request to the model: which are shown, whether one must be called, who invokes them.</summary>
sealed class FunctionRound
{
    static readonly FunctionRound Nothing = new(null, [], false);

    readonly FunctionChoiceBehaviorConfiguration? _configuration;
    readonly Dictionary<string, KernelFunction> _functions;

    FunctionRound(FunctionChoiceBehaviorConfiguration? configuration, Dictionary<string, KernelFunction> functions, bool autoInvoke) =>
        (_configuration, _functions, AutoInvoke) = (configuration, functions, autoInvoke);

    /// <summary>Whether calls are invoked here; false leaves them to the caller.</summary>
    public bool AutoInvoke { get; }

    /// <summary>Whether the calls of one message may run at the same time.</summary>
    public bool Concurrent => _configuration?.Options.AllowConcurrentInvocation ?? false;

    /// <summary>Asks the behaviour anew for every request, as it may answer differently each time: "required" holds for the first.</summary>
    /// <exception cref="KernelException">Functions are to be invoked but there is no kernel, or it lacks one of them.</exception>
    /// <exception cref="ArgumentException">Two functions have one name.</exception>
    public static FunctionRound Create(FunctionChoiceBehavior? behavior, ChatHistory history, Kernel? kernel, int index, bool mayInvoke)
    {
        if (behavior is null) return Nothing;
        FunctionChoiceBehaviorConfiguration configuration =
            behavior.GetConfiguration(new FunctionChoiceBehaviorConfigurationContext(history) { Kernel = kernel, RequestSequenceIndex = index });
        Dictionary<string, KernelFunction> functions = new(StringComparer.Ordinal);
        foreach (KernelFunction function in configuration.Functions ?? [])
            if (!functions.TryAdd(FunctionNames.Of(function), function))
                throw new ArgumentException($"Two functions have the name \"{FunctionNames.Of(function)}\"; a model could not tell them apart.");
        return new FunctionRound(configuration, functions, configuration.AutoInvoke && kernel is not null && mayInvoke);
    }

    /// <summary>
    /// Shows the functions to the model, as declarations only: whatever clients stand between, no one but this service invokes them.
    /// </summary>
    public void ApplyTo(ChatOptions options)
    {
        if (_functions.Count == 0) return;
        options.Tools = [.. _functions.Select(static AITool (f) => AIFunctionFactory.CreateDeclaration(f.Key, f.Value.Description, f.Value.JsonSchema, null))];
        options.AllowMultipleToolCalls = _configuration!.Options.AllowParallelCalls;
        options.ToolMode =
            _configuration.Choice == FunctionChoice.None ? ChatToolMode.None
            : _configuration.Choice != FunctionChoice.Required ? ChatToolMode.Auto
            : _functions.Count == 1 ? ChatToolMode.RequireSpecific(_functions.Keys.First())
            : ChatToolMode.RequireAny;
    }

    /// <summary>The function a model called.</summary>
    public KernelFunction? Find(string name) => _functions.GetValueOrDefault(name);

    /// <summary>Plugin and function of a called name, whether or not it was one of those shown.</summary>
    public (string? Plugin, string Function) Split(string name) =>
        Find(name) is { } function ? (function.PluginName, function.Name) : FunctionNames.Split(name);
}
