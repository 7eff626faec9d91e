using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace SK.FasterVlm.Core.Tests.Models;

/// <summary>A request the server has seen.</summary>
sealed record SeenRequest(string Host, string Path, string? Range, string? IfRange, string? Authorization)
{
    /// <summary>First byte asked for.</summary>
    internal long From => Range is null ? 0 : long.Parse(Range["bytes=".Length..^1], CultureInfo.InvariantCulture);
}

/// <summary>
/// A hub that speaks the protocol of huggingface.co on this machine: /owner/name/resolve/revision/file answers with the commit, size
/// and SHA-256 of the file and redirects to another origin that has the bytes. Both can be told to misbehave.
/// </summary>
sealed class FaultyHub : IAsyncDisposable
{
    readonly WebApplication _app;
    readonly ConcurrentDictionary<string, byte[]> _files = new();
    readonly ConcurrentDictionary<string, byte[]> _blobs = new();
    readonly ConcurrentQueue<SeenRequest> _seen = new();
    int _blobRequests;

    FaultyHub(WebApplication app) => _app = app;

    /// <summary>The hub's origin.</summary>
    internal Uri Endpoint { get; private set; } = null!;

    /// <summary>The other origin, where redirects lead.</summary>
    internal Uri Cdn { get; private set; } = null!;

    /// <summary>What "main" stands for.</summary>
    internal string Commit { get; set; } = new('a', 40);

    /// <summary>Commits by tag, beside what "main" stands for.</summary>
    internal Dictionary<string, string> Tags { get; } = [];

    /// <summary>ETag of every blob; null leaves it out.</summary>
    internal string? Tag { get; set; } = "\"one\"";

    /// <summary>Handles a request at the hub instead of the protocol; false lets the protocol go on.</summary>
    internal Func<HttpContext, Task<bool>>? HubFault { get; set; }

    /// <summary>Handles a request for bytes instead of the protocol: the context, the bytes, how many such requests came before.</summary>
    internal Func<HttpContext, byte[], int, Task<bool>>? BlobFault { get; set; }

    /// <summary>Everything asked so far.</summary>
    internal SeenRequest[] Seen => [.. _seen];

    /// <summary>Requests for bytes.</summary>
    internal SeenRequest[] Blobs => [.. _seen.Where(static r => r.Path.StartsWith("/blob/", StringComparison.Ordinal))];

    internal static async Task<FaultyHub> StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        WebApplication app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        app.Urls.Add("http://127.0.0.1:0");
        FaultyHub hub = new(app);
        app.Run(hub.HandleAsync);
        await app.StartAsync();
        string[] urls = [.. app.Urls];
        (hub.Endpoint, hub.Cdn) = (new Uri(urls[0]), new Uri(urls[1]));
        return hub;
    }

    /// <summary>Puts a file into a repository.</summary>
    /// <param name="path">owner/name/file.</param>
    /// <param name="bytes">Its content.</param>
    /// <param name="commit">The commit that has it; null: the one of "main", wherever that is.</param>
    internal void Put(string path, byte[] bytes, string? commit = null) => _files[commit is null ? path : $"{commit}:{path}"] = bytes;

    internal void ForgetRequests() => _seen.Clear();

    /// <summary>Sends a part of a blob as a well-behaved server would.</summary>
    /// <param name="context">The request.</param>
    /// <param name="bytes">The whole blob.</param>
    /// <param name="ignoreRange">Sends everything, whatever was asked for.</param>
    /// <param name="stopAfter">Bytes of the body to send before the connection is closed.</param>
    internal async Task SendAsync(HttpContext context, byte[] bytes, bool ignoreRange = false, int? stopAfter = null)
    {
        HttpResponse response = context.Response;
        if (Tag is not null) response.Headers.ETag = Tag;
        string? ifRange = context.Request.Headers.IfRange;
        long from = 0;
        if (!ignoreRange && Header(context, "Range") is { } range && (ifRange is null || ifRange == Tag))
        {
            from = long.Parse(range["bytes=".Length..^1], CultureInfo.InvariantCulture);
            response.Headers.ContentRange = from < bytes.Length ? $"bytes {from}-{bytes.Length - 1}/{bytes.Length}" : $"bytes */{bytes.Length}";
            response.StatusCode = from < bytes.Length ? StatusCodes.Status206PartialContent : StatusCodes.Status416RangeNotSatisfiable;
            if (from >= bytes.Length) return;
        }
        int count = (int)(bytes.Length - from);
        response.ContentLength = count;
        await response.Body.WriteAsync(bytes.AsMemory((int)from, Math.Min(stopAfter ?? count, count)), context.RequestAborted);
        await response.Body.FlushAsync(context.RequestAborted);
        // Returning with less than was announced makes Kestrel close the connection after what was sent.
    }

    /// <summary>Sends bytes without saying how many.</summary>
    internal static async Task<bool> SendChunkedAsync(HttpContext context, byte[] bytes)
    {
        context.Features.Get<IHttpResponseBodyFeature>()!.DisableBuffering();
        await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
        return true;
    }

    /// <summary>Answers with a status and nothing else.</summary>
    internal static Task<bool> Status(HttpContext context, int status, params (string Name, string Value)[] headers)
    {
        context.Response.StatusCode = status;
        foreach ((string name, string value) in headers) context.Response.Headers[name] = value;
        return Task.FromResult(true);
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    async Task HandleAsync(HttpContext context)
    {
        string path = context.Request.Path.Value!;
        _seen.Enqueue(new SeenRequest(
            context.Request.Host.Value!, path, Header(context, "Range"), Header(context, "If-Range"), Header(context, "Authorization")));
        try
        {
            if (path.StartsWith("/blob/", StringComparison.Ordinal)) await BlobAsync(context, path["/blob/".Length..]);
            else await ResolveAsync(context, path);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The client went away, which is what many tests are about.
        }
    }

    async Task ResolveAsync(HttpContext context, string path)
    {
        if (HubFault is not null && await HubFault(context)) return;
        string[] parts = path.Trim('/').Split('/', 5);
        string file = parts.Length == 5 ? $"{parts[0]}/{parts[1]}/{parts[4]}" : "";
        string? commit = file.Length == 0 || parts[3] == "main" ? Commit : Tags.GetValueOrDefault(parts[3]);
        if (commit is null && (parts[3] == Commit || Tags.ContainsValue(parts[3]))) commit = parts[3];
        if (commit is null)
        {
            await Status(context, 404, ("X-Error-Code", "RevisionNotFound"));
            return;
        }
        if (parts.Length != 5 || parts[2] != "resolve"
            || !_files.TryGetValue($"{commit}:{file}", out byte[]? bytes) && !(commit == Commit && _files.TryGetValue(file, out bytes)))
        {
            await Status(context, 404, ("X-Error-Code", "EntryNotFound"));
            return;
        }
        string hash = Convert.ToHexStringLower(SHA256.HashData(bytes));
        _blobs[hash] = bytes;
        IHeaderDictionary headers = context.Response.Headers;
        headers["X-Repo-Commit"] = commit;
        if (!headers.ContainsKey("X-Linked-Size")) headers["X-Linked-Size"] = bytes.Length.ToString(CultureInfo.InvariantCulture);
        if (!headers.ContainsKey("X-Linked-ETag")) headers["X-Linked-ETag"] = $"\"{hash}\"";
        context.Response.StatusCode = 302;
        headers.Location = $"{Cdn}blob/{hash}?signature=secret";
    }

    async Task BlobAsync(HttpContext context, string hash)
    {
        byte[] bytes = _blobs[hash.Split('/')[0]];
        int before = Interlocked.Increment(ref _blobRequests) - 1;
        if (BlobFault is not null && await BlobFault(context, bytes, before)) return;
        await SendAsync(context, bytes);
    }

    static string? Header(HttpContext context, string name) => context.Request.Headers.TryGetValue(name, out var value) ? value.ToString() : null;
}
