using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace SK.FasterVlm.Server.Protocol;

/// <summary>Every error the server answers with, in one place. Types and codes are OpenAI's where it has them.</summary>
static class ApiErrors
{
    const string InvalidRequest = "invalid_request_error";

    /// <summary>A parameter nobody knows.</summary>
    public static ApiException Unknown(string path) => Bad($"Unknown parameter: '{path}'.", path, "unknown_parameter");

    /// <summary>A parameter that must be there.</summary>
    public static ApiException Missing(string path) => Bad($"Missing required parameter: '{path}'.", path, "missing_required_parameter");

    /// <summary>A value of the wrong JSON type.</summary>
    public static ApiException Type(string path, string expected, string got) =>
        Bad($"Invalid type for '{path}': expected {expected}, but got {got} instead.", path, "invalid_type");

    /// <summary>A value that is not allowed.</summary>
    public static ApiException Value(string path, string reason, string code = "invalid_value") => Bad($"Invalid '{path}': {reason}", path, code);

    /// <summary>A number outside its range.</summary>
    public static ApiException Range(string path, string kind, double minimum, double maximum, double value) => value < minimum
        ? Value(path, Invariant($"{kind} below minimum value. Expected a value >= {minimum}, but got {value} instead."), $"{kind}_below_min_value")
        : Value(path, Invariant($"{kind} above maximum value. Expected a value <= {maximum}, but got {value} instead."), $"{kind}_above_max_value");

    /// <summary>Something OpenAI has and this server has not.</summary>
    public static ApiException Unsupported(string path, string reason) =>
        Bad($"Unsupported parameter: '{path}' is not supported by this server: {reason}.", path, "unsupported_parameter");

    /// <summary>A value OpenAI has and this server has not.</summary>
    public static ApiException UnsupportedValue(string path, string reason) =>
        Bad($"Unsupported value: '{path}' {reason}.", path, "unsupported_value");

    /// <summary>A 400 of any kind.</summary>
    public static ApiException Bad(string message, string? path, string? code, Exception? cause = null) =>
        new(StatusCodes.Status400BadRequest, message, InvalidRequest, path, code, cause);

    /// <summary>Something is larger than it may be.</summary>
    public static ApiException TooLarge(string message, string? path, string code) =>
        new(StatusCodes.Status413PayloadTooLarge, message, InvalidRequest, path, code);

    /// <summary>The body is not JSON.</summary>
    public static ApiException MediaType() => new(StatusCodes.Status415UnsupportedMediaType,
        "The body must be JSON, sent as it is: set Content-Type to application/json and use no Content-Encoding.", InvalidRequest, null, "unsupported_media_type");

    /// <summary>The key is missing or wrong.</summary>
    public static ApiException Key(bool missing) => new(StatusCodes.Status401Unauthorized,
        missing ? "You didn't provide an API key. Send it as: Authorization: Bearer YOUR_KEY." : "Incorrect API key provided.",
        InvalidRequest, null, missing ? null : "invalid_api_key");

    /// <summary>The request comes from where none may come from.</summary>
    public static ApiException Forbidden(string message, string code) => new(StatusCodes.Status403Forbidden, message, InvalidRequest, null, code);

    /// <summary>No such model.</summary>
    public static ApiException Model(string known) => new(StatusCodes.Status404NotFound,
        $"The model in 'model' does not exist on this server; it serves '{known}'.", InvalidRequest, "model", "model_not_found");

    /// <summary>No such address.</summary>
    public static ApiException Address(string method, string path) => new(StatusCodes.Status404NotFound,
        $"Unknown request URL: {method} {Names.Printable(path)}.", InvalidRequest, null, "unknown_url");

    /// <summary>Too much to do at the moment.</summary>
    public static ApiException Busy(TimeSpan retryAfter) => new(StatusCodes.Status429TooManyRequests,
        "The server has as many requests as it can hold; try again shortly.", "rate_limit_error", null, "rate_limit_exceeded")
    {
        RetryAfter = retryAfter,
    };

    /// <summary>The time limit of a request is over.</summary>
    public static ApiException Timeout() => new(StatusCodes.Status504GatewayTimeout,
        "The request took longer than this server allows; ask for fewer tokens or smaller images.", "server_error", null, "request_timeout");

    /// <summary>The body came too slowly.</summary>
    public static ApiException Slow() => new(StatusCodes.Status408RequestTimeout,
        "The body of the request came too slowly.", InvalidRequest, null, "request_body_timeout");

    /// <summary>The model is not, or no longer, there.</summary>
    public static ApiException Unavailable(Exception? cause = null) => new(StatusCodes.Status503ServiceUnavailable,
        "The model is not available at the moment.", "server_error", null, "model_unavailable", cause);

    /// <summary>Our own fault; what it was is for the log.</summary>
    public static ApiException Internal(Exception cause) => new(StatusCodes.Status500InternalServerError,
        "The server had an error while processing your request.", "server_error", null, null, cause);

    static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
