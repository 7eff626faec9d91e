using System.Net;
using System.Net.Http.Headers;
using Microsoft.Extensions.Http.Resilience;
using Polly;
using Polly.Timeout;

namespace SK.FasterVlm.Models;

/// <summary>
/// Asks for (the rest of) a file: follows redirects itself, so that the token never leaves the hub's own origin, refuses what is not
/// https, and repeats requests whose failure may pass. Bodies are not read here.
/// </summary>
sealed class HubClient : IDisposable
{
    const int MaxRedirects = 10;

    /// <summary>The longest wait that a server is granted.</summary>
    internal static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(2);

    readonly StoreSettings _settings;
    readonly HttpClient _http;

    internal HubClient(StoreSettings settings)
    {
        _settings = settings;
        SocketsHttpHandler sockets = new()
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None, // a range counts the bytes as sent
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(15),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        };
        settings.Sockets?.Invoke(sockets);
        _http = new HttpClient(new ResilienceHandler(Retries(settings)) { InnerHandler = sockets }) { Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("fastervlm", typeof(HubClient).Assembly.GetName().Version?.ToString(3)));
        _http.DefaultRequestHeaders.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
    }

    /// <summary>Told why and for how long it waits before it asks again: minutes without a word would look like a standstill.</summary>
    internal Action<string>? Retrying { get; set; }

    /// <summary>Requests a file from an offset on.</summary>
    /// <param name="address">Where; hub or any other.</param>
    /// <param name="isHub">Whether the address is the hub's, whose ETag is the content's SHA-256 for large files.</param>
    /// <param name="from">First byte wanted; 0 asks for the whole file.</param>
    /// <param name="validator">Strong ETag of the bytes one has: the server then sends the whole file if it has changed.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <returns>The final answer, body unread, and what the asked origin said about the file on the way. Any status.</returns>
    internal async Task<HubAnswer> GetAsync(Uri address, bool isHub, long from, string? validator, CancellationToken cancellationToken)
    {
        RemoteFacts facts = default;
        bool trusted = true; // still at the origin that was asked
        Uri current = address;
        for (int hop = 0; hop <= MaxRedirects; hop++)
        {
            RequireAllowed(current, hop == 0 ? null : address);
            trusted &= SameOrigin(current, address);
            HttpResponseMessage response = await SendAsync(current, trusted, from, validator, cancellationToken).ConfigureAwait(false);
            if (trusted) facts = facts.Or(RemoteFacts.Of(response, isHub));
            if ((int)response.StatusCode is not (301 or 302 or 303 or 307 or 308)) return new HubAnswer(response, facts);
            Uri? location = response.Headers.Location;
            response.Dispose();
            if (location is null)
                throw new ModelDownloadException(ModelDownloadFailure.BadAnswer, $"{current.Host} redirects without saying where to; try again later.");
            if (!(location.IsAbsoluteUri || Uri.TryCreate(current, location, out location)))
                throw new ModelDownloadException(ModelDownloadFailure.BadAnswer, $"{current.Host} redirects to something that is no address.");
            if (current.Scheme == Uri.UriSchemeHttps && location.Scheme != Uri.UriSchemeHttps)
                throw new ModelDownloadException(ModelDownloadFailure.Insecure, $"{current.Host} redirects from https to {location.Scheme}, which is refused.");
            current = location;
        }
        throw new ModelDownloadException(
            ModelDownloadFailure.BadAnswer, $"{address.Host} redirects more than {MaxRedirects} times; the address or the server is at fault.");
    }

    public void Dispose() => _http.Dispose();

    async Task<HttpResponseMessage> SendAsync(Uri address, bool trusted, long from, string? validator, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, address);
        if (from > 0)
        {
            request.Headers.Range = new RangeHeaderValue(from, null);
            if (validator is not null) request.Headers.TryAddWithoutValidation("If-Range", validator);
        }
        if (trusted && _settings.Token is { } token && SameOrigin(address, _settings.Endpoint) && (address.Scheme == Uri.UriSchemeHttps || address.IsLoopback))
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        try
        {
            return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is HttpRequestException or TimeoutRejectedException)
        {
            string why = e is TimeoutRejectedException ? "did not answer in time" : $"cannot be reached ({e.Message.TrimEnd('.')})";
            throw new ModelDownloadException(
                ModelDownloadFailure.Network, $"{address.Host} {why}; check the network and run the same command again, it goes on where it stopped.", e);
        }
    }

    void RequireAllowed(Uri address, Uri? redirectedFrom)
    {
        if (address.Scheme == Uri.UriSchemeHttps) return;
        if (address.Scheme == Uri.UriSchemeHttp && (address.IsLoopback || _settings.Options.AllowInsecureHttp)) return;
        string what = redirectedFrom is null ? "The address is" : $"{redirectedFrom.Host} redirects to";
        throw new ModelDownloadException(
            ModelDownloadFailure.Insecure, $"{what} {address.Scheme}://{address.Host}; only https is fetched (AllowInsecureHttp or --allow-http permits http).");
    }

    static bool SameOrigin(Uri a, Uri b) =>
        a.Scheme == b.Scheme && a.Port == b.Port && string.Equals(a.IdnHost, b.IdnHost, StringComparison.OrdinalIgnoreCase);

    ResiliencePipeline<HttpResponseMessage> Retries(StoreSettings settings)
    {
        ResiliencePipelineBuilder<HttpResponseMessage> builder = new() { TimeProvider = settings.Time };
        if (settings.Options.MaxRetries > 0)
        {
            builder.AddRetry(new HttpRetryStrategyOptions // 408, 429, 5xx, broken connections; waits as long as Retry-After says
            {
                MaxRetryAttempts = settings.Options.MaxRetries,
                Delay = settings.Options.RetryDelay,
                MaxDelay = TimeSpan.FromSeconds(30),
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                ShouldHandle = retry => ValueTask.FromResult(
                    HttpClientResiliencePredicates.IsTransient(retry.Outcome)
                    && !(retry.Outcome.Result is { } response && AskedWait(response, settings.Time) > LongestWait)),
                OnRetry = retry =>
                {
                    string what = retry.Outcome.Result is { } response ? $"the server answers {(int)response.StatusCode}" : "no answer";
                    Retrying?.Invoke($"{what}, waiting {retry.RetryDelay.TotalSeconds:0.#} s");
                    return ValueTask.CompletedTask;
                },
            });
        }
        return builder.AddTimeout(new HttpTimeoutStrategyOptions { Timeout = settings.Options.ResponseTimeout }).Build();
    }

    /// <summary>The wait a server asks for (Retry-After); null when it asks for none.</summary>
    internal static TimeSpan? AskedWait(HttpResponseMessage response, TimeProvider time) => response.Headers.RetryAfter switch
    {
        { Delta: { } wait } => wait,
        { Date: { } until } => until - time.GetUtcNow(),
        _ => null,
    };
}

/// <summary>A server's answer with its body still to be read.</summary>
readonly record struct HubAnswer(HttpResponseMessage Response, RemoteFacts Facts) : IDisposable
{
    public void Dispose() => Response.Dispose();
}
