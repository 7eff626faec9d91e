using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace SK.FasterVlm.Server.Tests.Fakes;

/// <summary>The server as <c>fastervlm serve</c> builds it, on a free port of 127.0.0.1, with any chat client behind it.</summary>
sealed class RunningServer : IAsyncDisposable
{
    readonly WebApplication _app;

    RunningServer(WebApplication app, CollectedLog log)
    {
        (_app, Log) = (app, log);
        Address = new Uri(app.Urls.First());
        Http = NewClient();
    }

    public static CancellationToken Test => TestContext.Current.CancellationToken;

    public Uri Address { get; }

    public HttpClient Http { get; }

    public CollectedLog Log { get; }

    public IServiceProvider Services => _app.Services;

    public IHost Host => _app;

    public static async Task<RunningServer> StartAsync(
        IChatClient? client = null, Action<FasterVlmServerOptions>? options = null, Action<IServiceCollection>? services = null)
    {
        CollectedLog log = new();
        WebApplication app = FasterVlmServerApplication.Create("127.0.0.1", 0, options, builder =>
        {
            builder.Services.AddSingleton(client ?? new ScriptedChatClient());
            builder.Logging.AddProvider(log).SetMinimumLevel(LogLevel.Trace);
            services?.Invoke(builder.Services);
        });
        await app.StartAsync(Test);
        return new RunningServer(app, log);
    }

    public HttpClient NewClient() => new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = Address, Timeout = TimeSpan.FromMinutes(5) };

    /// <summary>Sends a body to the chat completions.</summary>
    public Task<Reply> ChatAsync(object body) => PostAsync("/v1/chat/completions", body);

    public async Task<Reply> PostAsync(string path, object body)
    {
        string json = body as string ?? JsonSerializer.Serialize(body);
        using StringContent content = new(json, Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await Http.PostAsync(path, content, Test);
        return await Reply.ReadAsync(response);
    }

    public async Task<Reply> GetAsync(string path)
    {
        using HttpResponseMessage response = await Http.GetAsync(path, Test);
        return await Reply.ReadAsync(response);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.DisposeAsync();
    }
}

/// <summary>An answer, read.</summary>
sealed record Reply(HttpStatusCode Status, string Text, string? MediaType, IReadOnlyDictionary<string, string> Headers)
{
    public JsonNode Json => JsonNode.Parse(Text)!;

    public JsonNode Error => Json["error"]!;

    /// <summary>The answer's text.</summary>
    public string Content => (string)Json["choices"]![0]!["message"]!["content"]!;

    /// <summary>The data of the events.</summary>
    public string[] Events => [.. Text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(static e => e.Split("data: ", 2)[1])];

    public static async Task<Reply> ReadAsync(HttpResponseMessage response) => new(
        response.StatusCode, await response.Content.ReadAsStringAsync(RunningServer.Test), response.Content.Headers.ContentType?.MediaType,
        response.Headers.ToDictionary(static h => h.Key, static h => string.Join(',', h.Value), StringComparer.OrdinalIgnoreCase));

    /// <summary>Checks that this is a refusal with the exact envelope, and that it gives nothing away.</summary>
    public void AssertError(int status, string? parameter, string? code)
    {
        Assert.Equal((status, "application/json"), ((int)Status, MediaType));
        Assert.Equal(["code", "message", "param", "type"], Error.AsObject().Select(static p => p.Key).Order(StringComparer.Ordinal));
        Assert.Single(Json.AsObject());
        Assert.Equal((parameter, code), ((string?)Error["param"], (string?)Error["code"]));
        string message = (string)Error["message"]!;
        Assert.False(string.IsNullOrWhiteSpace(message));
        foreach (string secret in new[] { "0x", "   at ", "/work", "/tmp", "/home", "System.", "Exception", "\n" }) Assert.DoesNotContain(secret, message);
    }
}

/// <summary>Everything that was logged.</summary>
sealed class CollectedLog : ILoggerProvider
{
    readonly List<string> _lines = [];

    public string[] Lines
    {
        get { lock (_lines) return [.. _lines]; }
    }

    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

    public void Dispose() { }

    sealed class Logger(CollectedLog log, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (log._lines) log._lines.Add($"{logLevel} {category}: {formatter(state, exception)} {exception}");
        }
    }
}
