using System.Diagnostics;
using System.Runtime.CompilerServices;
using SK.FasterVlm.Core.Tests.Fakes;
using SK.FasterVlm.Generation;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Core.Tests.Generation;

/// <summary>Who runs when, and beside whom.</summary>
public class SchedulerTests
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    static GenerationRequest Ask(string text, int tokens = 8, params string[] images) => Rig.Ask(text, tokens, images);

    /// <summary>Waits for something the scheduler or a pool thread will do; nothing about time is asserted, but a defect shall not hang.</summary>
    internal static async Task Until(Func<bool> condition, [CallerArgumentExpression(nameof(condition))] string what = "")
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromMinutes(2), $"It never came to: {what}");
            await Task.Delay(1, Test);
        }
    }

    [Fact]
    public async Task Requests_that_run_at_once_share_every_pass()
    {
        await using Rig rig = new(sequences: 4, configure: static o => o.PrefixCache = false);
        Rig.Gate gate = rig.Hold();
        Task<GenerationStatistics>[] requests = [.. Enumerable.Range(0, 4).Select(i => rig.CheckAsync(Ask($"question {i}", 20)))];
        await gate.ArrivedAsync();
        await Until(() => rig.Generator.Scheduler.WaitingCount == 3);
        gate.Open();
        await Task.WhenAll(requests);
        Assert.Contains(rig.Language.Passes, static p => p.Length == 4 && p.All(static s => s.Count == 1));
        Assert.True(rig.Language.Passes.Count < 4 + 20 + 8, $"{rig.Language.Passes.Count} passes"); // one after the other are 80
        rig.AssertIdle();
        Assert.Equal(0, rig.Pool.Used);
    }

    [Theory]
    [InlineData(false)] // visual tokens and text go in passes of their own
    [InlineData(true)]
    public async Task A_long_prompt_is_evaluated_in_parts_with_a_step_of_the_running_requests_for_each(bool joins)
    {
        await using Rig rig = new(sequences: 2, joins: joins);
        Rig.Gate gate = rig.Hold();
        Task<GenerationStatistics> running = rig.CheckAsync(Ask("short", 40));
        await gate.ArrivedAsync();
        gate.Step();
        await gate.ArrivedAsync(); // its first token is out
        Task<GenerationStatistics> later = rig.CheckAsync(Ask(new string('x', 150), 4, "A"));
        await Until(() => rig.Generator.Scheduler.WaitingCount == 1);
        gate.Open();
        await Task.WhenAll(running, later);

        (int Sequence, int Count)[][] passes = [.. rig.Language.Passes.Skip(2)];
        int[] prompt = [.. passes.Select(static (p, i) => (p, i)).Where(static p => p.p.Any(static s => s.Count > 1)).Select(static p => p.i)];
        Assert.Equal(11, prompt.Length); // 1 + 16 + 150 rows by 16
        Assert.All(prompt, i => Assert.InRange(passes[i].Max(static s => s.Count), 1, 16));
        for (int i = 0; i < prompt.Length; i++)
        {
            // The first part is the begin-of-sequence token and 15 visual ones, the second the last of these and text.
            bool shared = joins || i >= 2;
            if (shared) Assert.Equal([1], passes[prompt[i]].Select(static s => s.Count).Where(static c => c == 1));
            else Assert.Single(passes[prompt[i]]);
            if (i > 0) Assert.Equal(joins || i > 2 ? 1 : 2, prompt[i] - prompt[i - 1]);
        }
        rig.AssertIdle();
    }

    [Fact]
    public async Task A_pass_never_has_more_rows_than_the_model_takes()
    {
        // 16 rows of a prompt and 6 decode steps do not go in one pass of 20; the scripted model refuses more.
        await using Rig rig = new(sequences: 8, joins: true, batch: 20);
        Rig.Gate gate = rig.Hold();
        Task<GenerationStatistics>[] running = [.. Enumerable.Range(0, 6).Select(i => rig.CheckAsync(Ask($"{i}", 30)))];
        await gate.ArrivedAsync();
        await Until(() => rig.Generator.Scheduler.WaitingCount == 5);
        Task<GenerationStatistics> later = rig.CheckAsync(Ask(new string('x', 100), 4, "A"));
        await Until(() => rig.Generator.Scheduler.WaitingCount == 6);
        gate.Open();
        await Task.WhenAll([.. running, later]);
        Assert.Contains(rig.Language.Passes, static p => p.Length == 1 && p[0].Count == 16);
        Assert.Contains(rig.Language.Passes, static p => p.Length >= 6 && p.All(static s => s.Count == 1));
        rig.AssertIdle();
    }

    [Fact]
    public async Task Prompts_fill_the_lanes_side_by_side()
    {
        await using Rig rig = new(sequences: 8, lanes: 4, configure: static o => o.PrefixCache = false);
        rig.Generator.Scheduler.Held = true;
        Task<GenerationStatistics>[] requests = [.. Enumerable.Range(0, 8).Select(i => rig.CheckAsync(Ask($"{i} how many are red?", 20)))];
        await Until(() => rig.Generator.Scheduler.WaitingCount == 8);
        rig.Generator.Scheduler.Held = false;
        await Task.WhenAll(requests);
        // Four whole prompts at once, then parts of the other four beside the steps of these, then all.
        Assert.Equal([0, 1, 2, 3], rig.Language.Passes[0].Select(static s => s.Sequence % 4).Order());
        Assert.All(rig.Language.Passes[0], static s => Assert.Equal(20, s.Count));
        Assert.Equal([1, 1, 1, 1, 16, 16, 16, 16], rig.Language.Passes[1].Select(static s => s.Count).Order());
        Assert.Contains(rig.Language.Passes, static p => p.Length == 8 && p.All(static s => s.Count == 1));
        rig.AssertIdle();
    }

    [Fact]
    public async Task A_prompt_that_begins_as_one_that_is_being_evaluated_waits_for_what_both_have()
    {
        await using Rig rig = new(sequences: 8, lanes: 4);
        rig.Generator.Scheduler.Held = true;
        const string Same = "all of us begin with these words; ";
        Task<GenerationStatistics>[] requests = [.. Enumerable.Range(0, 8).Select(i => rig.CheckAsync(Ask($"{Same}{i}?", 20)))];
        await Until(() => rig.Generator.Scheduler.WaitingCount == 8);
        rig.Generator.Scheduler.Held = false;
        GenerationStatistics[] all = await Task.WhenAll(requests);
        Assert.Equal(7, all.Count(static s => s.CachedPromptTokens == 1 + Same.Length));
        Assert.Contains(rig.Language.Passes, static p => p.Count(static s => s.Count == 2) == 4); // what is left of four of them, at once
        rig.AssertIdle();
    }

    [Fact]
    public async Task Cancelling_one_of_several_prompts_in_a_pass_ends_that_one()
    {
        await using Rig rig = new(sequences: 4, lanes: 4, configure: static o => o.PrefixCache = false);
        Rig.Gate gate = rig.Hold();
        using CancellationTokenSource cancel = new();
        Task<GenerationStatistics> first = rig.CheckAsync(Ask("the first one", 30));
        await gate.ArrivedAsync();
        Task<GenerationResult> gone = rig.RunAsync(Ask(new string('g', 200), 30), cancel.Token);
        await Until(() => rig.Generator.Scheduler.WaitingCount == 1);
        Task<GenerationStatistics> other = rig.CheckAsync(Ask(new string('o', 200), 30));
        await Until(() => rig.Generator.Scheduler.WaitingCount == 2);
        for (int i = 0; i < 3; i++)
        {
            gate.Step();
            await gate.ArrivedAsync(); // both are being evaluated, beside the first one's steps
        }
        await cancel.CancelAsync();
        gate.Open();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        await Task.WhenAll(first, other);
        rig.AssertIdle();
        Assert.Equal(0, rig.Pool.Used);
    }

    [Fact]
    public async Task A_prompt_is_evaluated_whole_while_nobody_else_runs()
    {
        await using Rig rig = new();
        await rig.CheckAsync(Ask(new string('x', 150), 2, "A"));
        Assert.Equal(167, rig.Language.Passes[0].Single().Count);
    }

    [Fact]
    public async Task Requests_start_in_the_order_they_came()
    {
        await using Rig rig = new(sequences: 1);
        Rig.Gate gate = rig.Hold();
        List<Task> requests = [];
        for (int i = 0; i < 6; i++)
        {
            int number = i;
            requests.Add(rig.CheckAsync(Ask($"{number}", 3)));
            if (i == 0) await gate.ArrivedAsync();
            else await Until(() => rig.Generator.Scheduler.WaitingCount == number);
        }
        gate.Open();
        await Task.WhenAll(requests);
        Assert.Equal(["0", "1", "2", "3", "4", "5"], rig.Language.Prompts.Select(static p => $"{(char)(int.Parse(p[1]) - ScriptedLanguageModel.FirstByte)}"));
    }

    [Fact]
    public async Task A_request_waits_until_prompt_and_longest_answer_fit_the_cache_and_nobody_overtakes_it()
    {
        await using Rig rig = new(sequences: 4, context: 100, configure: static o => o.PrefixCache = false);
        Rig.Gate gate = rig.Hold();
        Task<GenerationStatistics> first = rig.CheckAsync(Ask(new string('a', 39), 21)); // 60 of 100 positions
        await gate.ArrivedAsync();
        Task<GenerationStatistics> large = rig.CheckAsync(Ask(new string('b', 39), 11)); // 50: must wait
        await Until(() => rig.Generator.Scheduler.WaitingCount == 1);
        Task<GenerationStatistics> small = rig.CheckAsync(Ask("c", 2)); // 3: would fit, but came later
        await Until(() => rig.Generator.Scheduler.WaitingCount == 2);
        gate.Open();
        await Task.WhenAll(first, large, small);
        Assert.Equal([40, 40, 2], rig.Language.Prompts.Select(static p => p.Length));
        Assert.All(rig.Language.Passes.Take(20), static p => Assert.Single(p)); // nothing beside the first one
    }

    [Fact]
    public async Task When_the_one_that_does_not_fit_goes_away_the_next_need_not_wait_for_anybody()
    {
        await using Rig rig = new(sequences: 4, context: 100, configure: static o => o.PrefixCache = false);
        Rig.Gate gate = rig.Hold();
        using CancellationTokenSource cancel = new();
        Task<GenerationStatistics> first = rig.CheckAsync(Ask(new string('a', 39), 21)); // 60 of 100 positions
        await gate.ArrivedAsync();
        Task<GenerationResult> large = rig.RunAsync(Ask(new string('b', 39), 11), cancel.Token); // 50: must wait
        await Until(() => rig.Generator.Scheduler.WaitingCount == 1);
        Task<GenerationStatistics> small = rig.CheckAsync(Ask("c", 2));
        await Until(() => rig.Generator.Scheduler.WaitingCount == 2);
        for (int i = 0; i < 2; i++) // it was tried, and did not fit
        {
            gate.Step();
            await gate.ArrivedAsync();
        }
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => large);
        for (int i = 0; i < 2; i++)
        {
            gate.Step();
            await gate.ArrivedAsync();
        }
        Assert.Equal(0, rig.Generator.Scheduler.WaitingCount);
        Assert.False(first.IsCompleted);
        gate.Open();
        await Task.WhenAll(first, small);
        rig.AssertIdle();
    }

    [Fact]
    public async Task Pruned_images_make_room_for_more_chats()
    {
        async Task<int> MostAtOnce(string budget)
        {
            await using Rig rig = new(sequences: 16, context: 96, configure: static o => o.PrefixCache = false);
            Rig.Gate gate = rig.Hold();
            Task[] requests = [.. Enumerable.Range(0, 16).Select(i => rig.RunAsync(
                Ask($"{(char)('a' + i)}", 6, $"{(char)('A' + i)}") with { Budget = VisualTokenBudget.Parse(budget) }))];
            await gate.ArrivedAsync();
            await Until(() => rig.Generator.Scheduler.WaitingCount == 15); // the first one has started
            gate.Open();
            await Task.WhenAll(requests);
            return rig.Language.Passes.Max(static p => p.Length);
        }
        Assert.InRange(await MostAtOnce("all"), 1, 96 / (1 + 16 + 1 + 5));
        Assert.InRange(await MostAtOnce("1"), 5, 96 / (1 + 1 + 1 + 5)); // 12 fit; one starts with every step, and each runs for five
    }

    [Fact]
    public async Task An_error_in_a_shared_pass_ends_only_the_request_it_belongs_to()
    {
        await using Rig rig = new(sequences: 3);
        Rig.Gate gate = rig.Hold();
        Task<GenerationStatistics>[] good = [rig.CheckAsync(Ask("good one", 12)), rig.CheckAsync(Ask("good two", 12))];
        await gate.ArrivedAsync();
        await Until(() => rig.Generator.Scheduler.WaitingCount == 1);
        Task<GenerationResult> bad = rig.RunAsync(Ask("bad", 400));
        await Until(() => rig.Generator.Scheduler.WaitingCount == 2);
        string mark = $"{ScriptedLanguageModel.FirstByte + 'b'}";
        bool broken = false;
        gate.Open((sequences, _) =>
        {
            broken |= sequences.Length == 3;
            if (broken && sequences.Any(s => rig.Language.RowsOf(s).ElementAtOrDefault(1) == mark)) throw new NativeRuntimeException("broken");
        });
        await Assert.ThrowsAsync<NativeRuntimeException>(() => bad);
        await Task.WhenAll(good);
        rig.Language.OnPass = null;
        rig.AssertIdle();
        await rig.CheckAsync(Ask("bad", 5));
    }

    [Fact]
    public async Task Disposing_ends_everything_at_any_stage()
    {
        Rig rig = new(sequences: 2);
        Rig.Gate gate = rig.Hold();
        Task<GenerationResult>[] requests = [.. Enumerable.Range(0, 6).Select(i => rig.RunAsync(Ask($"{i}", 100)))];
        for (int i = 0; i < 5; i++)
        {
            await gate.ArrivedAsync();
            gate.Step();
        }
        await gate.ArrivedAsync();
        await rig.DisposeAsync();
        foreach (Task<GenerationResult> request in requests) await Assert.ThrowsAsync<ObjectDisposedException>(() => request);
        Assert.Equal(0, rig.Language.SamplersAlive);
        Assert.Equal(0, rig.Pool.BusyCount);
        rig.Generator.Dispose();
    }
}
