using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace SK.FasterVlm.Server.Media;

/// <summary>
/// Reads an http(s) address twice: by a narrow grammar of our own and by <see cref="Uri"/>. Where the two do not agree on host and
/// port the address is refused, so that no trick of writing lets one host be checked and another be dialled.
/// </summary>
static partial class RemoteUri
{
    const int MaxLength = 2048;

    static readonly IdnMapping Names = new() { UseStd3AsciiRules = true };

    /// <summary>Reads an address.</summary>
    /// <param name="text">As the client sent it.</param>
    /// <param name="uri">The address.</param>
    public static bool TryRead(string text, out Uri? uri)
    {
        uri = null;
        if (text.Length > MaxLength || Grammar().Match(text) is not { Success: true } match) return false;
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? parsed) || parsed.UserInfo.Length > 0) return false;
        string scheme = match.Groups["scheme"].Value, host = match.Groups["host"].Value.TrimEnd('.');
        int port = match.Groups["port"] is { Success: true, Length: > 0 } written
            ? int.Parse(written.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture)
            : scheme.Equals("https", StringComparison.OrdinalIgnoreCase) ? 443 : 80;
        if (!parsed.Scheme.Equals(scheme, StringComparison.OrdinalIgnoreCase) || parsed.Port != port) return false;
        // Uri turns 2130706433 and 0x7f.1 into 127.0.0.1; a host that changes when it is read is not what was written.
        if (!parsed.IdnHost.TrimEnd('.').Equals(host.Trim('[', ']'), StringComparison.OrdinalIgnoreCase)) return false;
        if (parsed.HostNameType == UriHostNameType.Dns && !IsName(host)) return false;
        uri = parsed;
        return true;
    }

    /// <summary>Whether everybody reads a host as a name: some take one that ends in a number for an address.</summary>
    static bool IsName(string host)
    {
        string last = host[(host.LastIndexOf('.') + 1)..];
        if (last.All(char.IsAsciiDigit) || last.StartsWith("0x", StringComparison.OrdinalIgnoreCase)) return false;
        if (!host.Contains("xn--", StringComparison.OrdinalIgnoreCase)) return true;
        try
        {
            // What stands behind xn-- must be letters, and no others' disguise.
            string name = Names.GetUnicode(host);
            return name.EnumerateRunes().All(IsOfName) && Names.GetAscii(name).Equals(host, StringComparison.OrdinalIgnoreCase);
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    static bool IsOfName(Rune letter) => letter.Value is '.' or '-' || Rune.IsLetterOrDigit(letter)
        || Rune.GetUnicodeCategory(letter) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark;

    // Visible ASCII only; no user, no backslash, no percent sign before the path.
    [GeneratedRegex(@"^(?<scheme>https?)://(?<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\.?|\[[0-9a-f:.]+\])(?::(?<port>[0-9]{1,5}))?(?:[/?][!-\[\]-~]*)?\z",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Grammar();
}
