using SK.FasterVlm.Chat;
using SK.FasterVlm.Generation;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Core.Tests.Generation;

/// <summary>What requests find of the ones before them. Every answer is compared with that of a model which has seen nothing else.</summary>
public class PrefixCacheTests
{
    static GenerationRequest Ask(string text, int tokens = 4, params string[] images) => Rig.Ask(text, tokens, images);

    [Fact]
    public async Task A_second_question_about_an_image_evaluates_only_its_own_words()
    {
        await using Rig rig = new();
        await rig.CheckAsync(Ask("What is this?", images: "A"));
        GenerationStatistics second = await rig.CheckAsync(Ask("Where is it?", images: "A"));
        // Begin-of-sequence, 16 visual tokens, and the "Wh" both questions begin with.
        Assert.Equal((29, 19, 1), (second.PromptTokens, second.CachedPromptTokens, second.ImageCacheHits));
        Assert.Equal(10, rig.Language.Passes[4].Single().Count);
        Assert.Equal(1, rig.Vision.Encoded);
        rig.AssertIdle();
    }

    [Fact]
    public async Task What_is_shared_stays_in_its_lane_where_it_can()
    {
        await using Rig rig = new(sequences: 6, lanes: 2);
        await rig.CheckAsync(Ask("first of its kind"));
        await rig.CheckAsync(Ask("quite another thing"));
        rig.Language.Passes.Clear();
        await rig.CheckAsync(Ask("quite another thought")); // in lane 1, as what it shares, though a sequence of lane 0 comes before
        await rig.CheckAsync(Ask("first of its children")); // in lane 0
        Assert.Equal([3, 2], rig.Language.Passes.Select(static p => p.Single().Sequence).Distinct());
        rig.AssertIdle();
    }

    [Fact]
    public async Task A_conversation_goes_on_where_its_answer_ended()
    {
        await using Rig rig = new(sequences: 1);
        GenerationRequest first = Ask("Tell me more.", 6, "A");
        string answer = (await rig.RunAsync(first)).Text;
        GenerationRequest next = Ask("Tell me more." + answer + " And then?", 6, "A");
        GenerationStatistics statistics = await rig.CheckAsync(next);
        Assert.Equal(1 + 16 + 13 + 5, statistics.CachedPromptTokens); // all but the last token of the answer, which was never evaluated
    }

    [Fact]
    public async Task The_same_request_again_evaluates_its_last_row()
    {
        await using Rig rig = new();
        await rig.CheckAsync(Ask("again and again"));
        GenerationStatistics second = await rig.CheckAsync(Ask("again and again"));
        Assert.Equal(second.PromptTokens - 1, second.CachedPromptTokens);
    }

    [Fact]
    public async Task Choices_of_one_prompt_share_its_prefill_also_while_it_runs()
    {
        await using Rig rig = new(sequences: 4, context: 256, cells: 256);
        GenerationRequest request = Ask(new string('p', 180), 12);
        Rig.Gate gate = rig.Hold();
        Task<GenerationStatistics>[] choices = [.. Enumerable.Range(0, 4).Select(_ => rig.CheckAsync(request))];
        await gate.ArrivedAsync();
        await SchedulerTests.Until(() => rig.Generator.Scheduler.WaitingCount == 3); // or one that comes late meets fewer
        gate.Open();
        GenerationStatistics[] all = await Task.WhenAll(choices);
        Assert.Equal(3 * 180, all.Sum(static s => s.CachedPromptTokens));
        Assert.Contains(rig.Language.Passes, static p => p.Length == 4); // four times 192 positions in 256
        rig.AssertIdle();
    }

    [Fact]
    public async Task Another_image_budget_or_order_is_another_prefix()
    {
        await using Rig rig = new();
        GenerationRequest request = Ask("a question", 4, "A", "B");
        await rig.CheckAsync(request);
        foreach (GenerationRequest other in new[]
        {
            Ask("a question", 4, "B", "A"),
            request with { Budget = VisualTokenBudget.Count(4) },
            request with { Prompt = [PromptSegment.UserText("a question"), PromptSegment.Image(0), PromptSegment.Image(1)] },
        })
        {
            Assert.True((await rig.CheckAsync(other)).CachedPromptTokens < 16);
        }
        Assert.Equal(33, (await rig.CheckAsync(Ask("b question", 4, "A", "B"))).CachedPromptTokens);
    }

    [Fact]
    public async Task Turned_off_it_finds_nothing_and_keeps_nothing()
    {
        await using Rig rig = new(configure: static o => (o.PrefixCache, o.ImageCacheBytes) = (false, 0));
        for (int i = 0; i < 2; i++)
        {
            GenerationStatistics statistics = await rig.CheckAsync(Ask("the same question", images: "A"));
            Assert.Equal((0, 0, 0), (statistics.CachedPromptTokens, statistics.ImageCacheHits, rig.Language.UsedCells));
        }
        Assert.Equal(2, rig.Vision.Encoded);
    }

    [Fact]
    public async Task What_was_unused_longest_makes_room()
    {
        await using Rig rig = new(sequences: 8, context: 100);
        string[] topics = ["first topic, quite long", "second topic, just as long", "third topic, no shorter"];
        foreach (string topic in topics) await rig.CheckAsync(Ask(topic, 4)); // some 27 positions each
        await rig.CheckAsync(Ask(topics[0], 4)); // used again
        GenerationStatistics large = await rig.CheckAsync(Ask(new string('x', 30), 4)); // fits only without the second
        Assert.Equal(0, large.CachedPromptTokens);
        Assert.True((await rig.CheckAsync(Ask(topics[0], 4))).CachedPromptTokens > 8);
        Assert.Equal(0, (await rig.CheckAsync(Ask(topics[1], 4))).CachedPromptTokens);
        rig.AssertIdle();
        Assert.InRange(rig.Pool.Used, 1, 100);
    }

    [Fact]
    public async Task One_long_request_gets_the_whole_context_whatever_is_kept()
    {
        await using Rig rig = new(sequences: 4, context: 128);
        foreach (string text in new[] { "some conversation", "another conversation", "and one more of them" }) await rig.CheckAsync(Ask(text, 8));
        GenerationStatistics statistics = await rig.CheckAsync(Ask(new string('l', 100), 28));
        Assert.Equal((101, 28), (statistics.PromptTokens, statistics.OutputTokens));
        rig.AssertIdle();
    }

    [Fact]
    public async Task A_failed_evaluation_leaves_nothing_that_could_be_found()
    {
        await using Rig rig = new();
        int passes = 0;
        rig.Language.OnPass = (_, _) =>
        {
            if (++passes == 3) throw new NativeRuntimeException("broken");
        };
        await Assert.ThrowsAsync<NativeRuntimeException>(() => rig.RunAsync(Ask("a prompt that breaks", 10)));
        Assert.Equal(0, rig.Pool.Used);
        rig.Language.OnPass = null;
        Assert.Equal(0, (await rig.CheckAsync(Ask("a prompt that breaks", 10))).CachedPromptTokens);
    }

    [Fact]
    public async Task A_prompt_that_goes_on_with_an_answer_that_is_still_being_written_gets_a_sequence_of_its_own()
    {
        await using Rig rig = new(sequences: 2);
        GenerationRequest first = Ask("a story that begins", 12);
        Rig.Gate gate = rig.Hold();
        Task<GenerationStatistics> writing = rig.CheckAsync(first);
        await gate.ArrivedAsync();
        // All that the running sequence holds by then is the beginning of this prompt.
        Task<GenerationStatistics> next = rig.CheckAsync(Ask("a story that begins" + Rig.Expected(Rig.Rows(first), 12) + " and ends", 6));
        await SchedulerTests.Until(() => rig.Generator.Scheduler.WaitingCount == 1);
        gate.Open();
        await writing;
        Assert.Equal(1 + 19, (await next).CachedPromptTokens); // the prompt; its first token was drawn, not evaluated, when the next one started
        rig.AssertIdle();
    }

    [Fact]
    public async Task The_sequence_a_prefix_comes_from_is_spared_while_another_can_go()
    {
        await using Rig rig = new(sequences: 2);
        await rig.CheckAsync(Ask("a long conversation, with an end of its own", 4)); // unused longest
        await rig.CheckAsync(Ask("something else", 4));
        Assert.Equal(1 + 19, (await rig.CheckAsync(Ask("a long conversation; other", 4))).CachedPromptTokens);
        Assert.True((await rig.CheckAsync(Ask("a long conversation, with an end of its own", 4))).CachedPromptTokens > 40);
    }

    [Fact]
    public async Task What_a_cancelled_request_had_evaluated_is_found_again()
    {
        await using Rig rig = new();
        using CancellationTokenSource cancel = new();
        int passes = 0;
        rig.Language.OnPass = (_, _) =>
        {
            if (++passes == 3) cancel.Cancel();
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => rig.RunAsync(Ask("a prompt somebody leaves", 10), cancel.Token));
        rig.Language.OnPass = null;
        GenerationStatistics again = await rig.CheckAsync(Ask("a prompt somebody leaves", 10));
        Assert.Equal(again.PromptTokens - 1, again.CachedPromptTokens);
    }

    [Theory]
    [InlineData(1, 1, 160)]
    [InlineData(2, 2, 160)]
    [InlineData(3, 4, 200)]
    [InlineData(4, 8, 400)]
    public async Task Random_conversations_get_the_answers_they_get_without_any_cache(int seed, int sequences, int cells)
    {
        await using Rig rig = new(sequences, context: 160, cells: cells, configure: static o => (o.PrefillChunk, o.ImageCacheBytes) = (7, 2000));
        Random random = new(seed);
        string[] openings = ["You see a picture. ", "You see another picture. ", "", "Be brief."];
        async Task ConverseAsync(int opening, string image, int budget, int[] lengths)
        {
            string text = openings[opening];
            foreach (int length in lengths)
            {
                text += new string((char)('a' + (length % 3)), length);
                GenerationRequest request = Ask(text, 1 + length, image) with { Budget = VisualTokenBudget.Count(budget) };
                if (Rig.Rows(request).Count() >= 150) return;
                GenerationResult result = await rig.RunAsync(request);
                Assert.Equal(Rig.Expected(Rig.Rows(request), Math.Min(1 + length, 160 - Rig.Rows(request).Count() + 1)), result.Text);
                text += result.Text;
            }
        }
        for (int round = 0; round < 12; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => ConverseAsync(
                random.Next(4), $"{(char)('A' + random.Next(3))}", random.Next(0, 17), [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ => random.Next(1, 12))])));
            rig.AssertIdle();
            Assert.InRange(rig.Pool.Used, 0, cells);
        }
        Assert.Contains(rig.Language.Passes, static p => p.Length > 1 || p[0].Sequence == 0);
    }
}
