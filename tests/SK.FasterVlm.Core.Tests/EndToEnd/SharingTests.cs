using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Generation;

namespace SK.FasterVlm.Core.Tests.EndToEnd;

/// <summary>Many requests on one real context: their answers, and what they leave behind.</summary>
public sealed class SharingTests(TinyPair pair) : IClassFixture<TinyPair>
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    static string? Pictures()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "SK.FasterVlm.sln")))
                return Path.Combine(folder.FullName, "models", "tiny-llava", "golden", "images") is var images && Directory.Exists(images) ? images : null;
        return null;
    }

    static ChatMessage Question(byte[] picture, string text) => new(ChatRole.User, [new DataContent(picture, "image/png"), new TextContent(text)]);

    /// <summary>The shipped model, whose tokens are farther apart than rounding: answers can be compared as texts.</summary>
    /// <param name="threads">0 takes as many contexts side by side as the machine has cores.</param>
    [Theory]
    [InlineData(1)]
    [InlineData(0)]
    public async Task Sixteen_requests_at_once_get_the_texts_they_get_alone(int threads)
    {
        Assert.SkipWhen(Pictures() is null, "this checkout has no golden pictures");
        byte[][] pictures = [.. Directory.EnumerateFiles(Pictures()!).Order().Take(4).Select(File.ReadAllBytes)];
        string[] questions = ["What is in the picture?", "How many things are there?", "Describe the picture.", "Which colours do you see?"];
        Task<FasterVlmModel> LoadAsync(Action<FasterVlmOptions> configure)
        {
            FasterVlmOptions options = new() { Threads = 1, MaxOutputTokens = 24, ContextLength = 1024 };
            configure(options);
            return FasterVlmModel.LoadAsync(options, cancellationToken: Test);
        }
        async Task<ChatResponse> AskAsync(FasterVlmModel model, int i)
        {
            using FasterVlmChatClient client = model.CreateChatClient();
            return await client.GetResponseAsync([Question(pictures[i / 4], questions[i % 4])], cancellationToken: Test);
        }

        await using FasterVlmModel one = await LoadAsync(static o => (o.PrefixCache, o.MaxSequences) = (false, 1));
        string[] alone = new string[16];
        for (int i = 0; i < 16; i++) alone[i] = (await AskAsync(one, i)).Text;
        for (int i = 0; i < 4; i++) Assert.Equal(alone[i], (await AskAsync(one, i)).Text);

        await using FasterVlmModel many = await LoadAsync(o => (o.MaxSequences, o.KvCacheLength, o.Threads) = (16, 4096, threads));
        ChatResponse[] together = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => Task.Run(() => AskAsync(many, i), Test)));
        Assert.Equal(alone, together.Select(static r => r.Text));
        // Four pictures, sixteen requests; the system prompt and each picture's rows are evaluated once.
        Assert.Equal(12, together.Sum(static r => r.Usage!.AdditionalCounts!["image_cache_hits"]));
        Assert.True(together.Sum(static r => r.Usage!.CachedInputTokenCount) > 12 * 36);
        for (int i = 0; i < 16; i++) Assert.Equal(alone[i], (await AskAsync(many, i)).Text); // now from the cache
        AssertIdle(many);
    }

    [Fact]
    public async Task A_found_prefix_gives_the_logits_of_a_fresh_prompt_but_for_rounding()
    {
        await using FasterVlmModel model = await pair.LoadAsync(static o => o.MaxOutputTokens = 1);
        async Task<GenerationResult> AskAsync(int picture, string text) => await model.Generator.CompleteAsync(
            new GenerationRequest
            {
                Prompt = model.Template.Build(null, [ChatTurn.User(text, 0)]),
                Images = [ImageInput.FromBytes(TinyPair.Picture(picture))],
                Selector = model.Selector,
                MaxOutputTokens = 1,
                TopLogProbabilities = 20,
            }, Test);
        for (int picture = 1; picture <= 3; picture++)
        {
            GenerationResult fresh = await AskAsync(picture, "What is this?");
            await AskAsync(picture, "And where is it?");
            GenerationResult found = await AskAsync(picture, "What is this?");
            Assert.Equal(found.Statistics.PromptTokens - 1, found.Statistics.CachedPromptTokens);
            foreach (TokenCandidate candidate in fresh.Tokens![0].Top)
            {
                int at = found.Tokens![0].Top.ToList().FindIndex(c => c.Token == candidate.Token);
                if (at >= 0) Assert.Equal(candidate.LogProbability, found.Tokens[0].Top[at].LogProbability, 0.05f);
            }
            Assert.True(fresh.Tokens[0].Top.Take(10).All(c => found.Tokens![0].Top.Any(f => f.Token == c.Token)));
        }
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task A_hundred_requests_that_go_away_at_random_moments_leave_nothing_in_a_real_context(bool caches)
    {
        await using FasterVlmModel model = await pair.LoadAsync(
            o => (o.MaxSequences, o.MaxOutputTokens, o.PrefillChunk, o.PrefixCache) = (4, 60, 8, caches));
        using FasterVlmChatClient client = model.CreateChatClient();
        byte[][] pictures = [.. Enumerable.Range(1, 3).Select(static i => TinyPair.Picture(i))];
        Random random = new(3);
        string before = (await client.GetResponseAsync([Question(pictures[0], "What is this?")], new() { MaxOutputTokens = 4 }, Test)).Text;
        async Task GoAwayAsync(int i, int pieces, bool abandon)
        {
            using CancellationTokenSource cancel = new();
            try
            {
                await foreach (ChatResponseUpdate _ in client.GetStreamingResponseAsync([Question(pictures[i % 3], $"Question {i}?")], cancellationToken: cancel.Token))
                {
                    if (pieces-- > 0) continue;
                    if (abandon) break;
                    await cancel.CancelAsync();
                }
            }
            catch (OperationCanceledException)
            {
            }
        }
        await Task.WhenAll(Enumerable.Range(0, 100).Select(i => GoAwayAsync(i, random.Next(0, 20), i % 2 == 0)));
        AssertIdle(model);
        string after = (await client.GetResponseAsync([Question(pictures[0], "What is this?")], new() { MaxOutputTokens = 4 }, Test)).Text;
        // What is kept of others changes last bits, and the weights of this model are drawn; with nothing kept it is the same to the letter.
        if (!caches) Assert.Equal(before, after);
        Assert.NotEmpty(after);
    }

    static void AssertIdle(FasterVlmModel model)
    {
        SequencePool pool = model.Generator.Scheduler.Pool;
        Assert.Equal((0, 0, 0), (pool.BusyCount, model.Generator.Scheduler.WaitingCount, model.Generator.ImageCache.Pinned));
        Assert.Equal(pool.Used, pool.KeptLength);
        Assert.InRange(pool.Used, 0, model.Language.CacheLength);
    }
}
