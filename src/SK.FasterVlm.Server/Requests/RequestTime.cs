using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Server.Protocol;

namespace SK.FasterVlm.Server.Requests;

/// <summary>The life of one request: it ends when the client goes away or its time is over.</summary>
sealed class RequestTime : IDisposable
{
    readonly CancellationTokenSource _limit;
    readonly CancellationTokenSource _linked;
    readonly CancellationToken _client;

    readonly ParameterNames _names;

    public RequestTime(HttpContext context, TimeSpan limit, TimeProvider time, ParameterNames names)
    {
        _names = names;
        Clock = time;
        _client = context.RequestAborted;
        _limit = new CancellationTokenSource(limit, time);
        _linked = CancellationTokenSource.CreateLinkedTokenSource(_limit.Token, _client);
    }

    /// <summary>Cancelled at the end of the request's life.</summary>
    public CancellationToken Token => _linked.Token;

    /// <summary>The clock.</summary>
    public TimeProvider Clock { get; }

    /// <summary>The request, once it is read.</summary>
    public ServedRequest? Request { get; set; }

    /// <summary>The answer to an error, in the endpoint's words: a cancellation may really be the end of the time.</summary>
    public ApiException ToApiError(Exception error) => (error, Request) switch
    {
        (SchemaNotSupportedException schema, { } request) => request.Schemas.ToApiError(schema),
        (GrammarException, { } request) => ApiErrors.Bad(
            error.Message, request.Options.ResponseFormat is ChatResponseFormatJson ? _names.Format : "tools", "invalid_json_schema", error),
        _ => ErrorMapping.ToApiError(error, _names, timedOut: _limit.IsCancellationRequested && !_client.IsCancellationRequested),
    };

    /// <summary>Ends the life of the request before its time.</summary>
    public void End() => _linked.Cancel();

    /// <inheritdoc/>
    public void Dispose()
    {
        _linked.Dispose();
        _limit.Dispose();
    }
}
