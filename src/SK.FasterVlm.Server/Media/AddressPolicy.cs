using System.Net;
using System.Net.Sockets;

namespace SK.FasterVlm.Server.Media;

/// <summary>
/// Which addresses images may be fetched from: public ones, and networks the host of the server named. Addresses are judged, never
/// names: any name can point anywhere. Ranges: the IANA special-purpose address registries (RFC 6890 and its successors).
/// </summary>
sealed class AddressPolicy(IEnumerable<string> networks)
{
    static readonly IPNetwork[] NotPublic = [.. new[]
    {
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    }.Select(static n => IPNetwork.Parse(n))];

    // Of IPv6 only the global unicast block is public, and of that not these.
    static readonly IPNetwork Global = IPNetwork.Parse("2000::/3");
    static readonly IPNetwork[] NotGlobal = [.. new[] { "2001::/23", "2001:db8::/32", "3fff::/20" }.Select(static n => IPNetwork.Parse(n))];

    // An IPv4 address inside an IPv6 one: what is reached in the end is the inner one.
    static readonly (IPNetwork Network, int Offset)[] Embedding =
    [
        (IPNetwork.Parse("::ffff:0:0:0/96"), 12), // IPv4-translated (SIIT)
        (IPNetwork.Parse("::/96"), 12), // IPv4-compatible
        (IPNetwork.Parse("64:ff9b::/96"), 12), // NAT64
        (IPNetwork.Parse("2002::/16"), 2), // 6to4
    ];

    readonly IPNetwork[] _allowed = [.. networks.Select(ParseNetwork)];

    /// <summary>Reads <c>10.1.0.0/16</c> or a single address.</summary>
    /// <exception cref="ArgumentException">Neither.</exception>
    public static IPNetwork ParseNetwork(string text) =>
        IPNetwork.TryParse(text, out IPNetwork network) ? network
        : IPAddress.TryParse(text, out IPAddress? address) ? new IPNetwork(address, address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128)
        : throw new ArgumentException($"\"{text}\" is not a network; write an address and its prefix length, as in 10.1.0.0/16.");

    /// <summary>Whether a connection to an address may be opened.</summary>
    public bool Allows(IPAddress address)
    {
        IPAddress reached = Inner(address) ?? address;
        foreach (IPNetwork network in _allowed)
            if (network.Contains(reached) || (!address.IsIPv4MappedToIPv6 && network.Contains(address))) return true;
        return IsPublic(reached);
    }

    static bool IsPublic(IPAddress address) => address.AddressFamily switch
    {
        AddressFamily.InterNetwork => !NotPublic.Any(n => n.Contains(address)),
        AddressFamily.InterNetworkV6 => address.ScopeId == 0 && Global.Contains(address) && !NotGlobal.Any(n => n.Contains(address)),
        _ => false,
    };

    static IPAddress? Inner(IPAddress address)
    {
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return null;
        // First and apart: networks of IPv6 do not contain IPv4-mapped addresses for IPNetwork, and compare them by four of their bytes.
        if (address.IsIPv4MappedToIPv6) return address.MapToIPv4();
        foreach ((IPNetwork network, int offset) in Embedding)
            if (network.Contains(address)) return new IPAddress(address.GetAddressBytes().AsSpan(offset, 4));
        return null;
    }
}
