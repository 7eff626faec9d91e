using System.Globalization;

namespace SK.FasterVlm.Server.Media;

/// <summary>A host, all subdomains of one (<c>*.example.com</c>), or one of them at a port.</summary>
/// <param name="Name">Lower case, in ASCII form (<c>xn--…</c> where it was written otherwise); without the <c>*.</c>.</param>
/// <param name="Subdomains">Whether the subdomains are meant, not the name itself.</param>
/// <param name="Port">The only port; null for the usual one of the scheme.</param>
readonly record struct HostPattern(string Name, bool Subdomains, int? Port)
{
    /// <summary>Reads a pattern.</summary>
    /// <exception cref="ArgumentException">Not a host.</exception>
    public static HostPattern Parse(string text)
    {
        string host = text.Trim();
        int? port = null;
        int colon = host.LastIndexOf(':');
        if (colon > 0 && !host.EndsWith(']') && (host.IndexOf(':') == colon || host[colon - 1] == ']'))
        {
            port = int.TryParse(host.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number is >= 1 and <= 65535
                ? number : throw Wrong(text);
            host = host[..colon];
        }
        bool subdomains = host.StartsWith("*.", StringComparison.Ordinal);
        if (subdomains) host = host[2..];
        host = Ascii(Normalize(host)) ?? throw Wrong(text);
        return Uri.CheckHostName(host) == UriHostNameType.Unknown ? throw Wrong(text) : new HostPattern(host, subdomains, port);
    }

    /// <summary>Whether a host is meant.</summary>
    /// <param name="host">Any case; a trailing dot is taken off.</param>
    /// <param name="port">The port; null where ports do not matter.</param>
    /// <param name="usualPort">Whether <paramref name="port"/> is the scheme's own.</param>
    public bool Matches(string host, int? port = null, bool usualPort = true)
    {
        host = Normalize(host);
        if (port is not null && (Port is { } only ? only != port : !usualPort)) return false;
        return Subdomains
            ? host.Length > Name.Length + 1 && host[^(Name.Length + 1)] == '.' && host.EndsWith(Name, StringComparison.Ordinal)
            : host == Name;
    }

    /// <summary>The form names have on the wire (<c>xn--…</c>); null when there is none.</summary>
    static string? Ascii(string host)
    {
        if (System.Text.Ascii.IsValid(host)) return host;
        try
        {
            return new IdnMapping { UseStd3AsciiRules = true }.GetAscii(host);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    static string Normalize(string host) => host.Trim('[', ']').TrimEnd('.').ToLowerInvariant();

    static ArgumentException Wrong(string text) => new($"\"{text}\" is not a host; write name, *.name or name:port.");
}
