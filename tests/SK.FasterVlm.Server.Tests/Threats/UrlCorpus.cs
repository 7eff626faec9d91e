namespace SK.FasterVlm.Server.Tests.Threats;

/// <summary>Addresses that two readers may read differently: every way we know of writing a host, in several frames.</summary>
static class UrlCorpus
{
    static readonly string[] s_hosts =
    [
        // plain
        "images.example", "IMAGES.Example", "images.example.", "images.example..", "a.b.images.example", "images", "xn--imags-dsa.example", "xn--a", "1.example", "example.1",
        // ports
        "images.example:80", "images.example:443", "images.example:8080", "images.example:0", "images.example:65535", "images.example:65536", "images.example:99999",
        "images.example:080", "images.example:0x50", "images.example:", "images.example: 80", "images.example:80:80", "images.example:-1", "images.example:+80", "images.example:8\u0660",
        // users, and what looks like one
        "user@images.example", "user:pw@images.example", "@images.example", ":@images.example", "images.example@", "images.example@127.0.0.1", "images.example:80@127.0.0.1",
        "a@b@images.example", "images.example%40127.0.0.1", "images.example%2f@127.0.0.1", "images.example\\@127.0.0.1", "127.0.0.1\\@images.example", "images.example;@127.0.0.1",
        "images.example#@127.0.0.1", "images.example?@127.0.0.1", "images.example/@127.0.0.1", "images.example&@127.0.0.1", "images.example\\.evil", "images.example\\\\evil",
        // numbers that are addresses for some
        "127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "0177.0.0.1", "0x7f.0.0.1", "0x7f.1", "2130706433", "0x7f000001", "017700000001", "127.0.0.1.nip.io", "1.2.3", "1.2.3.4.5",
        "256.256.256.256", "127.0.0.256", "0", "00", "0.0.0.0", "4294967296", "09.0.0.1", "127.0.0.0x1", "0x", "1.0x.2.3", "127.00.0.001",
        // IPv6
        "[::1]", "[::1]:80", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2001:db8::1]", "[::1%25lo]", "[fe80::1%lo]",
        "[::1", "::1", "[::1]a", "[::1].example", "[v1.x]", "[127.0.0.1]", "[]", "[::ffff:0177.0.0.1]", "[::ffff:256.0.0.1]", "[1::2::3]", "[images.example]",
        // names of this machine
        "localhost", "localhost.", "LOCALHOST", "loc%61lhost", "localhost%00", "localhost%0a",
        // letters that become others
        "imag\u00e9s.example", "images\u3002example", "images\uff0eexample", "images\uff61example", "images\u00adexample", "\ufb01les.example", "exa\u0301mple", "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",
        "\uff11\uff12\uff17.0.0.1", "\u0131mages.example", "\u212aelvin.example", "stra\u00dfe.example", "images\u200dexample", "images\ud83d\ude00.example", "images%e3%80%82example",
        // white space and what ends a line
        "images.example\t", "ima\nges.example", "images.example\r\nHost: 127.0.0.1", " images.example", "images.example ", "images.example\0", "\0images.example", "images\u00a0.example", "images.example\u2028",
        // what no name may hold
        "images_x.example", "-images.example", "images-.example", "images..example", ".images.example", "images.example,evil", "{images}.example", "images<.example", "images|.example",
        "images^.example", "images`.example", "images\".example", "images'.example", "images*.example", "images!.example", "images$.example", "images(.example", "images%.example", "images%zz.example", "images%2eexample", "",
    ];

    // 64 letters are too many for a label, 256 for a name.
    static readonly string[] s_long = [new('a', 63), new('a', 64), string.Join('.', Enumerable.Repeat("abcdefgh", 40)), new('a', 3000)];

    static readonly string[] s_frames = ["http://{0}/a.png", "https://{0}/a.png?x=1", "HtTp://{0}", "http://{0}?q", "http://{0}#f"];

    static readonly string[] s_odd =
    [
        "http:/{0}/", "http:{0}/", "http:///{0}/", "http:////{0}/", "http:\\\\{0}\\", "http:\\{0}/", "http:/\\{0}/", "//{0}/", "\\\\{0}\\a", " http://{0}/", "http://{0}/ ", "\thttp://{0}/",
        "ht\ttp://{0}/", "http ://{0}/", "http: //{0}/", "http//{0}/", "http::{0}/", "htt\u0440://{0}/", "http\uff1a//{0}/", "https:{0}", "ftp://{0}/", "file://{0}/", "gopher://{0}/", "data://{0}/",
        "javascript://{0}/", "http://{0}/a b", "http://{0}/\u00e9", "http://{0}/%0d%0aHost:x", "http://{0}/a\nb", "http://{0}/../../b", "http://{0}/%2e%2e/b", "http://{0}/a\\b", "http://{0}/a?b#c?d", "http://{0}:80/",
        "http://x@{0}/", "http://{0}\\/a", "http://{0}\\@b/", "jar:http://{0}/", "url:http://{0}/", "http+unix://{0}/", "HTTP:{0}", "{0}", "{0}/a.png", "http://http://{0}/", "http://[{0}]/",
    ];

    /// <summary>All of them.</summary>
    public static string[] All { get; } =
    [
        .. s_hosts.Concat(s_long).SelectMany(static h => s_frames.Select(f => f.Replace("{0}", h, StringComparison.Ordinal))),
        .. s_odd.SelectMany(static f => new[] { "images.example", "127.0.0.1" }.Select(h => f.Replace("{0}", h, StringComparison.Ordinal))),
    ];
}
