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
        await Waiting.UntilAsync(() => server.Services.GetRequiredService<Admission>().Requests == 2);
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
        await Waiting.UntilAsync(() => blocked.Count == 1); // its body has been read
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
    public async Task L1_sixty_four_clients_share_four_sequences_and_a_full_cache_and_everybody_is_answered()
    {
        await using FasterVlmModel model = await FasterVlmModel.LoadAsync(
            new FasterVlmOptions { Threads = 1, MaxSequences = 4, MaxQueuedRequests = 64, ContextLength = 512 }, cancellationToken: Test);
        await using RunningServer server = await RunningServer.StartAsync(model.CreateChatClient());
        object[] bodies = [.. Enumerable.Range(0, 64).Select(static i => Long(i, i % 2 == 0 ? 400 : 8))]; // with 400 set aside a second one hardly fits
        Reply[] replies = await Task.WhenAll(bodies.Select(server.ChatAsync));
        Assert.All(replies, static r => Assert.True(r.Status == HttpStatusCode.OK && r.Content.Length > 0, r.Text));

        // Twice as many as there are places: nobody waits in vain, and nobody is left without an answer.
        Reply[] crowd = await Task.WhenAll(Enumerable.Range(0, 136).Select(static i => Long(i, 400)).Select(server.ChatAsync));
        Assert.All(crowd, static r =>
        {
            if (r.Status == HttpStatusCode.OK) return;
            r.AssertError(429, null, "rate_limit_exceeded");
            Assert.InRange(int.Parse(r.Headers["Retry-After"]), 1, 600);
        });
        Assert.True(crowd.Count(static r => r.Status == HttpStatusCode.OK) >= 68);
        Assert.Equal(replies[0].Content, (await server.ChatAsync(bodies[0])).Content);

        static object Long(int i, int tokens) => i % 4 == 0
            ? new { model = "tiny-llava", max_tokens = tokens, messages = new[] { new { role = "user", content = new object[] { new { type = "image_url", image_url = new { url = DataUri(EmbeddedServer.Picture(1 + (i % 5)), "image/jpeg") } }, new { type = "text", text = "What is in the picture?" } } } } }
            : new { model = "tiny-llava", max_tokens = tokens, messages = new[] { new { role = "user", content = $"Question {i % 7}?" } } };
    }

    [Fact]
    public async Task L1_fetched_images_count_like_bodies()
    {
        await using ImageHost host = await ImageHost.StartAsync();
        Assert.True(ImageHost.Image.Length > 2048);
        foreach (bool fits in new[] { true, false })
        {
            await using RunningServer server = await RunningServer.StartAsync(null, o =>
            {
                (o.ImageHosts, o.ImageNetworks) = ([$"127.0.0.1:{host.Port}"], ["127.0.0.1/32"]);
                (o.MaxBodyBytes, o.MaxBufferedBytes) = (1024, ImageHost.Image.Length + (fits ? 1024 : -1));
            });
            Reply reply = await server.ChatAsync(new
            {
                model = ScriptedChatClient.ModelId,
                messages = new[] { new { role = "user", content = new[] { new { type = "image_url", image_url = new { url = $"{host.Address}/image" } } } } },
            });
            if (fits) Assert.Equal(HttpStatusCode.OK, reply.Status);
            else reply.AssertError(429, null, "rate_limit_exceeded");
            await Waiting.UntilAsync(() => server.Services.GetRequiredService<Admission>().Bytes == 0);
        }
    }

    [Fact]
    public async Task A_request_that_takes_too_long_is_504()
    {
        ScriptedChatClient slow = new() { Script = static r => After(Task.Delay(Timeout.Infinite, r.Cancellation)) };
        await using RunningServer server = await RunningServer.StartAsync(slow, static o => o.RequestTimeout = TimeSpan.FromMilliseconds(30));
        Reply reply = await server.ChatAsync(new { model = ScriptedChatClient.ModelId, messages = new[] { new { role = "user", content = "Hi" } } });
        reply.AssertError(504, null, "request_timeout");
        Assert.Equal("false", reply.Headers["x-should-retry"]); // it would take as long again
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
        failing.Script = static _ => ScriptedChatClient.Say("All ", "well.");
        foreach (bool stream in new[] { false, true })
        {
            Reply good = await server.ChatAsync(new { model = ScriptedChatClient.ModelId, messages = new[] { new { role = "user", content = "Hi" } }, stream });
            Assert.Equal(HttpStatusCode.OK, good.Status);
            Assert.Contains("well.", good.Text);
        }
    }

    [Fact]
    public async Task L9_a_server_that_is_told_to_stop_lets_open_answers_end()
    {
        TaskCompletionSource release = new(TaskCreationOptions.RunContinuationsAsynchronously);
        ScriptedChatClient blocked = new() { Script = _ => After(release.Task) };
        RunningServer server = await RunningServer.StartAsync(blocked);
        Task<Reply> open = server.ChatAsync(new { model = ScriptedChatClient.ModelId, messages = new[] { new { role = "user", content = "Hi" } } });
        await Waiting.UntilAsync(() => server.Services.GetRequiredService<Admission>().Requests == 1);
        Task stopping = server.Host.StopAsync(Test);
        release.SetResult();
        Assert.Equal(HttpStatusCode.OK, (await open).Status);
        await stopping;
        await server.DisposeAsync();
    }

    [Fact]
    public async Task L9_an_answer_that_never_ends_is_cut_off_when_its_time_to_end_is_over()
    {
        TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        ScriptedChatClient endless = new() { Script = r => Endless(r, ended) };
        RunningServer server = await RunningServer.StartAsync(endless, static o => o.DrainTime = TimeSpan.FromMilliseconds(50));
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/chat/completions")
        {
            Content = System.Net.Http.Json.JsonContent.Create(new { model = ScriptedChatClient.ModelId, messages = new[] { new { role = "user", content = "Hi" } }, stream = true }),
        };
        using HttpResponseMessage open = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Test);
        await server.Host.StopAsync(Test);
        await ended.Task.WaitAsync(TimeSpan.FromMinutes(2), Test);
        await Assert.ThrowsAnyAsync<Exception>(() => open.Content.ReadAsStringAsync(Test)); // broken off, not ended
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

    static async IAsyncEnumerable<ChatResponseUpdate> Endless(ScriptedRequest request, TaskCompletionSource ended)
    {
        try
        {
            for (; ; await Task.Delay(5, request.Cancellation)) yield return new ChatResponseUpdate(ChatRole.Assistant, "word ");
        }
        finally
        {
            ended.TrySetResult();
        }
    }

    static async IAsyncEnumerable<ChatResponseUpdate> After(Task task)
    {
        await task;
        yield return new ChatResponseUpdate(ChatRole.Assistant, "done");
    }
}
