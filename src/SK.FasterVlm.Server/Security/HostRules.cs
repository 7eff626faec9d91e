using System.Net;
using Microsoft.AspNetCore.Http;
using SK.FasterVlm.Server.Media;
using SK.FasterVlm.Server.Protocol;

namespace SK.FasterVlm.Server.Security;

/// <summary>
/// Keeps web pages out that a browser on this machine shows: a page whose name was pointed at this machine carries that name in
/// <c>Host</c>; a page that simply sends a form carries its origin. IP addresses pass as hosts, because a name is what rebinding needs.
/// </summary>
sealed class HostRules(FasterVlmServerOptions options)
{
    readonly HostPattern[] _hosts = [.. options.AllowedHosts.Select(HostPattern.Parse)];
    readonly HashSet<string> _origins = new(options.AllowedOrigins.Select(static o => o.TrimEnd('/')), StringComparer.OrdinalIgnoreCase);

    /// <summary>Checks where a request claims to go to, and where it comes from.</summary>
    /// <exception cref="ApiException">403.</exception>
    public void Check(HttpRequest request)
    {
        string host = request.Host.Host;
        if (!IsOwn(host))
        {
            throw ApiErrors.Forbidden(
                "The Host header names a host that this server does not answer for; allow it in the server's options if it is yours.", "host_not_allowed");
        }
        if (request.Headers.Origin is { Count: > 0 } origins && !origins.All(o => IsOwnOrigin(request, o)))
            throw ApiErrors.Forbidden("Pages of this origin may not use this server; allow it in the server's options.", "origin_not_allowed");
    }

    bool IsOwn(string host)
    {
        string name = host.TrimEnd('.');
        return name.Equals("localhost", StringComparison.OrdinalIgnoreCase) || IPAddress.TryParse(name.Trim('[', ']'), out _)
            || (name.Length > 0 && _hosts.Any(h => h.Matches(name)));
    }

    bool IsOwnOrigin(HttpRequest request, string? origin)
    {
        if (origin is null) return false;
        if (_origins.Contains(origin)) return true;
        if (!Uri.TryCreate(origin, UriKind.Absolute, out Uri? uri) || (uri.Scheme != Uri.UriSchemeHttp && uri.Scheme != Uri.UriSchemeHttps)) return false;
        // Behind a proxy that ends TLS the scheme of the request is not that of the page, so the page's own decides the usual port.
        int port = request.Host.Port ?? (uri.Scheme == Uri.UriSchemeHttps ? 443 : 80);
        return uri.Port == port && uri.Host.Trim('[', ']').Equals(request.Host.Host.Trim('[', ']'), StringComparison.OrdinalIgnoreCase);
    }
}
