using System.ComponentModel.DataAnnotations;

namespace SK.FasterVlm.Server.Protocol;

/// <summary>OpenAI's error object: <c>{"error": {"message", "type", "param", "code"}}</c>, all four always there.</summary>
sealed record ErrorEnvelope(ErrorBody Error)
{
    public static ErrorEnvelope Of(ApiException error) => new(new ErrorBody(error.Message, error.Type, error.Parameter, error.Code));
}

sealed record ErrorBody(
    string Message, [property: AllowedValues("invalid_request_error", "rate_limit_error", "server_error")] string Type, string? Param, string? Code);
