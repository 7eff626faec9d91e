using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using SK.FasterVlm.Server.Security;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Threats;

/// <summary>Rows H2 and H5 to H8: bytes, JSON, keys, hosts, addresses, logs.</summary>
public sealed class HttpThreatTests(EmbeddedServer embedded) : CanaryServer(embedded)
{
    [Fact]
    public async Task H2_a_body_over_the_limit_is_413_whether_its_length_is_said_or_not()
    {
        byte[] body = new byte[20_000_001];
        Array.Fill(body, (byte)' ');
        using ByteArrayContent said = new(body) { Headers = { ContentType = new("application/json") } };
        (await PostAsync(said)).AssertError(413, null, "request_too_large");
        using StreamContent chunked = new(new MemoryStream(body)) { Headers = { ContentType = new("application/json") } };
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/chat/completions") { Content = chunked, Headers = { TransferEncodingChunked = true } };
        using HttpResponseMessage response = await Server.Http.SendAsync(request, Test);
        (await Reply.ReadAsync(response)).AssertError(413, null, "request_too_large");
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{\"model\":\"a\",\"model\":\"b\"}")]
    [InlineData("{\"model\":\"a\"} trailing")]
    [InlineData("{'model':'a'}")]
    [InlineData("{\"model\":\"a\",}")]
    [InlineData("// comment\n{}")]
    [InlineData("{\"\\ud800\":1}")]
    public async Task H2_what_is_no_strict_json_object_is_400(string body)
    {
        Reply reply = await Server.ChatAsync(body);
        reply.AssertError(400, (string?)reply.Error["param"], (string?)reply.Error["code"]);
    }

    [Fact]
    public async Task H2_deep_nesting_many_messages_and_long_texts_are_400()
    {
        (await Server.ChatAsync(new string('[', 1000) + new string(']', 1000))).AssertError(400, null, "invalid_json");
        string many = string.Join(',', Enumerable.Repeat("{\"role\":\"user\",\"content\":\"x\"}", 1_000));
        (await Server.ChatAsync($"{{\"model\":\"tiny-llava\",\"messages\":[{many}]}}")).AssertError(400, "messages", "array_above_max_length");
        (await Server.ChatAsync(Say(new string('x', 1_000_001)).ToJsonString())).AssertError(400, "messages[0].content", "string_above_max_length");
    }

    [Fact]
    public async Task H2_half_a_surrogate_pair_and_bytes_that_are_no_text_are_400()
    {
        (await Server.ChatAsync(Say("@").ToJsonString().Replace("@", "\\ud800", StringComparison.Ordinal))).AssertError(400, "messages[0].content", "invalid_unicode");
        byte[] bytes = Encoding.UTF8.GetBytes(Say("@").ToJsonString());
        bytes[Array.IndexOf(bytes, (byte)'@')] = 0xFF;
        using ByteArrayContent content = new(bytes) { Headers = { ContentType = new("application/json") } };
        Assert.Equal(400, (int)(await PostAsync(content)).Status);
    }

    [Fact]
    public async Task H2_a_nul_is_a_character_and_cuts_nothing_off()
    {
        Reply with = await Server.ChatAsync(Say("Hello\0 and more words behind it").ToJsonString()), without = await Server.ChatAsync(Say("Hello").ToJsonString());
        Assert.True((int)with.Json["usage"]!["prompt_tokens"]! > (int)without.Json["usage"]!["prompt_tokens"]! + 3);
    }

    [Fact]
    public async Task H2_too_many_headers_are_431()
    {
        using HttpRequestMessage request = new(HttpMethod.Get, "/v1/models");
        for (int i = 0; i < 150; i++) request.Headers.Add($"x-{i}", "y");
        using HttpResponseMessage response = await Server.Http.SendAsync(request, Test);
        Assert.Equal(HttpStatusCode.RequestHeaderFieldsTooLarge, response.StatusCode);
    }

    [Fact]
    public async Task H5_every_endpoint_but_the_health_checks_and_the_page_wants_the_key()
    {
        await using RunningServer locked = await RunningServer.StartAsync(options: static o => o.ApiKeys.Add("sk-the-right-key"));
        int seen = 0;
        foreach (RouteEndpoint endpoint in locked.Services.GetRequiredService<EndpointDataSource>().Endpoints.Cast<RouteEndpoint>())
        {
            string path = "/" + endpoint.RoutePattern.RawText!.TrimStart('/').Replace("{**id}", "x", StringComparison.Ordinal).Replace("{**rest}", "x/y", StringComparison.Ordinal);
            bool open = path == "/" || path.StartsWith("/health/", StringComparison.Ordinal) || path.StartsWith("/page/", StringComparison.Ordinal);
            foreach (string method in new[] { "GET", "POST" })
            {
                using HttpRequestMessage request = new(new HttpMethod(method), path + "?key=sk-the-right-key&api_key=sk-the-right-key");
                if (method == "POST") request.Content = new StringContent("{}", Encoding.UTF8, "application/json");
                using HttpResponseMessage response = await locked.Http.SendAsync(request, Test);
                bool routed = response.StatusCode is not (HttpStatusCode.MethodNotAllowed or HttpStatusCode.NotFound);
                if (open || !routed) continue;
                Assert.True(response.StatusCode == HttpStatusCode.Unauthorized, $"{method} {path}: {response.StatusCode}");
                Assert.Equal("Bearer", response.Headers.WwwAuthenticate.ToString());
                seen++;
            }
        }
        Assert.True(seen >= 5, $"only {seen} routes asked");
    }

    [Theory]
    [InlineData("Bearer sk-a-wrong-key", "invalid_api_key")]
    [InlineData("Bearer sk-the-right-ke", "invalid_api_key")]
    [InlineData("Bearer sk-the-right-keyy", "invalid_api_key")]
    [InlineData("Bearer ", "invalid_api_key")]
    [InlineData("Basic c2stdGhlLXJpZ2h0LWtleQ==", "invalid_api_key")]
    [InlineData("sk-the-right-key", "invalid_api_key")]
    [InlineData(null, null)]
    public async Task H5_a_wrong_key_is_401_and_is_not_logged(string? header, string? code)
    {
        await using RunningServer locked = await RunningServer.StartAsync(options: static o => o.ApiKeys.Add("sk-the-right-key"));
        using HttpRequestMessage request = new(HttpMethod.Get, "/v1/models");
        if (header is not null) request.Headers.TryAddWithoutValidation("Authorization", header);
        using HttpResponseMessage response = await locked.Http.SendAsync(request, Test);
        (await Reply.ReadAsync(response)).AssertError(401, null, code);
        Assert.DoesNotContain(locked.Log.Lines, static l => l.Contains("sk-", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("evil.com")]
    [InlineData("evil.com:80")]
    [InlineData("localhost.evil.com")]
    [InlineData("127.0.0.1.nip.io")]
    [InlineData("127.0.0.1.evil.com:1234")]
    public async Task H6_a_name_that_was_pointed_at_this_machine_is_403(string host)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, "/v1/models") { Headers = { Host = host } };
        using HttpResponseMessage response = await Server.Http.SendAsync(request, Test);
        (await Reply.ReadAsync(response)).AssertError(403, null, "host_not_allowed");
        Assert.False(response.Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("localhost:1234")]
    [InlineData("127.0.0.1")]
    [InlineData("[::1]:80")]
    [InlineData("192.168.1.7:8080")]
    [InlineData("vlm.example")]
    [InlineData("a.vlm.test")]
    public async Task H6_own_names_pass(string host)
    {
        await using RunningServer server = await RunningServer.StartAsync(options: static o => o.AllowedHosts = ["vlm.example", "*.vlm.test"]);
        using HttpRequestMessage request = new(HttpMethod.Get, "/v1/models") { Headers = { Host = host } };
        using HttpResponseMessage response = await server.Http.SendAsync(request, Test);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory]
    [InlineData("https://evil.com", HttpStatusCode.Forbidden)]
    [InlineData("null", HttpStatusCode.Forbidden)]
    [InlineData("chrome-extension://abc", HttpStatusCode.Forbidden)]
    [InlineData("http://localhost", HttpStatusCode.Forbidden)] // another port of this machine is another origin
    [InlineData("own", HttpStatusCode.OK)]
    [InlineData("https://app.example", HttpStatusCode.OK)]
    public async Task H6_a_foreign_page_may_not_ask(string origin, HttpStatusCode expected)
    {
        await using RunningServer server = await RunningServer.StartAsync(options: static o => o.AllowedOrigins = ["https://app.example"]);
        using HttpRequestMessage request = new(HttpMethod.Get, "/v1/models");
        request.Headers.Add("Origin", origin == "own" ? server.Address.GetLeftPart(UriPartial.Authority) : origin);
        using HttpResponseMessage response = await server.Http.SendAsync(request, Test);
        Assert.Equal(expected, response.StatusCode);
        Assert.False(response.Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("multipart/form-data")]
    [InlineData(null)]
    public async Task H6_what_a_form_can_send_is_415(string? type)
    {
        using ByteArrayContent content = new(Encoding.UTF8.GetBytes(Say("Hi").ToJsonString()));
        content.Headers.ContentType = type is null ? null : new MediaTypeHeaderValue(type);
        (await PostAsync(content)).AssertError(415, null, "unsupported_media_type");
    }

    [Fact]
    public async Task H6_a_preflight_is_not_answered_with_permission()
    {
        using HttpRequestMessage request = new(HttpMethod.Options, "/v1/chat/completions");
        request.Headers.Add("Origin", "https://evil.com");
        request.Headers.Add("Access-Control-Request-Method", "POST");
        using HttpResponseMessage response = await Server.Http.SendAsync(request, Test);
        Assert.False(response.IsSuccessStatusCode);
        Assert.DoesNotContain(response.Headers, static h => h.Key.StartsWith("Access-Control", StringComparison.OrdinalIgnoreCase));
    }

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("*")]
    [InlineData("192.168.1.7")]
    [InlineData("::")]
    public void H7_no_other_machine_is_served_without_a_key(string host)
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => FasterVlmServerApplication.Create(host, 0));
        Assert.Contains("API key", error.Message);
        FasterVlmServerApplication.Check(host, 0, new FasterVlmServerOptions { ApiKeys = ["sk-the-right-key"] });
    }

    [Fact]
    public async Task H7_it_listens_on_loopback_only()
    {
        Assert.True(IPAddress.IsLoopback(IPAddress.Parse(Server.Address.Host)));
        foreach (IPAddress own in (await Dns.GetHostAddressesAsync(Dns.GetHostName(), Test)).Where(static a => !IPAddress.IsLoopback(a)))
        {
            using Socket socket = new(own.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            await Assert.ThrowsAsync<SocketException>(() => socket.ConnectAsync(own, Server.Address.Port, Test).AsTask());
        }
    }

    [Theory]
    [InlineData("http://*:0", true)]
    [InlineData("http://0.0.0.0:0", true)]
    [InlineData("http://[::]:0", true)]
    [InlineData("http://127.0.0.1:0", false)]
    [InlineData(null, false)] // the host's own default
    public async Task H7_in_two_lines_of_an_application_too(string? address, bool refused)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        if (address is not null) builder.WebHost.UseUrls(address);
        builder.Services.AddSingleton<IChatClient>(new ScriptedChatClient());
        builder.Services.AddFasterVlmServer();
        await using WebApplication app = builder.Build();
        app.MapFasterVlmOpenAI();
        if (address is null)
        {
            // What is written nowhere is http://localhost:5000; somebody else may have that port, so it is only looked at.
            Assert.Empty(app.Urls);
            Assert.Null(ExposureCheck.Problem("localhost", new FasterVlmServerOptions()));
            return;
        }
        if (refused)
        {
            Assert.Contains("API key", (await Assert.ThrowsAsync<InvalidOperationException>(() => app.StartAsync(Test))).Message);
            return;
        }
        await app.StartAsync(Test);
        using HttpClient http = new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(app.Urls.First()) };
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/v1/models", Test)).StatusCode);
    }

    [Fact]
    public async Task H2_a_body_of_millions_of_values_is_not_taken_apart()
    {
        string zeros = string.Join(',', Enumerable.Repeat("0", 2_100_000));
        (await Server.ChatAsync($$"""{"model":"tiny-llava","messages":[{{zeros}}]}""")).AssertError(400, null, "invalid_json");
        (await Server.ChatAsync($$"""{"model":"tiny-llava","messages":[{{zeros[..1_800_001]}}]}""")).AssertError(400, "messages", "array_above_max_length");
    }

    [Fact]
    public async Task H8_prompts_never_reach_the_log_and_names_are_cut_and_cleaned()
    {
        const string Secret = "the-secret-of-the-prompt";
        int before = Server.Log.Lines.Length;
        await Server.ChatAsync(Say(Secret).ToJsonString());
        JsonObject bad = Say(Secret);
        bad[$"{Secret}\u001b[31m\r\nfake line" + new string('x', 100_000)] = 1;
        Reply reply = await Server.ChatAsync(bad.ToJsonString());
        Assert.Equal(400, (int)reply.Status);
        string message = (string)reply.Error["message"]!;
        Assert.True(message.Length < 200 && !message.Any(char.IsControl), message);
        await Server.GetAsync($"/v1/models/{Secret}%1b%0d%0a");
        Assert.All(Server.Log.Lines[before..].Where(static l => l.Contains("SK.FasterVlm", StringComparison.Ordinal)), static l => Assert.DoesNotContain(Secret, l));
    }

    [Theory]
    [InlineData("../../x")]
    [InlineData("sha256:../..")]
    [InlineData("C:\\x")]
    [InlineData("tiny-llava\0")]
    [InlineData("\u202Ellava")]
    public async Task U8_a_model_name_is_only_compared(string name) =>
        (await Server.ChatAsync(new { model = name, messages = new[] { new { role = "user", content = "Hi" } } })).AssertError(404, "model", "model_not_found");

    async Task<Reply> PostAsync(HttpContent content)
    {
        using HttpResponseMessage response = await Server.Http.PostAsync("/v1/chat/completions", content, Test);
        return await Reply.ReadAsync(response);
    }
}
