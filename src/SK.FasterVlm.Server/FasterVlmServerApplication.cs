using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OpenTelemetry.Resources;
using SK.FasterVlm.Server.Security;

namespace SK.FasterVlm.Server;

/// <summary>The server as an application of its own, as <c>fastervlm serve</c> runs it. Reads no configuration file and no environment.</summary>
public static class FasterVlmServerApplication
{
    /// <summary>Connections open at once; Kestrel itself has no bound.</summary>
    public const int MaxConnections = 1024;

    /// <summary>Builds the application; start it with <c>RunAsync</c>.</summary>
    /// <param name="host"><c>localhost</c> (both loopback addresses), an IP address, or <c>*</c> for all of them.</param>
    /// <param name="port">0 for any free one (not with <c>localhost</c>, which then is 127.0.0.1).</param>
    /// <param name="server">Changes the server's options.</param>
    /// <param name="configure">Adds to the application before it is built, for example a chat client or logging.</param>
    /// <exception cref="ArgumentException">The address cannot be read, or would serve other machines without a key.</exception>
    public static WebApplication Create(
        string host = "localhost", int port = 8080, Action<FasterVlmServerOptions>? server = null, Action<WebApplicationBuilder>? configure = null)
    {
        FasterVlmServerOptions options = new();
        server?.Invoke(options);
        Check(host, port, options);

        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = options.MaxBodyBytes;
            kestrel.Limits.MaxConcurrentConnections = MaxConnections;
            Listen(kestrel, host, port);
        });
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = options.DrainTime);
        builder.Services.AddRouting();
        configure?.Invoke(builder);
        builder.Services.AddFasterVlmServer(server);
        builder.Services.AddOpenTelemetry().ConfigureResource(static resource => resource.AddService("fastervlm"));
        WebApplication app = builder.Build();
        app.UseRouting();
        app.MapFasterVlmOpenAI();
        return app;
    }

    /// <summary>Checks everything <see cref="Create"/> would, without creating anything.</summary>
    /// <exception cref="ArgumentException">The address cannot be read, would serve other machines without a key, or an option is out of range.</exception>
    public static void Check(string host, int port, FasterVlmServerOptions options)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        if (port is < 0 or > IPEndPoint.MaxPort) throw new ArgumentException($"The port must be 0 to {IPEndPoint.MaxPort}.");
        if (host != "*" && !IsLocalhost(host) && !IPAddress.TryParse(host.Trim('[', ']'), out _))
            throw new ArgumentException($"\"{host}\" is not an address to listen on; write localhost, an IP address, or *.");
        if (ExposureCheck.Problem(host, options) is { } problem) throw new ArgumentException(problem);
    }

    static bool IsLocalhost(string host) => host.Equals("localhost", StringComparison.OrdinalIgnoreCase);

    static void Listen(KestrelServerOptions kestrel, string host, int port)
    {
        if (host == "*") kestrel.ListenAnyIP(port);
        else if (!IsLocalhost(host)) kestrel.Listen(IPAddress.Parse(host.Trim('[', ']')), port);
        else if (port == 0) kestrel.Listen(IPAddress.Loopback, 0); // two sockets would get two ports
        else kestrel.ListenLocalhost(port);
    }
}
