using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
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

    static async Task UntilAsync(Func<bool> condition)
    {
        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(RunningServer.Test);
        patience.CancelAfter(TimeSpan.FromMinutes(5));
        while (!condition()) await Task.Delay(5, patience.Token);
    }

    [Fact]
    public async Task The_model_is_loaded_while_the_application_starts()
    {
        (WebApplication app, HttpClient http, FasterVlmModelHost model) = await StartAsync(static o => o.Threads = 1);
        await using (app)
        {
            await UntilAsync(() => model.Loaded is not null); // nobody asks for it
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
                await UntilAsync(() => model.LoadError is not null);
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
