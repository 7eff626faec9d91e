using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Time.Testing;
using SK.FasterVlm.Server.Media;
using SK.FasterVlm.Server.Protocol;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Threats;

/// <summary>Rows U1 to U6: addresses of images. No test dials a public address: names are resolved by the test.</summary>
public sealed class UrlThreatTests(EmbeddedServer embedded) : CanaryServer(embedded)
{
    const string Path = "messages[0].content[0].image_url.url";

    [Theory]
    [InlineData("http://127.0.0.1/a.png")]
    [InlineData("https://example.com/a.png")]
    [InlineData("file:///etc/passwd")]
    [InlineData("/etc/passwd")]
    [InlineData("ftp://example.com/a.png")]
    public async Task U1_nothing_is_fetched_by_default(string url) =>
        (await Server.ChatAsync(About(url))).AssertError(400, Path, "remote_images_disabled");

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("10.1.2.3")]
    [InlineData("172.16.0.1")]
    [InlineData("192.168.1.1")]
    [InlineData("169.254.169.254")]
    [InlineData("100.64.0.1")]
    [InlineData("0.0.0.0")]
    [InlineData("198.18.0.1")]
    [InlineData("224.0.0.1")]
    [InlineData("255.255.255.255")]
    [InlineData("::1")]
    [InlineData("::")]
    [InlineData("fe80::1")]
    [InlineData("fc00::1")]
    [InlineData("fd00:ec2::254")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("::ffff:10.0.0.1")]
    [InlineData("::127.0.0.1")]
    [InlineData("64:ff9b::7f00:1")]
    [InlineData("64:ff9b:1::1")]
    [InlineData("2002:7f00:1::")]
    [InlineData("2001:db8::1")]
    [InlineData("2001::1")]
    [InlineData("ff02::1")]
    public async Task U2_an_address_that_is_not_public_is_never_dialled(string address)
    {
        using RemoteImages images = Fetcher(_ => [IPAddress.Parse(address)]);
        ApiException error = await Assert.ThrowsAsync<ApiException>(() => images.FetchAsync("http://images.example/a.png", Path, 1000, static _ => { }, Test));
        Assert.Equal((400, "image_url_not_allowed", Path), (error.Status, error.Code, error.Parameter));
    }

    [Theory]
    [InlineData("93.184.216.34")]
    [InlineData("2606:2800:220:1::1")]
    [InlineData("64:ff9b::5db8:d822")]
    public void U2_public_addresses_are_allowed(string address) => Assert.True(new AddressPolicy([]).Allows(IPAddress.Parse(address)));

    [Fact]
    public async Task U2_a_canary_on_this_machine_is_not_connected_to()
    {
        using TcpListener canary = new(IPAddress.Loopback, 0);
        canary.Start();
        int port = ((IPEndPoint)canary.LocalEndpoint).Port;
        using RemoteImages images = Fetcher(static _ => [IPAddress.Loopback], o => o.ImageHosts = [$"images.example:{port}", $"127.0.0.1:{port}", $"localhost:{port}"]);
        foreach (string host in new[] { "images.example", "127.0.0.1", "localhost", "localhost." })
            await Assert.ThrowsAsync<ApiException>(() => images.FetchAsync($"http://{host}:{port}/a.png", Path, 1000, static _ => { }, Test));
        Assert.False(canary.Pending());
    }

    [Fact]
    public async Task U2_one_private_address_among_public_ones_is_enough_to_refuse()
    {
        using RemoteImages images = Fetcher(static _ => [IPAddress.Parse("93.184.216.34"), IPAddress.Loopback]);
        ApiException error = await Assert.ThrowsAsync<ApiException>(() => images.FetchAsync("http://images.example/a.png", Path, 1000, static _ => { }, Test));
        Assert.Equal("image_url_not_allowed", error.Code);
    }

    [Theory]
    [InlineData("/to-private", "image_url_not_allowed")] // a host that is not on the list
    [InlineData("/to-file", "invalid_image_url")]
    [InlineData("/loop", "image_fetch_failed")]
    [InlineData("/to-nowhere", "image_fetch_failed")]
    public async Task U3_every_redirect_is_judged_anew(string path, string code)
    {
        await using ImageHost host = await ImageHost.StartAsync();
        using RemoteImages images = host.Fetcher();
        ApiException error = await Assert.ThrowsAsync<ApiException>(() => images.FetchAsync($"{host.Address}{path}", Path, 100_000, static _ => { }, Test));
        Assert.Equal(code, error.Code);
        Assert.True(host.Requests <= 4, "the first request and at most three redirects");
    }

    [Fact]
    public async Task U3_redirects_within_the_rules_are_followed()
    {
        await using ImageHost host = await ImageHost.StartAsync();
        using RemoteImages images = host.Fetcher();
        Assert.Equal(ImageHost.Image, await images.FetchAsync($"{host.Address}/hop1", Path, 100_000, static _ => { }, Test));
        // An address within the query makes no whole address of it.
        Assert.Equal(ImageHost.Image, await images.FetchAsync($"{host.Address}/hop-with-address", Path, 100_000, static _ => { }, Test));
    }

    [Fact]
    public async Task U4_a_name_is_resolved_once_and_the_judged_address_is_dialled()
    {
        await using ImageHost host = await ImageHost.StartAsync();
        int asked = 0;
        using RemoteImages images = Fetcher(
            _ => ++asked == 1 ? [IPAddress.Loopback] : [IPAddress.Parse("203.0.113.9")],
            o => (o.ImageHosts, o.ImageNetworks) = ([$"images.example:{host.Port}"], ["127.0.0.1/32"]));
        Assert.Equal(ImageHost.Image, await images.FetchAsync($"http://images.example:{host.Port}/image", Path, 100_000, static _ => { }, Test));
        Assert.Equal(1, asked);
    }

    [Theory]
    [InlineData(@"http://images.example\@127.0.0.1/")]
    [InlineData("http://user@images.example/")]
    [InlineData("http://user:pw@images.example/")]
    [InlineData("http://images.example#@127.0.0.1/")]
    [InlineData("http://images.example%2f@127.0.0.1/")]
    [InlineData("http://images.example/\r\nHost: other")]
    [InlineData("http://images.example/a b")]
    [InlineData("http://2130706433/")]
    [InlineData("http://0x7f.1/")]
    [InlineData("http://0251.0376.0251.0376/")]
    [InlineData("http://imag\u00e9s.example/")]
    [InlineData("http://images\u3002example/")]
    [InlineData("http:images.example/")]
    [InlineData("http:///images.example/")]
    [InlineData("http://images.example:0x50/")]
    [InlineData("http://images.example:99999/")]
    [InlineData("//images.example/")]
    [InlineData("gopher://images.example/")]
    public async Task U5_an_address_two_readers_could_read_differently_is_refused(string url)
    {
        using RemoteImages images = Fetcher(static _ => throw new InvalidOperationException("must not be resolved"));
        ApiException error = await Assert.ThrowsAsync<ApiException>(() => images.FetchAsync(url, Path, 1000, static _ => { }, Test));
        Assert.Equal("invalid_image_url", error.Code);
    }

    [Theory]
    [InlineData("http://example/")]
    [InlineData("http://images.example.evil/")]
    [InlineData("http://evilimages.example/")]
    [InlineData("http://images.example:8080/")]
    public async Task U5_only_the_named_hosts_at_their_usual_ports_are_asked(string url)
    {
        using RemoteImages images = Fetcher(static _ => throw new InvalidOperationException("must not be resolved"));
        ApiException error = await Assert.ThrowsAsync<ApiException>(() => images.FetchAsync(url, Path, 1000, static _ => { }, Test));
        Assert.Equal("image_url_not_allowed", error.Code);
    }

    [Theory]
    [InlineData("/endless", 413, "image_too_large")]
    [InlineData("/large", 413, "image_too_large")]
    [InlineData("/compressed", 400, "image_fetch_failed")]
    [InlineData("/missing", 400, "image_fetch_failed")]
    [InlineData("/broken", 400, "image_fetch_failed")]
    public async Task U6_size_form_and_status_are_held_to(string path, int status, string code)
    {
        await using ImageHost host = await ImageHost.StartAsync();
        using RemoteImages images = host.Fetcher();
        ApiException error = await Assert.ThrowsAsync<ApiException>(() => images.FetchAsync($"{host.Address}{path}", Path, 100_000, static _ => { }, Test));
        Assert.Equal((status, code), (error.Status, error.Code));
    }

    [Fact]
    public async Task U6_a_host_that_never_answers_costs_its_time_and_no_more()
    {
        await using ImageHost host = await ImageHost.StartAsync();
        using RemoteImages images = host.Fetcher(TimeSpan.FromMilliseconds(50));
        ApiException error = await Assert.ThrowsAsync<ApiException>(() => images.FetchAsync($"{host.Address}/silent", Path, 100_000, static _ => { }, Test));
        Assert.Equal("image_fetch_failed", error.Code);
    }

    [Fact]
    public async Task U6_a_body_that_drips_has_one_budget_of_time_for_all_its_bytes()
    {
        await using ImageHost host = await ImageHost.StartAsync();
        FakeTimeProvider clock = new();
        using RemoteImages images = host.Fetcher(TimeSpan.FromSeconds(10), clock);
        Task<byte[]> fetch = images.FetchAsync($"{host.Address}/dripping", Path, 100_000, static _ => { }, Test);
        for (int second = 1; second <= 9; second++)
        {
            int before = host.Dripped;
            await Waiting.UntilAsync(() => host.Dripped > before); // it goes on
            clock.Advance(TimeSpan.FromSeconds(1));
        }
        Assert.False(fetch.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("image_fetch_failed", (await Assert.ThrowsAsync<ApiException>(() => fetch)).Code);
    }

    [Fact]
    public async Task U6_when_one_image_cannot_be_fetched_the_others_are_not_waited_for()
    {
        await using ImageHost host = await ImageHost.StartAsync();
        await using RunningServer server = await RunningServer.StartAsync(null, o =>
            (o.ImageHosts, o.ImageNetworks, o.ImageFetchTimeout) = ([$"127.0.0.1:{host.Port}"], ["127.0.0.1/32"], TimeSpan.FromMinutes(5)));
        object[] content = [.. new[] { "/silent", "/missing-beside-silent" }.Select(p => new { type = "image_url", image_url = new { url = host.Address + p } })];
        Reply reply = await server.ChatAsync(new { model = ScriptedChatClient.ModelId, messages = new[] { new { role = "user", content } } });
        reply.AssertError(400, "messages[0].content[1].image_url.url", "image_fetch_failed");
        await host.Left.Task.WaitAsync(TimeSpan.FromMinutes(2), Test);
    }

    [Fact]
    public async Task U2_U3_a_server_that_was_sent_inside_asks_nobody_and_answers_as_before()
    {
        using TcpListener canary = new(IPAddress.Loopback, 0);
        canary.Start();
        int port = ((IPEndPoint)canary.LocalEndpoint).Port;
        await using ImageHost host = await ImageHost.StartAsync();
        // Two ports of this machine are on the list of hosts, but its address is not on that of networks.
        await using RunningServer server = await RunningServer.StartAsync(
            Embedded.Model.CreateChatClient(), o => (o.ImageHosts, o.ImageNetworks) = ([$"127.0.0.1:{host.Port}", $"localhost:{port}"], ["127.0.0.2/32"]));
        string before = (await server.ChatAsync(About(DataUri(ImageHost.Image)))).Content;
        foreach (string url in new[] { $"http://127.0.0.1:{port}/a.png", $"http://localhost:{port}/a.png", $"{host.Address}/to-private", "http://169.254.169.254/latest" })
            (await server.ChatAsync(About(url))).AssertError(400, Path, "image_url_not_allowed");
        Assert.False(canary.Pending());
        Assert.Equal(0, host.Requests);
        Assert.Equal(before, (await server.ChatAsync(About(DataUri(ImageHost.Image)))).Content);
    }

    [Theory]
    [InlineData("b\u00fccher.example", "xn--bcher-kva.example", true)]
    [InlineData("*.B\u00dcCHER.example", "img.xn--bcher-kva.example", true)]
    [InlineData("b\u00fccher.example", "bucher.example", false)]
    public void Hosts_may_be_named_in_letters_of_any_language(string pattern, string host, bool matches) =>
        Assert.Equal(matches, HostPattern.Parse(pattern).Matches(host));

    [Fact]
    public async Task A_fetched_image_is_answered_like_the_same_bytes_inline()
    {
        await using ImageHost host = await ImageHost.StartAsync();
        await using RunningServer server = await RunningServer.StartAsync(
            Embedded.Model.CreateChatClient(), o => (o.ImageHosts, o.ImageNetworks) = ([$"127.0.0.1:{host.Port}"], ["127.0.0.1/32"]));
        Reply fetched = await server.ChatAsync(About($"{host.Address}/image")), inline = await server.ChatAsync(About(DataUri(ImageHost.Image)));
        Assert.Equal(HttpStatusCode.OK, fetched.Status);
        Assert.Equal(inline.Content, fetched.Content);
    }

    static RemoteImages Fetcher(Func<string, IPAddress[]> resolve, Action<FasterVlmServerOptions>? configure = null)
    {
        FasterVlmServerOptions options = new() { ImageHosts = ["images.example"] };
        configure?.Invoke(options);
        return new RemoteImages(options, (host, _) => Task.FromResult(resolve(host)), TimeProvider.System);
    }
}
