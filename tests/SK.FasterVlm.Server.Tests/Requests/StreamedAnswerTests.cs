using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using SK.FasterVlm.Server.Requests;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Requests;

/// <summary>What a stream does while no piece comes.</summary>
public sealed class StreamedAnswerTests
{
    const string Comment = ": keep-alive";

    readonly SilenceClock _clock = new();
    readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously), _second = new(TaskCreationOptions.RunContinuationsAsynchronously);

    static object Body(string path) => path.EndsWith("responses", StringComparison.Ordinal)
        ? new { model = "scripted", input = "Hi", stream = true }
        : new { model = "scripted", messages = new[] { new { role = "user", content = "Hi" } }, stream = true };

    Task<RunningServer> StartAsync(Exception? error = null) => RunningServer.StartAsync(
        new ScriptedChatClient { Script = r => Slow(r, error) }, static o => o.StreamKeepAlive = SilenceClock.Silence,
        services => services.AddSingleton<TimeProvider>(_clock));

    [Theory]
    [InlineData("/v1/chat/completions", "[DONE]")]
    [InlineData("/v1/responses", "response.completed")]
    public async Task A_comment_comes_for_every_silence_and_the_answer_is_the_same(string path, string end)
    {
        await using RunningServer server = await StartAsync();
        Task<Reply> asked = server.PostAsync(path, Body(path));
        await _clock.PassAsync(2);
        _first.SetResult();
        await _clock.PassAsync(1);
        _second.SetResult();
        Reply reply = await asked;
        Assert.Equal((HttpStatusCode.OK, "text/event-stream"), (reply.Status, reply.MediaType));
        string[] blocks = reply.Text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal([Comment, Comment], blocks[..2]);
        Assert.Equal(3, blocks.Count(static b => b == Comment));
        int silence = Array.FindLastIndex(blocks, static b => b == Comment);
        Assert.Contains("An ", blocks[silence - 1]);
        Assert.Contains("answer.", blocks[silence + 1]);
        Assert.Contains(end, blocks[^1]);
    }

    [Fact]
    public async Task Without_silence_there_is_no_comment()
    {
        _first.SetResult();
        _second.SetResult();
        await using RunningServer server = await StartAsync();
        Assert.DoesNotContain(Comment, (await server.PostAsync("/v1/chat/completions", Body("chat"))).Text);
    }

    [Theory]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/responses")]
    public async Task After_the_first_comment_errors_are_events_and_before_it_answers(string path)
    {
        ServerBusyException busy = new(64, TimeSpan.FromSeconds(6.2));
        await using (RunningServer server = await StartAsync(busy))
        {
            Task<Reply> asked = server.PostAsync(path, Body(path));
            await _clock.PassAsync(1);
            _first.SetResult();
            Reply reply = await asked;
            Assert.Equal(HttpStatusCode.OK, reply.Status);
            JsonNode[] events = [.. reply.Text.Split('\n').Where(static l => l.StartsWith("data: {", StringComparison.Ordinal)).Select(static l => JsonNode.Parse(l[6..])!)];
            if (path.EndsWith("responses", StringComparison.Ordinal))
                Assert.Equal(["response.created", "response.in_progress", "response.failed"], events.Select(static e => (string)e["type"]!));
            Assert.Equal("rate_limit_exceeded", (string?)(events[^1]["error"] ?? events[^1]["response"]!["error"])!["code"]);
            Assert.DoesNotContain("[DONE]", reply.Text);
        }
        await using RunningServer again = await StartAsync(busy); // the gate is open now
        (await again.PostAsync(path, Body(path))).AssertError(429, null, "rate_limit_exceeded");
    }

    [Fact]
    public async Task A_client_that_leaves_in_a_silence_ends_the_request()
    {
        await using RunningServer server = await StartAsync();
        using CancellationTokenSource leave = CancellationTokenSource.CreateLinkedTokenSource(RunningServer.Test);
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/chat/completions") { Content = System.Net.Http.Json.JsonContent.Create(Body("chat")) };
        Task<HttpResponseMessage> asked = server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, leave.Token);
        await _clock.PassAsync(1);
        (await asked).Dispose(); // gone
        await leave.CancelAsync();
        Admission admission = server.Services.GetRequiredService<Admission>();
        for (int silences = 0; admission.Requests > 0; silences++)
        {
            if (silences < 20) _clock.Advance(SilenceClock.Silence); // half of the request's own time
            await Task.Delay(5, RunningServer.Test);
        }
        Assert.DoesNotContain(server.Log.Lines, static l => l.StartsWith("Error", StringComparison.Ordinal));
    }

    async IAsyncEnumerable<ChatResponseUpdate> Slow(ScriptedRequest request, Exception? error)
    {
        await _first.Task.WaitAsync(request.Cancellation);
        if (error is not null) throw error;
        yield return new ChatResponseUpdate(ChatRole.Assistant, "An ");
        await _second.Task.WaitAsync(request.Cancellation);
        yield return new ChatResponseUpdate(ChatRole.Assistant, "answer.");
        yield return ScriptedChatClient.End(ChatFinishReason.Stop, 2);
    }
}
