using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat;

namespace SK.FasterVlm.Core.Tests.EndToEnd;

/// <summary>
/// Rows L3 and L4 as SQLite tests its faults: the first thing the engine does is where it happens, then the second, the third, until a
/// request gets through.
/// </summary>
public sealed class CheckpointTests(TinyPair pair) : IClassFixture<TinyPair>
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    // Two pictures: what the first holds must be let go of when the second is not reached.
    static ChatMessage Question(int picture) => new(ChatRole.User,
        [new DataContent(TinyPair.Picture(picture), "image/png"), new DataContent(TinyPair.Picture(picture + 500), "image/png"), new TextContent("What is this?")]);

    static void Configure(FasterVlmOptions options, bool caches)
    {
        (options.MaxSequences, options.MaxOutputTokens, options.PrefillChunk, options.PrefixCache) = (2, 4, 16, caches);
        if (!caches) options.ImageCacheBytes = 0;
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task L3_cancelled_at_the_nth_call_of_the_engine_nothing_stays(bool caches)
    {
        await using Checkpoints watched = await Checkpoints.LoadAsync(pair, o => Configure(o, caches));
        using FasterVlmChatClient client = watched.Model.CreateChatClient();
        string before = await CanaryAsync(client);
        for (int n = 1; ; n++)
        {
            using CancellationTokenSource cancel = CancellationTokenSource.CreateLinkedTokenSource(Test);
            string where = "nowhere";
            watched.Start((call, what) =>
            {
                if (call != n) return;
                where = what;
                cancel.Cancel();
            });
            bool ended = false;
            try
            {
                await foreach (ChatResponseUpdate _ in client.GetStreamingResponseAsync([Question(n)], cancellationToken: cancel.Token)) watched.Pass("update");
                ended = true;
            }
            catch (OperationCanceledException e)
            {
                Assert.Equal(cancel.Token, e.CancellationToken);
            }
            bool reached = watched.Count >= n;
            watched.Start(null);
            watched.AssertIdle($"call {n}, {where}");
            // With found prefixes last bits may differ, and the weights of this model are drawn: an answer is all that is asked for then.
            string after = await CanaryAsync(client);
            if (!caches) Assert.Equal(before, after);
            if (reached) continue;
            Assert.True(ended);
            Assert.True(n > 20, $"only {n} calls");
            return;
        }
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task L4_without_memory_at_the_nth_call_that_request_fails_and_no_other(bool caches)
    {
        await using Checkpoints watched = await Checkpoints.LoadAsync(pair, o => Configure(o, caches));
        using FasterVlmChatClient client = watched.Model.CreateChatClient();
        string before = await CanaryAsync(client);
        for (int n = 1; ; n++)
        {
            // Cutting a sequence back allocates nothing, and one whose state is not known is given up for good: see SequencePool.
            string? where = null;
            watched.Start((call, what) =>
            {
                if (call != n || what is "trim" or "update") return;
                where = what;
                throw new InsufficientMemoryException("drawn");
            });
            Exception? error = null;
            try
            {
                await foreach (ChatResponseUpdate _ in client.GetStreamingResponseAsync([Question(n)], cancellationToken: Test)) watched.Pass("update");
            }
            catch (Exception e)
            {
                error = e;
            }
            bool reached = watched.Count >= n;
            watched.Start(null);
            watched.AssertIdle($"call {n}, {where}");
            if (where is null) Assert.Null(error);
            else Assert.Equal("drawn", Assert.IsType<InsufficientMemoryException>(error).Message);
            string after = await CanaryAsync(client);
            if (!caches) Assert.Equal(before, after);
            if (reached) continue;
            Assert.True(n > 20, $"only {n} calls");
            return;
        }
    }

    static async Task<string> CanaryAsync(FasterVlmChatClient client)
    {
        ChatResponse response = await client.GetResponseAsync([Question(0)], cancellationToken: Test);
        Assert.Equal(ChatFinishReason.Length, response.FinishReason);
        return response.Text;
    }
}
