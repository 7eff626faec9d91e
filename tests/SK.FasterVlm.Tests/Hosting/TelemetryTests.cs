using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using SK.FasterVlm.Telemetry;

namespace SK.FasterVlm.Tests.Hosting;

/// <summary>Spans, instruments and log lines of a registered client.</summary>
public class TelemetryTests
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    static ServiceProvider Provider(Action<FasterVlmServiceOptions>? configure = null, ILoggerProvider? logger = null)
    {
        ServiceCollection services = new();
        services.AddMetrics();
        if (logger is not null) services.AddLogging(b => b.AddProvider(logger).SetMinimumLevel(LogLevel.Debug));
        new HostedFake().AddTo(services);
        services.AddFasterVlmChatCompletion();
        if (configure is not null) services.Configure(configure);
        return services.BuildServiceProvider();
    }

    static readonly ChatMessage[] Question = [new(ChatRole.User, [new DataContent("A"u8.ToArray(), "image/png"), new TextContent("a secret question")])];

    static readonly ChatOptions TwoTokens = new() { AdditionalProperties = new() { ["visual_tokens"] = 2 } };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_request_makes_one_span_with_the_conventions_and_our_tags(bool streaming)
    {
        await using ServiceProvider provider = Provider();
        (List<Activity> spans, Dictionary<string, double> values) = await Listen(provider, streaming);
        Activity span = Assert.Single(spans);
        Assert.Equal("chat scripted", span.DisplayName);
        Assert.Equal("fastervlm", span.GetTagItem("gen_ai.provider.name"));
        Assert.Equal((2, 16), (span.GetTagItem(FasterVlmTelemetry.VisualTokensKept), span.GetTagItem(FasterVlmTelemetry.VisualTokensTotal)));
        Assert.NotNull(span.GetTagItem("gen_ai.usage.input_tokens"));
        Assert.DoesNotContain(span.TagObjects, static t => t.Value is string text && text.Contains("secret", StringComparison.Ordinal));

        Assert.Equal((2.0, 16.0), (values[FasterVlmTelemetry.VisualTokensKept], values[FasterVlmTelemetry.VisualTokensTotal]));
        Assert.Equal(0.005, values[FasterVlmTelemetry.EncodeDuration], 6); // five stages of a millisecond each
        foreach (string name in new[] { FasterVlmTelemetry.PrefillDuration, FasterVlmTelemetry.QueueDuration, FasterVlmTelemetry.CachedTokens, FasterVlmTelemetry.CachedImages, "gen_ai.client.operation.duration", "gen_ai.client.token.usage" })
            Assert.Contains(name, values.Keys);
    }

    [Fact]
    public async Task What_was_said_is_traced_only_when_asked_for_and_nothing_when_switched_off()
    {
        await using (ServiceProvider open = Provider(static o => o.SensitiveTelemetry = true))
            Assert.Contains(Assert.Single((await Listen(open, false)).Spans).TagObjects, static t => t.Value is string text && text.Contains("secret", StringComparison.Ordinal));
        await using ServiceProvider off = Provider(static o => o.Telemetry = false);
        (List<Activity> spans, Dictionary<string, double> values) = await Listen(off, false);
        Assert.Empty(spans);
        Assert.Empty(values);
    }

    [Fact]
    public async Task Requests_are_logged_without_what_was_said()
    {
        Lines lines = new();
        await using ServiceProvider provider = Provider(logger: lines);
        await provider.GetRequiredService<IChatClient>().GetResponseAsync(Question, cancellationToken: Test);
        Assert.Contains(lines.All, static l => l.Contains("GetResponseAsync", StringComparison.Ordinal));
        Assert.DoesNotContain(lines.All, static l => l.Contains("secret", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_client_of_another_make_is_left_alone()
    {
        using ScriptedChatClient scripted = new(ScriptedChatClient.Text("x"));
        using IChatClient client = scripted.AsBuilder().UseFasterVlmTelemetry().Build();
        Assert.Equal("x", (await client.GetResponseAsync("q", cancellationToken: Test)).Text);
    }

    /// <summary>Listens to one provider's meters and to the spans of the request made here.</summary>
    static async Task<(List<Activity> Spans, Dictionary<string, double> Values)> Listen(ServiceProvider provider, bool streaming)
    {
        List<Activity> spans = [];
        Dictionary<string, double> values = [];
        using Activity root = new Activity("test").Start(); // other tests make requests, too
        using ActivityListener listener = new()
        {
            ShouldListenTo = static s => s.Name == FasterVlmTelemetry.Name,
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = a => { if (a.TraceId == root.TraceId && a.OperationName != "orchestrate_tools") lock (spans) spans.Add(a); },
        };
        ActivitySource.AddActivityListener(listener);
        using MeterListener meters = new();
        System.Threading.AsyncLocal<bool> mine = new() { Value = true };
        meters.InstrumentPublished = (instrument, l) => { if (instrument.Meter.Name == FasterVlmTelemetry.Name) l.EnableMeasurementEvents(instrument); };
        meters.SetMeasurementEventCallback<long>((i, v, _, _) => Add(i.Name, v));
        meters.SetMeasurementEventCallback<int>((i, v, _, _) => Add(i.Name, v));
        meters.SetMeasurementEventCallback<double>((i, v, _, _) => Add(i.Name, v));
        meters.Start();

        var client = provider.GetRequiredService<IChatClient>();
        if (streaming) await foreach (ChatResponseUpdate _ in client.GetStreamingResponseAsync(Question, TwoTokens, Test)) { }
        else await client.GetResponseAsync(Question, TwoTokens, Test);
        return (spans, values);

        void Add(string name, double value)
        {
            if (mine.Value) lock (values) values[name] = values.GetValueOrDefault(name) + value;
        }
    }

    sealed class Lines : ILoggerProvider, ILogger
    {
        public List<string> All { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (All) All.Add(formatter(state, exception));
        }

        public void Dispose() { }
    }
}
