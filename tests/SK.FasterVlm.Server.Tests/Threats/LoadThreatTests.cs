using System.Net;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using SK.FasterVlm.Server.Requests;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Threats;

/// <summary>Rows L1, L2, L6 and L9, and prompts (P1, P2, P5, P6).</summary>
public sealed class LoadThreatTests(EmbeddedServer embedded) : CanaryServer(embedded)
{
    [Fact]
    public async Task L1_what_the_server_cannot_hold_is_429_with_a_time_to_come_back()
    {
        TaskCompletionSource release = new(TaskCreationOptions.RunContinuationsAsynchronously);
        ScriptedChatClient blocked = new() { Script = _ => After(release.Task) };
        await using RunningServer server = await RunningServer.StartAsync(blocked, static o => o.MaxConcurrentRequests = 2);
        string body = Say("Hi").ToJsonString().Replace("tiny-llava", ScriptedChatClient.ModelId, StringComparison.Ordinal);
        Task<Reply>[] held = [server.ChatAsync(body), server.ChatAsync(body)];
        await UntilAsync(() => server.Services.GetRequiredService<Admission>().Requests == 2);
        Reply refused = await server.ChatAsync(body);
        refused.AssertError(429, null, "rate_limit_exceeded");
        Assert.Equal("1", refused.Headers["Retry-After"]);
        release.SetResult();
        Assert.All(await Task.WhenAll(held), static r => Assert.Equal(HttpStatusCode.OK, r.Status));
        Assert.Equal(HttpStatusCode.OK, (await server.ChatAsync(body)).Status);
    }

    [Fact]
    public async Task L1_bodies_in_memory_are_bounded_together()
    {
        TaskCompletionSource release = new(TaskCreationOptions.RunContinuationsAsynchronously);
        ScriptedChatClient blocked = new() { Script = _ => After(release.Task) };
        await using RunningServer server = await RunningServer.StartAsync(blocked, static o => (o.MaxBodyBytes, o.MaxBufferedBytes) = (10_000, 12_000));
        string body = Say(new string('x', 7_000)).ToJsonString().Replace("tiny-llava", ScriptedChatClient.ModelId, StringComparison.Ordinal);
        Task<Reply> held = server.ChatAsync(body);
        await UntilAsync(() => blocked.Count == 1); // its body has been read
        (await server.ChatAsync(body)).AssertError(429, null, "rate_limit_exceeded");
        release.SetResult();
        Assert.Equal(HttpStatusCode.OK, (await held).Status);
    }

    [Fact]
    public async Task L1_the_models_own_queue_says_when_to_come_back()
    {
        ScriptedChatClient busy = new() { Script = static _ => ScriptedChatClient.Fail(new ServerBusyException(64, TimeSpan.FromSeconds(6.2))) };
        await using RunningServer server = await RunningServer.StartAsync(busy);
        foreach (bool stream in new[] { false, true })
        {
            Reply reply = await server.ChatAsync(new { model = ScriptedChatClient.ModelId, messages = new[] { new { role = "user", content = "Hi" } }, stream });
            reply.AssertError(429, null, "rate_limit_exceeded");
            Assert.Equal("7", reply.Headers["Retry-After"]);
        }
    }

    [Fact]
    public async Task A_request_that_takes_too_long_is_504()
    {
        ScriptedChatClient slow = new() { Script = static r => After(Task.Delay(Timeout.Infinite, r.Cancellation)) };
        await using RunningServer server = await RunningServer.StartAsync(slow, static o => o.RequestTimeout = TimeSpan.FromMilliseconds(30));
        Reply reply = await server.ChatAsync(new { model = ScriptedChatClient.ModelId, messages = new[] { new { role = "user", content = "Hi" } } });
        reply.AssertError(504, null, "request_timeout");
    }

    [Fact]
    public async Task L2_neighbours_of_a_client_that_leaves_say_what_they_always_say()
    {
        byte[] picture = EmbeddedServer.Picture(2);
        string expected = (await Server.ChatAsync(About(DataUri(picture, "image/jpeg")))).Content;
        for (int round = 0; round < 8; round++)
        {
            Task<Reply> neighbour = Server.ChatAsync(About(DataUri(picture, "image/jpeg")));
            await Leaver.LeaveAsync(Server.Address, round);
            Assert.Equal(expected, (await neighbour).Content);
        }
    }

    [Fact]
    public async Task L6_a_failure_in_the_middle_of_a_stream_is_an_error_event_and_no_end_mark()
    {
        ScriptedChatClient failing = new() { Script = static _ => ScriptedChatClient.Fail(new InvalidOperationException("/secret/path 0x1234"), "One ", "two ") };
        await using RunningServer server = await RunningServer.StartAsync(failing);
        Reply reply = await server.ChatAsync(new { model = ScriptedChatClient.ModelId, messages = new[] { new { role = "user", content = "Hi" } }, stream = true });
        Assert.DoesNotContain("[DONE]", reply.Text);
        Assert.DoesNotContain("secret", reply.Text);
        Assert.Contains("\"error\":{\"message\":\"The server had an error", reply.Events[^1]);
        Reply whole = await server.ChatAsync(new { model = ScriptedChatClient.ModelId, messages = new[] { new { role = "user", content = "Hi" } } });
        whole.AssertError(500, null, null);
    }

    [Fact]
    public async Task L9_a_server_that_is_told_to_stop_lets_open_answers_end()
    {
        TaskCompletionSource release = new(TaskCreationOptions.RunContinuationsAsynchronously);
        ScriptedChatClient blocked = new() { Script = _ => After(release.Task) };
        RunningServer server = await RunningServer.StartAsync(blocked);
        Task<Reply> open = server.ChatAsync(new { model = ScriptedChatClient.ModelId, messages = new[] { new { role = "user", content = "Hi" } } });
        await UntilAsync(() => server.Services.GetRequiredService<Admission>().Requests == 1);
        Task stopping = server.Host.StopAsync(Test);
        release.SetResult();
        Assert.Equal(HttpStatusCode.OK, (await open).Status);
        await stopping;
        await server.DisposeAsync();
    }

    [Theory]
    [InlineData("</s>")]
    [InlineData("<s>")]
    [InlineData("<image>")]
    [InlineData("<__media__>")]
    [InlineData("<|im_start|>system")]
    public async Task P1_P2_markers_typed_by_a_user_are_text(string marker)
    {
        // As text a marker is several tokens, or takes no image's place; as structure it would be one, or an error.
        int plain = await PromptTokensAsync("Hello"), marked = await PromptTokensAsync($"Hello{marker}");
        Assert.True(marked > plain + 1, $"{marker} became {marked - plain} tokens");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task P5_a_prompt_that_does_not_fit_is_400_with_the_numbers(bool stream)
    {
        string text = string.Concat(Enumerable.Repeat("word ", 3000));
        var body = Say(text);
        body["stream"] = stream;
        Reply reply = await Server.ChatAsync(body.ToJsonString());
        reply.AssertError(400, "messages", "context_length_exceeded");
        Assert.Matches("maximum context length is 1024 tokens.*need [0-9]+", (string)reply.Error["message"]!);
    }

    [Fact]
    public async Task P6_a_word_of_a_million_letters_and_stacked_marks_are_answered()
    {
        Assert.Equal(400, (int)(await Server.ChatAsync(Say(new string('a', 1_000_000)).ToJsonString())).Status);
        Assert.Equal(HttpStatusCode.OK, (await Server.ChatAsync(Say("e" + new string('\u0301', 60)).ToJsonString())).Status);
    }

    async Task<int> PromptTokensAsync(string text) => (int)(await Server.ChatAsync(Say(text).ToJsonString())).Json["usage"]!["prompt_tokens"]!;

    static async IAsyncEnumerable<ChatResponseUpdate> After(Task task)
    {
        await task;
        yield return new ChatResponseUpdate(ChatRole.Assistant, "done");
    }

    static async Task UntilAsync(Func<bool> condition)
    {
        while (!condition()) await Task.Delay(5, Test);
    }
}
