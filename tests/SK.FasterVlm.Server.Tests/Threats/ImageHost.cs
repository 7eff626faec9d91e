using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using SK.FasterVlm.Server.Media;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Threats;

/// <summary>A web server of images on 127.0.0.1 that knows every bad habit.</summary>
sealed class ImageHost : IAsyncDisposable
{
    public static readonly byte[] Image = EmbeddedServer.Picture(1);

    readonly WebApplication _app;
    readonly TaskCompletionSource _silent = new(TaskCreationOptions.RunContinuationsAsynchronously);
    int _requests, _dripped;

    ImageHost(WebApplication app)
    {
        _app = app;
        Address = app.Urls.First();
        Port = new Uri(Address).Port;
    }

    public static async Task<ImageHost> StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(static k => k.Listen(IPAddress.Loopback, 0));
        builder.Services.AddRouting();
        WebApplication app = builder.Build();
        ImageHost? host = null;
        app.Run(context => host!.AnswerAsync(context));
        await app.StartAsync();
        return host = new ImageHost(app);
    }

    public string Address { get; }

    public int Port { get; }

    /// <summary>Bytes that have dripped.</summary>
    public int Dripped => Volatile.Read(ref _dripped);

    /// <summary>Set when somebody who was kept waiting has gone.</summary>
    public TaskCompletionSource Left { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int Requests => Volatile.Read(ref _requests);

    /// <summary>A fetcher that may ask this host.</summary>
    public RemoteImages Fetcher(TimeSpan? timeout = null, TimeProvider? time = null) => new(
        new FasterVlmServerOptions
        {
            ImageHosts = [$"127.0.0.1:{Port}"],
            ImageNetworks = ["127.0.0.1/32"],
            ImageFetchTimeout = timeout ?? TimeSpan.FromMinutes(1),
        },
        Dns.GetHostAddressesAsync, time ?? TimeProvider.System);

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    async Task AnswerAsync(HttpContext context)
    {
        Interlocked.Increment(ref _requests);
        HttpResponse response = context.Response;
        switch (context.Request.Path.Value)
        {
            case "/image":
                await response.Body.WriteAsync(Image);
                break;
            case "/hop1":
                response.Redirect("/hop2");
                break;
            case "/hop2":
                response.Redirect($"{Address}/image", permanent: true);
                break;
            case "/loop":
                response.Redirect("/loop");
                break;
            case "/to-private":
                response.Redirect("http://169.254.169.254/latest/meta-data");
                break;
            case "/to-file":
                response.Redirect("file:///etc/passwd");
                break;
            case "/to-nowhere":
                response.StatusCode = 302;
                break;
            case "/endless":
                byte[] block = new byte[65_536];
                while (!context.RequestAborted.IsCancellationRequested) await response.Body.WriteAsync(block, context.RequestAborted);
                break;
            case "/large":
                response.ContentLength = 200_000_000;
                await response.Body.FlushAsync();
                await Task.Delay(Timeout.Infinite, context.RequestAborted);
                break;
            case "/compressed":
                response.Headers.ContentEncoding = "gzip";
                await response.Body.WriteAsync(new byte[64]);
                break;
            case "/broken":
                response.ContentLength = 1000;
                await response.Body.WriteAsync(new byte[10]);
                await response.Body.FlushAsync();
                context.Abort();
                break;
            case "/missing-beside-silent":
                await _silent.Task.WaitAsync(context.RequestAborted);
                response.StatusCode = 404;
                break;
            case "/silent":
                _silent.TrySetResult();
                try
                {
                    await Task.Delay(Timeout.Infinite, context.RequestAborted);
                }
                finally
                {
                    Left.TrySetResult();
                }
                break;
            case "/dripping":
                for (; ; await Task.Delay(1, context.RequestAborted))
                {
                    await response.Body.WriteAsync(new byte[1], context.RequestAborted);
                    await response.Body.FlushAsync(context.RequestAborted);
                    Interlocked.Increment(ref _dripped);
                }
            case "/hop-with-address":
                response.Redirect("/image?next=http://elsewhere.example/");
                break;
            default:
                response.StatusCode = 404;
                break;
        }
    }
}
