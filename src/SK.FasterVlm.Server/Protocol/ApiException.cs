namespace SK.FasterVlm.Server.Protocol;

/// <summary>
/// A request that is answered with an error. The message goes to the client: it says what was wrong and what to do, and holds no
/// path, address, stack or prompt.
/// </summary>
sealed class ApiException(int status, string message, string type, string? parameter = null, string? code = null, Exception? cause = null)
    : Exception(message, cause)
{
    /// <summary>HTTP status.</summary>
    public int Status { get; } = status;

    /// <summary><c>error.type</c>.</summary>
    public string Type { get; } = type;

    /// <summary><c>error.param</c>: the parameter at fault.</summary>
    public string? Parameter { get; } = parameter;

    /// <summary><c>error.code</c>.</summary>
    public string? Code { get; } = code;

    /// <summary>Sent as <c>Retry-After</c>; null for none.</summary>
    public TimeSpan? RetryAfter { get; init; }
}
