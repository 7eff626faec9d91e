using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Options;
using SK.FasterVlm.Server.Protocol;

namespace SK.FasterVlm.Server.Media;

/// <summary>
/// Fetches images from hosts that are allowed. A name is resolved once per connection, every address it has is judged, and the
/// address that was judged is the one that is dialled, so that an answer that changes in between (DNS rebinding) changes nothing.
/// Redirects are followed here, each judged like a new address. Thread-safe.
/// </summary>
sealed class RemoteImages : IDisposable
{
    const int BufferBytes = 81_920;

    readonly FasterVlmServerOptions _options;
    readonly HostPattern[] _hosts;
    readonly AddressPolicy _policy;
    readonly Func<string, CancellationToken, Task<IPAddress[]>> _resolve;
    readonly TimeProvider _time;
    readonly HttpClient _http;

    public RemoteImages(IOptions<FasterVlmServerOptions> options) : this(options.Value, Dns.GetHostAddressesAsync, TimeProvider.System) { }

    internal RemoteImages(FasterVlmServerOptions options, Func<string, CancellationToken, Task<IPAddress[]>> resolve, TimeProvider time)
    {
        (_options, _resolve, _time) = (options, resolve, time);
        _hosts = [.. options.ImageHosts.Select(HostPattern.Parse)];
        _policy = new AddressPolicy(options.ImageNetworks);
        // The defaults of the handler follow redirects, use the environment's proxy, and unpack what is sent packed.
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseProxy = false,
            UseCookies = false,
            MaxResponseHeadersLength = 16,
            PooledConnectionLifetime = TimeSpan.FromMinutes(1),
            ConnectCallback = ConnectAsync,
        })
        { Timeout = Timeout.InfiniteTimeSpan }; // the budget below covers redirects too
    }

    /// <summary>Fetches one image.</summary>
    /// <param name="address">As the client sent it.</param>
    /// <param name="parameter">Path of the parameter, for errors.</param>
    /// <param name="maxBytes">Most bytes of the image.</param>
    /// <param name="hold">Told of bytes before they are kept; throws when there is no room for them.</param>
    /// <param name="cancellationToken">Ends the fetch.</param>
    /// <exception cref="ApiException">Not allowed, not reachable, too large or too slow.</exception>
    public async Task<byte[]> FetchAsync(string address, string parameter, long maxBytes, Action<long> hold, CancellationToken cancellationToken)
    {
        Uri uri = Check(address, parameter);
        using CancellationTokenSource budget = new(_options.ImageFetchTimeout, _time);
        using CancellationTokenSource linked = CancellationTokenSource.CreateLinkedTokenSource(budget.Token, cancellationToken);
        try
        {
            for (int hop = 0; ; hop++)
            {
                using HttpRequestMessage request = new(HttpMethod.Get, uri) { Headers = { { "Accept", "image/*" } } };
                using HttpResponseMessage response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, linked.Token).ConfigureAwait(false);
                if ((int)response.StatusCode is not (301 or 302 or 303 or 307 or 308))
                    return await ReadAsync(response, parameter, maxBytes, hold, linked.Token).ConfigureAwait(false);
                if (hop >= _options.MaxImageRedirects) throw Failed(parameter, $"it redirects more than {_options.MaxImageRedirects} times");
                uri = Next(uri, response, parameter);
            }
        }
        catch (OperationCanceledException) when (budget.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw Failed(parameter, $"it took longer than {_options.ImageFetchTimeout.TotalSeconds:0} seconds");
        }
        catch (HttpRequestException e)
        {
            // What the connection failed with can tell a stranger about our network, so it stays inside.
            throw e.InnerException as ApiException is { } refused
                ? ApiErrors.Bad(refused.Message, parameter, refused.Code, e)
                : Failed(parameter, "the host cannot be reached or answered wrongly", e);
        }
        catch (IOException e)
        {
            throw Failed(parameter, "the host broke off its answer", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    Uri Next(Uri from, HttpResponseMessage response, string parameter)
    {
        string? location = response.Headers.TryGetValues("Location", out IEnumerable<string>? values) ? values.First() : null;
        if (location is null || !Uri.TryCreate(from, location, out Uri? target)) throw Failed(parameter, "it redirects to nowhere");
        // Judged as it was written where it is a whole address, so that reading it cannot straighten it out first. It is one when a colon
        // comes before all that could begin a path or a query.
        int mark = location.AsSpan().IndexOfAny(":/?#");
        Uri next = Check(mark >= 0 && location[mark] == ':' ? location : target.AbsoluteUri, parameter);
        return from.Scheme == Uri.UriSchemeHttps && next.Scheme != Uri.UriSchemeHttps
            ? throw Refused(parameter, "it redirects from https to http")
            : next;
    }

    Uri Check(string address, string parameter)
    {
        if (_hosts.Length == 0)
        {
            throw ApiErrors.Bad("This server does not fetch images; send the image as a data: URI, or name allowed hosts in its options.",
                parameter, "remote_images_disabled");
        }
        if (!RemoteUri.TryRead(address, out Uri? uri)) throw ApiErrors.Value(parameter, "it is not a plain http or https address.", "invalid_image_url");
        return _hosts.Any(h => h.Matches(uri!.IdnHost, uri.Port, uri.IsDefaultPort)) ? uri! : throw Refused(parameter, "its host is not on the list of allowed hosts");
    }

    async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        string host = context.DnsEndPoint.Host;
        IPAddress[] addresses = IPAddress.TryParse(host, out IPAddress? literal)
            ? [literal]
            : await _resolve(host, cancellationToken).ConfigureAwait(false);
        // One forbidden address is enough: a name that points inside as well as outside is not an honest one.
        if (addresses.Length == 0 || !addresses.All(_policy.Allows)) throw Refused("", "its host does not have a public address");
        Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, context.DnsEndPoint.Port, cancellationToken).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    static async Task<byte[]> ReadAsync(HttpResponseMessage response, string parameter, long maxBytes, Action<long> hold, CancellationToken cancellationToken)
    {
        if (response.StatusCode != HttpStatusCode.OK) throw Failed(parameter, $"the host answered {(int)response.StatusCode}");
        if (response.Content.Headers.ContentEncoding.Count > 0) throw Failed(parameter, "the host sent it compressed");
        if (response.Content.Headers.ContentLength > maxBytes) throw TooLarge(parameter, maxBytes);
        using Stream body = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        using MemoryStream bytes = new();
        byte[] buffer = new byte[BufferBytes];
        while (await body.ReadAsync(buffer, cancellationToken).ConfigureAwait(false) is > 0 and int count)
        {
            if (bytes.Length + count > maxBytes) throw TooLarge(parameter, maxBytes);
            hold(count);
            bytes.Write(buffer, 0, count);
        }
        return bytes.ToArray();
    }

    static ApiException TooLarge(string parameter, long maxBytes) =>
        ApiErrors.TooLarge($"The image at '{parameter}' has more than {maxBytes} bytes.", parameter, "image_too_large");

    static ApiException Refused(string parameter, string reason) =>
        ApiErrors.Bad($"The image is not fetched: {reason}.", parameter, "image_url_not_allowed");

    static ApiException Failed(string parameter, string reason, Exception? cause = null) =>
        ApiErrors.Bad($"The image could not be fetched: {reason}.", parameter, "image_fetch_failed", cause);
}
