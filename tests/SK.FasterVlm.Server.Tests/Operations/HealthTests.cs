using System.Net;
using System.Net.Http.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Operations;

/// <summary>A model that the server itself brings along, and what the health checks say of it.</summary>
public sealed class HealthTests
{
    static async Task<(WebApplication App, HttpClient Http, FasterVlmModelHost Model)> StartAsync(Action<FasterVlmOptions> model)
    {
        WebApplication app = FasterVlmServerApplication.Create("127.0.0.1", 0, null, builder =>
        {
            builder.Logging.ClearProviders();
            builder.Services.AddFasterVlmChatClient(model);
        });
        await app.StartAsync(RunningServer.Test);
        HttpClient http = new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(app.Urls.First()) };
        return (app, http, app.Services.GetRequiredService<FasterVlmModelHost>());
    }

    static async Task<(HttpStatusCode, string)> GetAsync(HttpClient http, string path)
    {
        using HttpResponseMessage response = await http.GetAsync(path, RunningServer.Test);
        return (response.StatusCode, await response.Content.ReadAsStringAsync(RunningServer.Test));
    }

    [Fact]
    public async Task What_the_server_presets_for_its_model_anybody_may_change()
    {
        static async Task<(FasterVlmOptions Model, FasterVlmWarmUp WarmUp)> ReadAsync(Action<IServiceCollection> configure)
        {
            ServiceCollection services = new();
            configure(services);
            await using ServiceProvider provider = services.BuildServiceProvider();
            return (provider.GetRequiredService<IOptionsMonitor<FasterVlmOptions>>().Get(Options.DefaultName),
                provider.GetRequiredService<IOptionsMonitor<FasterVlmServiceOptions>>().Get(Options.DefaultName).WarmUp);
        }
        (FasterVlmOptions model, FasterVlmWarmUp warmUp) = await ReadAsync(static s => s.AddFasterVlmServer());
        Assert.Equal((64, 512L << 20, FasterVlmWarmUp.Background), (model.MaxQueuedRequests, model.KvCacheBytes, warmUp));
        (model, warmUp) = await ReadAsync(static s => s.AddFasterVlmServer(model: static o => (o.MaxQueuedRequests, o.KvCacheBytes) = (7, 0))
            .Configure<FasterVlmServiceOptions>(static o => o.WarmUp = FasterVlmWarmUp.None));
        Assert.Equal((7, 0L, FasterVlmWarmUp.None), (model.MaxQueuedRequests, model.KvCacheBytes, warmUp));
        (model, warmUp) = await ReadAsync(static s => s.Configure<FasterVlmServiceOptions>(static o => o.WarmUp = FasterVlmWarmUp.None)
            .AddFasterVlmChatClient(static o => o.MaxQueuedRequests = 9).AddFasterVlmServer());
        Assert.Equal((9, FasterVlmWarmUp.None), (model.MaxQueuedRequests, warmUp));
    }

    [Fact]
    public async Task Metrics_tell_what_server_and_engine_did_and_nothing_of_what_was_said()
    {
        (WebApplication app, HttpClient http, FasterVlmModelHost model) = await StartAsync(static o => o.Threads = 1);
        await using (app)
        {
            await Waiting.UntilAsync(() => model.Loaded is not null);
            string url = $"data:image/jpeg;base64,{Convert.ToBase64String(EmbeddedServer.Picture(1))}";
            for (int i = 0; i < 2; i++)
            {
                using HttpResponseMessage answer = await http.PostAsJsonAsync("/v1/chat/completions", new
                {
                    model = "tiny-llava",
                    max_tokens = 3,
                    messages = new[] { new { role = "user", content = new object[] { new { type = "image_url", image_url = new { url } }, new { type = "text", text = "A secret question" } } } },
                }, RunningServer.Test);
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            }
            string text = (await GetAsync(http, "/metrics")).Item2;
            string[] lines = text.Split('\n');
            // Lower bounds: models of other tests in this process are counted too.
            AtLeast(2, "fastervlm_engine_requests", "outcome=\"completed\"");
            AtLeast(0, "fastervlm_engine_requests_waiting");
            AtLeast(1, "fastervlm_engine_image_cache_hits");
            AtLeast(1, "fastervlm_engine_prompt_tokens", "cached=\"true\"");
            AtLeast(1, "fastervlm_engine_output_tokens");
            AtLeast(1, "fastervlm_engine_visual_tokens", "kept=\"true\"");
            AtLeast(2, "http_server_request_duration_seconds_count", "/v1/chat/completions");
            Assert.DoesNotContain("secret", text, StringComparison.OrdinalIgnoreCase);

            void AtLeast(double least, string name, params string[] parts)
            {
                double[] values = [.. lines
                    .Where(l => l.Split('{', ' ')[0] is { } n && (n == name || n == $"{name}_total") && parts.All(p => l.Contains(p, StringComparison.OrdinalIgnoreCase)))
                    .Select(static l => double.Parse(l.Split("} ", 2)[^1].Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture))];
                Assert.True(values.Length > 0 && values.Sum() >= least, $"{name} {string.Join(' ', parts)}: {string.Join(", ", values)} of\n{text}");
            }
        }
        http.Dispose();
    }

    [Fact]
    public async Task The_model_is_loaded_while_the_application_starts()
    {
        (WebApplication app, HttpClient http, FasterVlmModelHost model) = await StartAsync(static o => o.Threads = 1);
        await using (app)
        {
            await Waiting.UntilAsync(() => model.Loaded is not null); // nobody asks for it
            Assert.Equal((HttpStatusCode.OK, "Healthy"), await GetAsync(http, "/health/ready"));
            Assert.Equal((HttpStatusCode.OK, "Healthy"), await GetAsync(http, "/health/live"));
        }
        http.Dispose();
    }

    [Fact]
    public async Task A_model_that_cannot_be_loaded_is_not_ready_and_the_application_stays_up()
    {
        string file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, "no model", RunningServer.Test);
            (WebApplication app, HttpClient http, FasterVlmModelHost model) = await StartAsync(o => (o.ModelPath, o.ProjectorPath) = (file, file));
            await using (app)
            {
                await Waiting.UntilAsync(() => model.LoadError is not null);
                Assert.Equal((HttpStatusCode.ServiceUnavailable, "Unhealthy"), await GetAsync(http, "/health/ready"));
                Assert.Equal((HttpStatusCode.OK, "Healthy"), await GetAsync(http, "/health/live"));
            }
            http.Dispose();
        }
        finally
        {
            File.Delete(file);
        }
    }
}
