using Microsoft.Extensions.Logging;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using SK.FasterVlm.Conversion;

namespace SK.FasterVlm.Functions;

/// <summary>
/// Invokes the calls of a model's message with Semantic Kernel's filters around them, and puts calls and results into the history.
/// A call that cannot be carried out, or whose function fails, becomes a result that says so: the model may correct itself.
/// </summary>
/// <param name="logger">For what was refused and what failed.</param>
/// <param name="errorDetails">Whether the model is told the message of a function's exception.</param>
sealed partial class FunctionInvoker(ILogger logger, bool errorDetails)
{
    /// <summary>Most nested auto-invocations of one flow (a function that asks a model that calls the function ...), as in Semantic Kernel.</summary>
    public const int MaxInFlight = 128;

    static readonly AsyncLocal<int> InFlight = new();

    /// <summary>Whether this flow is nested too deeply to invoke anything more.</summary>
    public static bool TooDeep => InFlight.Value >= MaxInFlight;

    /// <summary>Invokes every call of <paramref name="message"/>.</summary>
    /// <returns>The last message of the history when a filter asked to stop; else null, and the model is to be asked again.</returns>
    public async Task<ChatMessageContent?> InvokeAsync(
        ChatMessageContent message, FunctionCallContent[] calls, FunctionRound round, InvocationScope scope, CancellationToken cancellationToken)
    {
        ImageMediaType.FillIn(scope.History);
        scope.History.Add(message);
        bool stop = false;
        if (round.Concurrent && calls.Length > 1)
        {
            (object Result, bool Terminate)[] outcomes = await Task.WhenAll(
                calls.Select((_, i) => InvokeAsync(message, calls, i, round, scope, cancellationToken))).ConfigureAwait(false);
            for (int i = 0; i < calls.Length; i++) Add(scope.History, calls[i], outcomes[i].Result);
            stop = outcomes.Any(static o => o.Terminate);
        }
        else
        {
            for (int i = 0; i < calls.Length && !stop; i++)
            {
                (object result, stop) = await InvokeAsync(message, calls, i, round, scope, cancellationToken).ConfigureAwait(false);
                Add(scope.History, calls[i], result);
            }
        }
        return stop ? scope.History[^1] : null;
    }

    async Task<(object Result, bool Terminate)> InvokeAsync(
        ChatMessageContent message, FunctionCallContent[] calls, int index, FunctionRound round, InvocationScope scope,
        CancellationToken cancellationToken)
    {
        FunctionCallContent call = calls[index];
        string name = FunctionNames.Join(call.PluginName, call.FunctionName);
        if (call.Exception is { } malformed) return (Refused(name, $"Error: The call could not be read. Correct yourself. {malformed.Message}"), false);
        if (round.Find(name) is not { } function) return (Refused(name, $"Error: There is no function \"{name}\". Correct yourself."), false);

        // Filters of concurrent calls must not write into each other's arguments.
        AutoFunctionInvocationContext context = new(scope.Kernel, function, new FunctionResult(function, culture: scope.Kernel.Culture), scope.History, message)
        {
            Arguments = call.Arguments ?? [],
            RequestSequenceIndex = scope.RequestIndex,
            FunctionSequenceIndex = index,
            FunctionCount = calls.Length,
            ToolCallId = call.Id,
            IsStreaming = scope.IsStreaming,
            ExecutionSettings = scope.Settings,
            CancellationToken = cancellationToken,
        };
        LogInvoking(logger, name);
        InFlight.Value++; // seen by what this call starts, and by nothing else
        try
        {
            await RunFiltersAsync(context, 0).ConfigureAwait(false);
            return (FunctionResults.ForHistory(context.Result.GetValue<object>()), context.Terminate);
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            LogFailed(logger, name, error);
            return (errorDetails ? $"Error: The function failed. {error.Message}" : "Error: The function failed.", context.Terminate);
        }
    }

    static async Task RunFiltersAsync(AutoFunctionInvocationContext context, int index)
    {
        if (index < context.Kernel.AutoFunctionInvocationFilters.Count)
        {
            await context.Kernel.AutoFunctionInvocationFilters[index]
                .OnAutoFunctionInvocationAsync(context, next => RunFiltersAsync(next, index + 1)).ConfigureAwait(false);
        }
        else if (!context.Terminate)
        {
            // The settings of the conversation are not the function's: it could call itself by them.
            context.Result = await context.Function
                .InvokeAsync(context.Kernel, context.Arguments, cancellationToken: context.CancellationToken).ConfigureAwait(false);
        }
    }

    static void Add(ChatHistory history, FunctionCallContent call, object result)
    {
        ChatMessageContent message = new(AuthorRole.Tool, result as string);
        message.Items.Add(new FunctionResultContent(call, result));
        history.Add(message);
    }

    string Refused(string name, string error)
    {
        LogRefused(logger, name, error);
        return error;
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Invoking function {Function}")]
    static partial void LogInvoking(ILogger logger, string function);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Function {Function} failed; the model is told")]
    static partial void LogFailed(ILogger logger, string function, Exception error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Call of function {Function} refused: {Error}")]
    static partial void LogRefused(ILogger logger, string function, string error);
}

/// <summary>What invocations of one request have in common.</summary>
sealed record InvocationScope(Kernel Kernel, ChatHistory History, PromptExecutionSettings? Settings, int RequestIndex, bool IsStreaming);
