using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat;

namespace SK.FasterVlm.Core.Tests.EndToEnd;

/// <summary>What many requests, and requests that do not end well, leave behind.</summary>
public sealed class LifetimeTests(TinyPair pair) : IClassFixture<TinyPair>
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    static ChatMessage Question(int picture) =>
        new(ChatRole.User, [new DataContent(TinyPair.Picture(picture), "image/png"), new TextContent("What is this?")]);

    [Fact]
    public async Task Eight_requests_at_once_get_the_answers_they_get_alone()
    {
        await using FasterVlmModel model = await pair.LoadAsync();
        using FasterVlmChatClient client = model.CreateChatClient();
        async Task<string> Ask(int i) => (await client.GetResponseAsync([Question(i + 1)], cancellationToken: Test)).Text;
        string[] alone = new string[8];
        for (int i = 0; i < 8; i++) alone[i] = await Ask(i);
        Assert.Equal(alone, await Task.WhenAll(Enumerable.Range(0, 8).Select(Ask)));
    }

    [Fact]
    public async Task Cancelling_after_any_time_leaves_the_model_as_it_was()
    {
        await using FasterVlmModel model = await pair.LoadAsync(static o => o.MaxOutputTokens = 200);
        using FasterVlmChatClient client = model.CreateChatClient();
        async Task<string> Ask(CancellationToken token) => (await client.GetResponseAsync([Question(1)], new() { MaxOutputTokens = 16 }, token)).Text;
        string expected = await Ask(Test);
        for (int delay = 0; delay < 30; delay += 3)
        {
            using CancellationTokenSource cancel = CancellationTokenSource.CreateLinkedTokenSource(Test);
            cancel.CancelAfter(delay);
            try
            {
                Assert.Equal(expected, await Ask(cancel.Token));
            }
            catch (OperationCanceledException)
            {
            }
            Assert.Equal(0, model.Generator.Scheduler.Pool.BusyCount);
            Assert.Equal(0, model.Generator.ImageCache.Pinned);
        }
        Assert.Equal(expected, await Ask(Test));
    }

    [Fact]
    public async Task L7_Disposing_during_requests_ends_them_and_frees_the_parts_once()
    {
        FasterVlmModel model = await pair.LoadAsync(static o => o.MaxOutputTokens = 400);
        using FasterVlmChatClient client = model.CreateChatClient();
        Task[] requests = [.. Enumerable.Range(1, 4).Select(i => client.GetResponseAsync([Question(i)], cancellationToken: Test))];
        await foreach (ChatResponseUpdate _ in client.GetStreamingResponseAsync([Question(1)], cancellationToken: Test)) break;
        await model.DisposeAsync();
        model.Dispose();
        foreach (Task request in requests)
        {
            try
            {
                await request;
            }
            catch (ObjectDisposedException)
            {
            }
        }
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.GetResponseAsync([Question(1)], cancellationToken: Test));
    }
}
