using System.Net;
using System.Net.Sockets;
using SK.FasterVlm.Models;

namespace SK.FasterVlm.Core.Tests.Models;

/// <summary>Threat D2: where redirects lead, and who gets the token.</summary>
public sealed class D2_RedirectTests
{
    [Fact]
    public async Task The_token_goes_to_the_hub_and_not_where_it_redirects_to()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.SucceedAsync(static o => o.Token = "hf_secret");
        Assert.All(rig.Hub.Seen, r => Assert.Equal(r.Host == rig.Hub.Endpoint.Authority ? "Bearer hf_secret" : null, r.Authorization));
        Assert.Equal(4, rig.Hub.Seen.Length);
    }

    [Fact]
    public async Task The_token_does_not_come_back_with_a_redirect_that_returns_to_the_hub()
    {
        await using HubRig rig = await HubRig.StartAsync();
        rig.Hub.BlobFault = (context, _, count) =>
        {
            if (context.Request.Path.Value!.EndsWith("/again", StringComparison.Ordinal)) return Task.FromResult(false);
            context.Response.StatusCode = 307;
            context.Response.Headers.Location = $"{rig.Hub.Endpoint.AbsoluteUri.TrimEnd('/')}{context.Request.Path}/again";
            return Task.FromResult(true);
        };
        await rig.SucceedAsync(static o => o.Token = "hf_secret");
        SeenRequest[] back = [.. rig.Hub.Seen.Where(static r => r.Path.EndsWith("/again", StringComparison.Ordinal))];
        Assert.Equal(2, back.Length);
        Assert.All(back, static r => Assert.Null(r.Authorization));
    }

    [Fact]
    public async Task An_address_elsewhere_gets_no_token()
    {
        await using HubRig rig = await HubRig.StartAsync();
        string hash = HubRig.Hash(rig.Model);
        await rig.SucceedAsync(); // the blobs are known now
        rig.Hub.ForgetRequests();
        rig.Hub.BlobFault = async (context, blob, _) =>
        {
            await rig.Hub.SendAsync(context, context.Request.Path.Value!.EndsWith("a.gguf", StringComparison.Ordinal) ? rig.Model : rig.Projector);
            return true;
        };
        ModelFileSource Source(string name) => ModelFileSource.Parse($"{rig.Hub.Cdn}blob/{hash}/{name}");
        CachedModel own = await rig.Store(static o => o.Token = "hf_secret").PullAsync("own", Source("a.gguf"), Source("b.gguf"), cancellationToken: TestContext.Current.CancellationToken);
        Assert.True(own.IsComplete);
        Assert.All(rig.Hub.Seen, static r => Assert.Null(r.Authorization));
    }

    [Fact]
    public async Task Endless_redirects_end()
    {
        await using HubRig rig = await HubRig.StartAsync();
        rig.Hub.HubFault = static context => FaultyHub.Status(context, 302, ("Location", context.Request.Path.Value!));
        ModelDownloadException error = await rig.FailAsync(ModelDownloadFailure.BadAnswer);
        Assert.Contains("redirects more than 10 times", error.Message, StringComparison.Ordinal);
        Assert.Equal(11, rig.Hub.Seen.Length);
    }

    [Theory]
    [InlineData("http://example.invalid/x.gguf")]
    [InlineData("ftp://127.0.0.1/x.gguf")]
    [InlineData("file:///etc/passwd")]
    public async Task A_redirect_to_what_is_not_https_is_refused(string location)
    {
        await using HubRig rig = await HubRig.StartAsync();
        rig.Hub.HubFault = context => FaultyHub.Status(context, 302, ("Location", location));
        await rig.FailAsync(ModelDownloadFailure.Insecure);
        Assert.Single(rig.Hub.Seen);
    }

    [Fact]
    public async Task What_the_other_origin_says_about_the_file_does_not_count()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.SucceedAsync(); // the blobs are known now
        Directory.Delete(rig.Cache, recursive: true);
        rig.Hub.HubFault = context => FaultyHub.Status(context, 302, ("Location",
            $"{rig.Hub.Cdn}blob/{HubRig.Hash(context.Request.Path.Value!.Contains("mmproj", StringComparison.Ordinal) ? rig.Projector : rig.Model)}"));
        rig.Hub.BlobFault = static (context, _, _) =>
        {
            context.Response.Headers["X-Repo-Commit"] = new string('c', 40);
            return Task.FromResult(false);
        };
        CachedModel model = await rig.SucceedAsync();
        Assert.Null(model.Model.Revision);
    }

    [Fact]
    public async Task A_redirect_from_https_to_http_is_refused_also_to_this_machine()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await using TlsRedirect tls = await TlsRedirect.StartAsync(rig.Hub.Endpoint);
        ModelDownloadException error = await rig.FailAsync(
            ModelDownloadFailure.Insecure, o => (o.Endpoint, o.AllowInsecureHttp, o.Token) = (tls.Endpoint, true, "hf_secret"),
            s => s with { Sockets = sockets => sockets.SslOptions.RemoteCertificateValidationCallback = (_, shown, _, _) => tls.IsItsOwn(shown) });
        Assert.Contains("from https to http", error.Message, StringComparison.Ordinal);
        Assert.Equal(1, tls.Requests);
        Assert.Empty(rig.Hub.Seen);
    }

    [Fact]
    public async Task The_token_is_not_sent_in_plain_text_though_http_is_allowed()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.SucceedAsync(
            o => (o.Endpoint, o.AllowInsecureHttp, o.Token) = ($"http://hub.invalid:{rig.Hub.Endpoint.Port}", true, "hf_secret"),
            static s => s with { Sockets = static sockets => sockets.ConnectCallback = ConnectHereAsync });
        Assert.Contains(rig.Hub.Seen, static r => r.Host.StartsWith("hub.invalid", StringComparison.Ordinal));
        Assert.All(rig.Hub.Seen, static r => Assert.Null(r.Authorization));

        static async ValueTask<Stream> ConnectHereAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
        {
            Socket socket = new(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(IPAddress.Loopback, context.DnsEndPoint.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
    }

    [Fact]
    public async Task Plain_http_to_another_host_is_refused_before_anything_is_sent()
    {
        await using HubRig rig = await HubRig.StartAsync();
        ModelDownloadException error = await rig.FailAsync(ModelDownloadFailure.Insecure, static o => o.Endpoint = "http://hub.invalid");
        Assert.Contains("--allow-http", error.Message, StringComparison.Ordinal);
    }
}
