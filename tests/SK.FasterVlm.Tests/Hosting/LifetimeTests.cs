using System.Threading.Channels;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace SK.FasterVlm.Tests.Hosting;

/// <summary>A model in the life of a host: warm-up, health, stopping.</summary>
public class LifetimeTests
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    readonly HostedFake _hosted = new();

    IHost CreateHost(Action<FasterVlmServiceOptions>? configure = null, Action<IServiceCollection>? before = null)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new());
        if (before is not null) before(builder.Services);
        else _hosted.AddTo(builder.Services);
        builder.Services.AddFasterVlmChatCompletion().AddFasterVlmChatClient();
        builder.Services.AddHealthChecks().AddFasterVlm();
        if (configure is not null) builder.Services.Configure(configure);
        return builder.Build();
    }

    static async Task<(HealthStatus Live, HealthStatus Ready)> Health(IHost host)
    {
        HealthReport report = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(Test);
        return (report.Entries["fastervlm_live"].Status, report.Entries["fastervlm_ready"].Status);
    }

    [Fact]
    public async Task Without_warm_up_the_model_is_loaded_with_the_first_request_and_ready_before_it()
    {
        using IHost host = CreateHost();
        await host.StartAsync(Test);
        Assert.Equal((HealthStatus.Healthy, HealthStatus.Healthy), await Health(host));
        Assert.Equal(0, _hosted.Loads);
        await host.Services.GetRequiredService<IChatClient>().GetResponseAsync("q", cancellationToken: Test);
        Assert.Equal((1, (HealthStatus.Healthy, HealthStatus.Healthy)), (_hosted.Loads, await Health(host)));
        await host.StopAsync(Test);
    }

    [Fact]
    public async Task Warmed_up_before_the_start_the_model_has_seen_a_picture()
    {
        using IHost host = CreateHost(static o => o.WarmUp = FasterVlmWarmUp.BeforeStart);
        Assert.Equal(HealthStatus.Unhealthy, (await Health(host)).Ready);
        await host.StartAsync(Test);
        Assert.Equal((1, 1, 1), (_hosted.Loads, _hosted.Fake!.Vision.Encoded, _hosted.Fake.Language.Requests));
        Assert.Equal((HealthStatus.Healthy, HealthStatus.Healthy), await Health(host));
        await host.StopAsync(Test);
    }

    [Fact]
    public async Task A_model_that_cannot_be_loaded_keeps_the_host_from_starting_or_is_reported()
    {
        static void Broken(IServiceCollection services) => services.AddKeyedSingleton(
            (object?)null, new FasterVlmModelHost(new(), static _ => Task.FromException<FasterVlmModel>(new ModelFormatException("bad file"))));
        using (IHost strict = CreateHost(static o => o.WarmUp = FasterVlmWarmUp.BeforeStart, Broken))
            await Assert.ThrowsAsync<ModelFormatException>(() => strict.StartAsync(Test));

        using IHost host = CreateHost(static o => o.WarmUp = FasterVlmWarmUp.Background, Broken);
        await host.StartAsync(Test);
        await Assert.ThrowsAsync<ModelFormatException>(() => host.Services.GetRequiredKeyedService<FasterVlmModelHost>(null).GetModelAsync(Test));
        HealthReport report = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(Test);
        Assert.Equal(HealthStatus.Healthy, report.Entries["fastervlm_live"].Status);
        Assert.Equal(HealthStatus.Unhealthy, report.Entries["fastervlm_ready"].Status);
        Assert.Contains("bad file", report.Entries["fastervlm_ready"].Description);
        await host.StopAsync(Test);
    }

    /// <summary>A clock that stands still; waits are seen.</summary>
    sealed class Clock : FakeTimeProvider
    {
        public Channel<TimeSpan> Waits { get; } = Channel.CreateUnbounded<TimeSpan>();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            ITimer timer = base.CreateTimer(callback, state, dueTime, period);
            Waits.Writer.TryWrite(dueTime);
            return timer;
        }
    }

    [Fact]
    public async Task A_warm_up_that_failed_is_tried_again_later_and_later_until_the_model_is_there()
    {
        Clock clock = new();
        await using Core.Tests.Fakes.FakeModel fake = new();
        int loads = 0;
        using IHost host = CreateHost(static o => o.WarmUp = FasterVlmWarmUp.Background, services => services.AddSingleton<TimeProvider>(clock)
            .AddKeyedSingleton((object?)null, new FasterVlmModelHost(new(), _ => ++loads <= 9 ? Task.FromException<FasterVlmModel>(new IOException("not yet")) : Task.FromResult(fake.Model))));
        await host.StartAsync(Test);
        List<double> waits = [];
        for (int i = 0; i < 9; i++)
        {
            TimeSpan wait = await clock.Waits.Reader.ReadAsync(Test);
            Assert.Equal((HealthStatus.Healthy, HealthStatus.Unhealthy), await Health(host));
            waits.Add(wait.TotalSeconds);
            clock.Advance(wait);
        }
        await host.Services.GetServices<IHostedService>().OfType<FasterVlmLifetime>().Single().WarmedUp.WaitAsync(Test);
        Assert.Equal([1, 2, 4, 8, 16, 32, 60, 60, 60], waits);
        Assert.Equal((10, 1), (loads, fake.Vision.Encoded));
        Assert.Equal((HealthStatus.Healthy, HealthStatus.Healthy), await Health(host));
        await host.StopAsync(Test);
    }

    [Fact]
    public async Task A_request_that_loads_the_model_after_a_failed_warm_up_makes_it_ready()
    {
        Clock clock = new();
        await using Core.Tests.Fakes.FakeModel fake = new();
        int loads = 0;
        using IHost host = CreateHost(static o => o.WarmUp = FasterVlmWarmUp.Background, services => services.AddSingleton<TimeProvider>(clock)
            .AddKeyedSingleton((object?)null, new FasterVlmModelHost(new(), _ => ++loads == 1 ? Task.FromException<FasterVlmModel>(new IOException("not yet")) : Task.FromResult(fake.Model))));
        await host.StartAsync(Test);
        TimeSpan wait = await clock.Waits.Reader.ReadAsync(Test); // the clock stands still: no second try
        await host.Services.GetRequiredService<IChatClient>().GetResponseAsync("q", cancellationToken: Test);
        Assert.Equal((HealthStatus.Healthy, HealthStatus.Healthy), await Health(host));
        clock.Advance(wait);
        await host.Services.GetServices<IHostedService>().OfType<FasterVlmLifetime>().Single().WarmedUp.WaitAsync(Test);
        Assert.Equal((2, 0), (loads, fake.Vision.Encoded)); // nothing is left to be warmed
        await host.StopAsync(Test);
    }

    [Fact]
    public async Task A_model_whose_warm_up_request_failed_is_loaded_and_so_ready()
    {
        await using Core.Tests.Fakes.FakeModel fake = new();
        fake.Vision.OnEncode = static _ => throw new ContextLengthException(9, 8, 7);
        using IHost host = CreateHost(static o => o.WarmUp = FasterVlmWarmUp.Background,
            services => services.AddSingleton<TimeProvider>(new Clock()).AddKeyedSingleton((object?)null, new FasterVlmModelHost(new(), _ => Task.FromResult(fake.Model))));
        await host.StartAsync(Test);
        await host.Services.GetServices<IHostedService>().OfType<FasterVlmLifetime>().Single().WarmedUp.WaitAsync(Test);
        Assert.Equal((HealthStatus.Healthy, HealthStatus.Healthy), await Health(host));
        await host.StopAsync(Test);
    }

    [Fact]
    public async Task In_the_background_the_host_starts_at_once_and_readiness_follows()
    {
        TaskCompletionSource<FasterVlmModel> load = new();
        using IHost host = CreateHost(static o => o.WarmUp = FasterVlmWarmUp.Background,
            services => services.AddKeyedSingleton((object?)null, new FasterVlmModelHost(new() { ModelId = "m" }, _ => load.Task)));
        await host.StartAsync(Test);
        Assert.Equal((HealthStatus.Healthy, HealthStatus.Unhealthy), await Health(host));
        await using Core.Tests.Fakes.FakeModel fake = new();
        load.SetResult(fake.Model);
        var lifetime = host.Services.GetServices<IHostedService>().OfType<FasterVlmLifetime>().Single();
        await lifetime.WarmedUp.WaitAsync(Test);
        Assert.Equal((HealthStatus.Healthy, HealthStatus.Healthy), await Health(host));
        await host.StopAsync(Test);
        Assert.Equal(HealthStatus.Unhealthy, (await Health(host)).Ready); // stopping
    }

    [Fact]
    public async Task A_host_that_stops_lets_requests_end_within_its_time()
    {
        TaskCompletionSource inside = new(), release = new();
        using IHost host = CreateHost();
        await host.StartAsync(Test);
        var client = host.Services.GetRequiredService<IChatClient>();
        await client.GetResponseAsync("q", cancellationToken: Test);
        _hosted.Fake!.Vision.OnEncode = token => { inside.TrySetResult(); return release.Task.WaitAsync(token); };
        ChatMessage picture = new(ChatRole.User, [new DataContent("A"u8.ToArray(), "image/png")]);
        Task<ChatResponse> request = client.GetResponseAsync([picture], cancellationToken: Test);
        await inside.Task.WaitAsync(Test);

        Task stop = host.StopAsync(CancellationToken.None);
        Assert.False(stop.IsCompleted);
        Assert.False(request.IsCompleted);
        release.SetResult();
        Assert.Equal("An answer.", (await request).Text);
        await stop.WaitAsync(Test);
    }

    [Fact]
    public async Task Out_of_time_a_request_is_cancelled_before_the_model_goes()
    {
        TaskCompletionSource inside = new();
        Core.Tests.Fakes.FakeModel fake = new();
        using IHost host = CreateHost(null, services => services.AddKeyedSingleton<FasterVlmModelHost>(null, (_, _) => new(new(), _ => Task.FromResult(fake.Model))));
        await host.StartAsync(Test);
        fake.Vision.OnEncode = token => { inside.TrySetResult(); return Task.Delay(Timeout.Infinite, token); };
        ChatMessage picture = new(ChatRole.User, [new DataContent("A"u8.ToArray(), "image/png")]);
        Task<ChatResponse> request = host.Services.GetRequiredService<IChatClient>().GetResponseAsync([picture], cancellationToken: Test);
        await inside.Task.WaitAsync(Test);
        await host.StopAsync(new CancellationToken(canceled: true));
        Assert.False(request.IsCompleted);
        await ((IAsyncDisposable)host).DisposeAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => request);
        Assert.True(fake.Language.Disposed);
        Assert.Equal(0, fake.Vision.Alive);
    }

    [Theory]
    [InlineData(129, FasterVlmWarmUp.None, "MaxAutoInvokeRounds")]
    [InlineData(1, (FasterVlmWarmUp)9, "WarmUp")]
    public async Task Options_of_the_service_are_checked_when_the_host_starts(int rounds, FasterVlmWarmUp warmUp, string part)
    {
        using IHost host = CreateHost(o => (o.MaxAutoInvokeRounds, o.WarmUp) = (rounds, warmUp));
        Assert.Contains(part, (await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Test))).Message);
    }

    [Fact]
    public void Registering_twice_makes_one_lifetime_and_ids_have_checks_of_their_own()
    {
        ServiceCollection services = new();
        services.AddFasterVlmChatCompletion().AddFasterVlmChatClient().AddFasterVlmChatClient(serviceId: "eyes");
        Assert.Equal(2, services.Count(static s => s.ServiceType == typeof(IHostedService)));
        services.AddHealthChecks().AddFasterVlm().AddFasterVlm("eyes");
        using ServiceProvider provider = services.BuildServiceProvider();
        Assert.Equal(["fastervlm_live", "fastervlm_ready", "fastervlm_eyes_live", "fastervlm_eyes_ready"],
            provider.GetRequiredService<IOptions<HealthCheckServiceOptions>>().Value.Registrations.Select(static r => r.Name));
    }
}
