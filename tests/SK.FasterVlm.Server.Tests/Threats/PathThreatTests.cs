using System.Net;
using System.Net.Sockets;
using System.Text;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Threats;

/// <summary>Row U7: names of files of this machine, where images are named and where the page's files are asked for.</summary>
public sealed class PathThreatTests(EmbeddedServer embedded) : CanaryServer(embedded)
{
    const string Parameter = "messages[0].content[0].image_url.url";

    public static TheoryData<string> Paths =>
    [
        "file:///etc/passwd", "FILE:///etc/passwd", "file:/etc/passwd", "file://localhost/etc/passwd", "file://127.0.0.1/etc/passwd", "/etc/passwd", "//etc/passwd",
        "../../etc/passwd", "..%2f..%2fetc/passwd", "%2e%2e/%2e%2e/etc/passwd", "..\\..\\etc\\passwd", "C:\\Windows\\win.ini", "C:/Windows/win.ini",
        "\\\\server\\share\\a.png", "//server/share/a.png", "\\\\?\\C:\\a.png", "\\\\.\\pipe\\a", "/proc/self/environ", "/dev/zero", "/dev/stdin", "/etc/passwd\0.png",
        "\0", ".", "..", "~/a.png", "http:/etc/passwd", "http:etc/passwd", "http:///etc/passwd", "blob:null/1", "about:blank", "javascript:1", "view-source:file:///etc/passwd",
    ];

    [Theory, MemberData(nameof(Paths))]
    public async Task U7_a_file_of_this_machine_is_no_address_of_an_image(string path) =>
        (await Server.ChatAsync(About(path))).AssertError(400, Parameter, "remote_images_disabled");

    [Fact]
    public async Task U7_nor_is_it_one_where_images_are_fetched()
    {
        await using RunningServer server = await RunningServer.StartAsync(options: static o => o.ImageHosts = ["etc", "server", "localhost", "127.0.0.1", "*.example"]);
        foreach (var row in Paths)
        {
            string json = System.Text.Json.JsonSerializer.Serialize(About(row.Data)).Replace("tiny-llava", ScriptedChatClient.ModelId, StringComparison.Ordinal);
            (await server.ChatAsync(json)).AssertError(400, Parameter, "invalid_image_url");
        }
    }

    [Theory]
    [InlineData("/../../../../../../etc/passwd")]
    [InlineData("/page/../../../../../../../etc/passwd")]
    [InlineData("/page/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd")]
    [InlineData("/page/..%2f..%2f..%2f..%2fetc%2fpasswd")]
    [InlineData("/page/%252e%252e%252fetc/passwd")]
    [InlineData("/page/..%5c..%5cetc%5cpasswd")]
    [InlineData("/page/..\\..\\etc\\passwd")]
    [InlineData("/page/%00")]
    [InlineData("/page/page.js%00.html")]
    [InlineData("/page/....//....//etc/passwd")]
    [InlineData("//etc/passwd")]
    [InlineData("/etc/passwd")]
    [InlineData("/page//etc/passwd")]
    [InlineData("/page/file:///etc/passwd")]
    [InlineData("/proc/self/environ")]
    [InlineData("/page/..%c0%af..%c0%afetc/passwd")]
    [InlineData("/v1/models/../../../../etc/passwd")]
    [InlineData("/v1/models/..%2f..%2f..%2fetc%2fpasswd")]
    [InlineData("/v1/models/%2fproc%2fself%2fenviron")]
    [InlineData("/v1/models/%00")]
    public async Task U7_the_page_and_the_models_are_not_looked_up_on_the_disk(string target)
    {
        string answer = await GetAsync(target);
        string status = answer.Split(' ')[1];
        Assert.True(status is "400" or "404", answer);
        Assert.DoesNotContain("root:", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("PATH=", answer, StringComparison.Ordinal);
    }

    /// <summary>Asks for a target as it is written; a client of the framework would straighten it out first.</summary>
    async Task<string> GetAsync(string target)
    {
        using Socket socket = new(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, Server.Address.Port, Test);
        await socket.SendAsync(Encoding.ASCII.GetBytes($"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), Test);
        using MemoryStream answer = new();
        byte[] buffer = new byte[4096];
        while (await socket.ReceiveAsync(buffer, Test) is > 0 and int count) answer.Write(buffer, 0, count);
        return Encoding.Latin1.GetString(answer.ToArray());
    }
}
