using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace SK.FasterVlm.Server.Security;

/// <summary>Refuses to start an application that would serve other machines without a key.</summary>
sealed class ExposureCheck(IServer server, IOptions<FasterVlmServerOptions> options) : IHostedLifecycleService
{
    /// <summary>What is wrong with listening on an address; null when nothing is.</summary>
    /// <param name="host">Name or IP address.</param>
    /// <param name="options">The server's options.</param>
    public static string? Problem(string host, FasterVlmServerOptions options)
    {
        if (options.ApiKeys.Count > 0 || options.AllowRemoteWithoutApiKey) return null;
        bool loopback = host.TrimEnd('.').Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? address) && IPAddress.IsLoopback(address));
        return loopback ? null : $"Without an API key only loopback addresses are served, and \"{host}\" is not one; set a key, or listen on 127.0.0.1.";
    }

    /// <summary>The addresses are known only once the server has started; every request is checked as well.</summary>
    public Task StartedAsync(CancellationToken cancellationToken)
    {
        foreach (string address in server.Features.Get<IServerAddressesFeature>()?.Addresses ?? [])
        {
            // "http://*:80" is no address for Uri, and means all of them.
            string host = Uri.TryCreate(address, UriKind.Absolute, out Uri? uri) ? uri.Host : "*";
            if (address.Contains("unix:", StringComparison.Ordinal) || address.Contains("pipe:", StringComparison.Ordinal)) continue;
            if (Problem(host, options.Value) is { } problem) throw new InvalidOperationException(problem);
        }
        return Task.CompletedTask;
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
