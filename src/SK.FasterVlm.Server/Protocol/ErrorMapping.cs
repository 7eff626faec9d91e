using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;

namespace SK.FasterVlm.Server.Protocol;

/// <summary>From what the engine throws to what a client reads.</summary>
static partial class ErrorMapping
{
    /// <summary>The answer to an error.</summary>
    /// <param name="error">What was thrown.</param>
    /// <param name="names">The endpoint's names; null for those of chat completions.</param>
    /// <param name="timedOut">Whether the request's own time limit is over, which shows as a cancellation.</param>
    public static ApiException ToApiError(Exception error, ParameterNames? names = null, bool timedOut = false) =>
        Map(error, names ?? ParameterNames.Chat, timedOut);

    static ApiException Map(Exception error, ParameterNames names, bool timedOut) => error switch
    {
        ApiException api => api,
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } =>
            ApiErrors.TooLarge("The body is larger than this server takes.", null, "request_too_large"),
        BadHttpRequestException http => new ApiException(http.StatusCode, "The request could not be read.", "invalid_request_error"),
        OperationCanceledException when timedOut => ApiErrors.Timeout(),
        ContextLengthException context => ApiErrors.Bad(
            $"This model's maximum context length is {context.Available} tokens. However, your {names.Conversation} need {context.Required} "
            + $"({context.VisualTokens} of them visual tokens). Shorten the {names.Conversation} or keep fewer visual tokens.",
            names.Conversation, "context_length_exceeded", error),
        ServerBusyException busy => ApiErrors.Busy(busy.RetryAfter),
        RequestTimeoutException => ApiErrors.Timeout(),
        ImageFormatException => ApiErrors.Bad(error.Message, names.Conversation, "invalid_image", error),
        NotSupportedException when Parameter(error.Message, names) is { } path => ApiErrors.Unsupported(path, Reason(error.Message)),
        NotSupportedException => ApiErrors.Bad(error.Message, names.Conversation, "unsupported_value", error),
        ArgumentException argument => ApiErrors.Bad(
            Reason(argument.Message), Parameter(argument.Message, names) ?? Named(argument.ParamName, names) ?? names.Conversation, "invalid_value", error),
        ObjectDisposedException => ApiErrors.Unavailable(error),
        NativeRuntimeException or ModelFormatException => ApiErrors.Internal(error),
        _ => ApiErrors.Internal(error),
    };

    static string? Parameter(string message, ParameterNames names) =>
        OptionName().Match(message) is { Success: true } match ? Named(match.Groups[1].Value, names) : null;

    static string? Named(string? option, ParameterNames names) => option is null ? null : names.Of(option.Split(' ', 2)[0]);

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
