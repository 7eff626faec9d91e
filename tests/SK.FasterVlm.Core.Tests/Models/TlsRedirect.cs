using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace SK.FasterVlm.Core.Tests.Models;

/// <summary>A server on https, with a certificate of its own making, that redirects everything to another.</summary>
sealed class TlsRedirect : IAsyncDisposable
{
    readonly WebApplication _app;
    readonly X509Certificate2 _certificate;
    int _requests;

    TlsRedirect(WebApplication app, X509Certificate2 certificate) => (_app, _certificate) = (app, certificate);

    internal string Endpoint { get; private set; } = "";

    internal int Requests => _requests;

    /// <summary>Whether a certificate is this server's, which no authority vouches for.</summary>
    internal bool IsItsOwn(X509Certificate? shown) => shown is not null && shown.GetCertHashString() == _certificate.GetCertHashString();

    internal static async Task<TlsRedirect> StartAsync(Uri target)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        DateTimeOffset now = DateTimeOffset.UtcNow;
        using X509Certificate2 made = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256).CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        X509Certificate2 certificate = X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);

        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(certificate)));
        TlsRedirect server = new(builder.Build(), certificate);
        server._app.Run(context =>
        {
            Interlocked.Increment(ref server._requests);
            context.Response.StatusCode = 302;
            context.Response.Headers.Location = target.AbsoluteUri.TrimEnd('/') + context.Request.Path;
            return Task.CompletedTask;
        });
        await server._app.StartAsync();
        server.Endpoint = server._app.Urls.Single();
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _certificate.Dispose();
    }
}
