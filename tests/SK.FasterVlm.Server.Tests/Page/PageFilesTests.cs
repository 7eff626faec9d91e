using System.Net;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using SK.FasterVlm.Server.Page;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Page;

/// <summary>How the page's files are served; needs no browser.</summary>
public sealed partial class PageFilesTests
{
    [Fact]
    public async Task Every_file_the_page_names_is_there_and_none_is_elsewhere()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        Queue<string> open = new(["/"]);
        HashSet<string> seen = ["/"];
        while (open.TryDequeue(out string? address))
        {
            Reply file = await server.GetAsync(address);
            Assert.Equal(HttpStatusCode.OK, file.Status);
            Assert.Equal(PageFiles.ContentSecurityPolicy, file.Headers["Content-Security-Policy"]);
            Assert.Equal(("nosniff", "no-referrer"), (file.Headers["X-Content-Type-Options"], file.Headers["Referrer-Policy"]));
            Assert.DoesNotMatch(@"https?://(?!www\.w3\.org/2000/svg)", file.Text);
            Assert.DoesNotMatch(@"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|\son\w+=|style=", file.Text);
            foreach (Match name in Names().Matches(file.Text))
            {
                string next = new Uri(new Uri(new Uri("http://x"), address), name.Groups[1].Value).AbsolutePath;
                if (seen.Add(next)) open.Enqueue(next);
            }
        }
        Assert.Equal(typeof(PageFiles).Assembly.GetManifestResourceNames().Count(static n => n.StartsWith("wwwroot/", StringComparison.Ordinal)), seen.Count);
    }

    [Theory]
    [InlineData("/", "text/html")]
    [InlineData("/page/app.js", "text/javascript")]
    [InlineData("/page/style.css", "text/css")]
    [InlineData("/page/icon.svg", "image/svg+xml")]
    public async Task A_file_has_its_type_and_is_not_sent_twice(string address, string type)
    {
        await using RunningServer server = await RunningServer.StartAsync(options: static o => o.ApiKeys = ["needed-for-the-rest"]);
        Reply first = await server.GetAsync(address);
        Assert.Equal((HttpStatusCode.OK, type), (first.Status, first.MediaType));
        using HttpRequestMessage again = new(HttpMethod.Get, address) { Headers = { { "If-None-Match", first.Headers["ETag"] } } };
        using HttpResponseMessage unchanged = await server.Http.SendAsync(again, RunningServer.Test);
        Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
        using HttpRequestMessage head = new(HttpMethod.Head, address);
        using HttpResponseMessage headers = await server.Http.SendAsync(head, RunningServer.Test);
        Assert.Equal((HttpStatusCode.OK, first.Headers["ETag"]), (headers.StatusCode, headers.Headers.ETag!.ToString()));
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.GetAsync("/v1/models")).Status);
    }

    [Fact]
    public async Task The_page_can_be_switched_off_and_guards_its_host()
    {
        await using (RunningServer without = await RunningServer.StartAsync(options: static o => o.ServePage = false))
        {
            Assert.Equal(HttpStatusCode.NotFound, (await without.GetAsync("/")).Status);
            Assert.Equal(HttpStatusCode.NotFound, (await without.GetAsync("/page/app.js")).Status);
        }
        await using RunningServer server = await RunningServer.StartAsync();
        using HttpRequestMessage rebound = new(HttpMethod.Get, "/") { Headers = { Host = "evil.example" } };
        using HttpResponseMessage refused = await server.Http.SendAsync(rebound, RunningServer.Test);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
    }

    [Fact]
    public async Task An_application_keeps_its_own_start_page_and_may_map_ours_below_a_prefix()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static k => k.Listen(IPAddress.Loopback, 0));
        builder.Services.AddSingleton<IChatClient>(new ScriptedChatClient());
        builder.Services.AddFasterVlmServer();
        await using WebApplication app = builder.Build();
        app.MapFasterVlmOpenAI();
        app.MapGet("/", static () => "Mine");
        app.MapGroup("/eyes").MapFasterVlmOpenAI();
        await app.StartAsync(RunningServer.Test);
        using HttpClient http = new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false }) { BaseAddress = new Uri(app.Urls.First()) };
        Assert.Equal("Mine", await http.GetStringAsync("/", RunningServer.Test));
        using HttpResponseMessage redirect = await http.GetAsync("/eyes", RunningServer.Test);
        Assert.Equal((HttpStatusCode.Redirect, "/eyes/"), (redirect.StatusCode, redirect.Headers.Location?.ToString()));
        Assert.Contains("page/app.js", await http.GetStringAsync("/eyes/", RunningServer.Test), StringComparison.Ordinal);
        Assert.Contains("v1/models", await http.GetStringAsync("/eyes/page/api.js", RunningServer.Test), StringComparison.Ordinal);
    }

    [GeneratedRegex("""(?:src|href|from)[= ]["']([^"']+)["']""")]
    private static partial Regex Names();
}
