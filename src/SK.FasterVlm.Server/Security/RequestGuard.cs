using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using SK.FasterVlm.Server.Protocol;

namespace SK.FasterVlm.Server.Security;

/// <summary>Marks an endpoint that answers without a key: the health checks and the files of the page.</summary>
sealed class WithoutKey;

/// <summary>
/// Stands before every endpoint: who asks, from where, with what; and turns every exception into an answer. Nothing of a request's
/// content goes to the log.
/// </summary>
sealed partial class RequestGuard(IOptions<FasterVlmServerOptions> options, ILogger<RequestGuard> logger)
{
    readonly FasterVlmServerOptions _options = options.Value;
    readonly ApiKeys _keys = new(options.Value.ApiKeys);
    readonly HostRules _hosts = new(options.Value);

    /// <summary>Runs an endpoint behind the checks.</summary>
    /// <param name="context">The request.</param>
    /// <param name="endpoint">What answers it.</param>
    /// <param name="withoutKey">Whether the endpoint is open to all who may connect.</param>
    public async Task InvokeAsync(HttpContext context, RequestDelegate endpoint, bool withoutKey)
    {
        context.Response.Headers["x-request-id"] = $"req_{Guid.NewGuid():N}";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        try
        {
            _hosts.Check(context.Request);
            CheckExposure(context.Connection.LocalIpAddress);
            if (!withoutKey) _keys.Check(context.Request);
            if (HttpMethods.IsPost(context.Request.Method)) CheckBody(context);
            await endpoint(context).ConfigureAwait(false);
        }
        catch (Exception e) when (context.RequestAborted.IsCancellationRequested || e is ClientGoneException)
        {
            // The client has gone; there is nobody to tell.
        }
        catch (Exception e)
        {
            await AnswerAsync(context, ErrorMapping.ToApiError(e)).ConfigureAwait(false);
        }
    }

    /// <summary>Answers with an error, or breaks the connection off where an answer has begun.</summary>
    async Task AnswerAsync(HttpContext context, ApiException error)
    {
        if (error.Status >= StatusCodes.Status500InternalServerError) LogFailure(logger, error.InnerException?.GetType().Name ?? error.Type, error.InnerException);
        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }
        string id = context.Response.Headers["x-request-id"].ToString();
        try
        {
            await Answers.WriteAsync(context.Response, error, id).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // Gone in the meantime.
        }
    }

    /// <summary>Without a key only this machine is served, whatever address the application listens on.</summary>
    void CheckExposure(IPAddress? local)
    {
        if (_keys.Required || _options.AllowRemoteWithoutApiKey || local is null || IPAddress.IsLoopback(local)) return;
        throw ApiErrors.Forbidden("Without an API key this server answers on loopback addresses only; set a key in its options.", "api_key_required");
    }

    void CheckBody(HttpContext context)
    {
        // Also what keeps a form of a foreign page out: a browser asks first before it sends this type, and is not answered.
        HttpRequest request = context.Request;
        if (!request.HasJsonContentType() || request.Headers.ContentEncoding.Count > 0) throw ApiErrors.MediaType();
        // The bound itself is ours to keep. The web server's lies above it, so that it takes the rest of a body that is too large and
        // throws it away: a client that is still sending would otherwise see a broken connection instead of the answer.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit) limit.MaxRequestBodySize = 4 * _options.MaxBodyBytes;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "A request failed: {Kind}")]
    static partial void LogFailure(ILogger logger, string kind, Exception? exception);
}
