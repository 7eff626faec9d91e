using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;

namespace SK.FasterVlm.Server.Protocol;

/// <summary>From what the engine throws to what a client reads.</summary>
static partial class ErrorMapping
{
    // The engine names its own options; a client knows them by the protocol's names.
    static readonly Dictionary<string, string> Parameters = new(StringComparer.Ordinal)
    {
        ["ModelId"] = "model",
        ["Temperature"] = "temperature",
        ["TopP"] = "top_p",
        ["TopK"] = "fastervlm.top_k",
        ["MinP"] = "fastervlm.min_p",
        ["min_p"] = "fastervlm.min_p",
        ["repetition_penalty"] = "fastervlm.repetition_penalty",
        ["FrequencyPenalty"] = "frequency_penalty",
        ["PresencePenalty"] = "presence_penalty",
        ["Seed"] = "seed",
        ["MaxOutputTokens"] = "max_completion_tokens",
        ["StopSequences"] = "stop",
        ["Tools"] = "tools",
        ["ToolMode"] = "tool_choice",
        ["AllowMultipleToolCalls"] = "parallel_tool_calls",
        ["ResponseFormat"] = "response_format",
        ["Reasoning"] = "reasoning_effort",
        ["LogitBias"] = "logit_bias",
        ["Logprobs"] = "logprobs",
        ["TopLogprobs"] = "top_logprobs",
    };

    /// <summary>The answer to an error.</summary>
    /// <param name="error">What was thrown.</param>
    /// <param name="timedOut">Whether the request's own time limit is over, which shows as a cancellation.</param>
    public static ApiException ToApiError(Exception error, bool timedOut = false) => error switch
    {
        ApiException api => api,
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } =>
            ApiErrors.TooLarge("The body is larger than this server takes.", null, "request_too_large"),
        BadHttpRequestException http => new ApiException(http.StatusCode, "The request could not be read.", "invalid_request_error"),
        OperationCanceledException when timedOut => ApiErrors.Timeout(),
        ContextLengthException context => ApiErrors.Bad(
            $"This model's maximum context length is {context.Available} tokens. However, your messages need {context.Required} "
            + $"({context.VisualTokens} of them visual tokens). Shorten the messages or keep fewer visual tokens.",
            "messages", "context_length_exceeded", error),
        ServerBusyException busy => ApiErrors.Busy(busy.RetryAfter),
        RequestTimeoutException => ApiErrors.Timeout(),
        ImageFormatException => ApiErrors.Bad(error.Message, "messages", "invalid_image", error),
        NotSupportedException when Parameter(error.Message) is { } path => ApiErrors.Unsupported(path, Reason(error.Message)),
        NotSupportedException => ApiErrors.Bad(error.Message, "messages", "unsupported_value", error),
        ArgumentException argument => ApiErrors.Bad(
            Reason(argument.Message), Parameter(argument.Message) ?? Named(argument.ParamName) ?? "messages", "invalid_value", error),
        ObjectDisposedException => ApiErrors.Unavailable(error),
        NativeRuntimeException or ModelFormatException => ApiErrors.Internal(error),
        _ => ApiErrors.Internal(error),
    };

    static string? Parameter(string message) => OptionName().Match(message) is { Success: true } match ? Named(match.Groups[1].Value) : null;

    static string? Named(string? name) => name is not null && Parameters.TryGetValue(name.Split(' ', 2)[0], out string? parameter) ? parameter : null;

    /// <summary>The message without what .NET appends to it and without the names of our own API.</summary>
    static string Reason(string message)
    {
        string line = message.Split(['\r', '\n'], 2)[0].Split(" (Parameter", 2)[0].TrimEnd('.');
        int reason = line.IndexOf("is not supported: ", StringComparison.Ordinal);
        return reason >= 0 ? line[(reason + "is not supported: ".Length)..] : $"{OptionName().Replace(line, "$1")}.";
    }

    [GeneratedRegex(@"ChatOptions\.(\w+)")]
    private static partial Regex OptionName();
}
