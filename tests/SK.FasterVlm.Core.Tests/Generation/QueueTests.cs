using SK.FasterVlm.Core.Tests.Fakes;
using SK.FasterVlm.Generation;

namespace SK.FasterVlm.Core.Tests.Generation;

/// <summary>Bounds: the queue, the time, and requests that go away.</summary>
public class QueueTests
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    static GenerationRequest Ask(string text, int tokens = 8, params string[] images) => Rig.Ask(text, tokens, images);

    [Fact]
    public async Task L1_A_full_queue_refuses_at_once_and_takes_requests_again_when_one_has_ended()
    {
        await using Rig rig = new(sequences: 2, configure: static o => o.MaxQueuedRequests = 1);
        Rig.Gate gate = rig.Hold();
        List<Task<GenerationStatistics>> taken = [.. Enumerable.Range(0, 3).Select(i => rig.CheckAsync(Ask($"{i}")))];
        await gate.ArrivedAsync();
        var error = await Assert.ThrowsAsync<ServerBusyException>(() => rig.RunAsync(Ask("one too many", images: "A")));
        Assert.Equal(1, error.Waiting);
        Assert.InRange(error.RetryAfter, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10));
        Assert.Equal(0, rig.Vision.Encoded); // nothing was done for it
        gate.Open();
        await Task.WhenAll(taken);
        await rig.CheckAsync(Ask("again"));
        rig.AssertIdle();
    }

    [Fact]
    public void The_time_to_retry_follows_what_requests_took_and_how_many_run_at_once()
    {
        RequestLimit limit = new(running: 4, waiting: 0);
        long started = System.Diagnostics.Stopwatch.GetTimestamp() - (80 * System.Diagnostics.Stopwatch.Frequency);
        for (int i = 0; i < 3; i++)
        {
            using RequestLimit.Place place = limit.Enter();
            place.Served(started);
        }
        RequestLimit.Place[] places = [.. Enumerable.Range(0, 4).Select(_ => limit.Enter())];
        TimeSpan wait = Assert.Throws<ServerBusyException>(() => limit.Enter()).RetryAfter;
        Assert.InRange(wait, TimeSpan.FromSeconds(20), TimeSpan.FromMinutes(5)); // 80 s / 4; the machine may be slow, never fast
        foreach (RequestLimit.Place place in places) place.Dispose();
        Assert.Equal(0, limit.Count);
    }

    [Theory]
    [InlineData("waiting")]
    [InlineData("encoding")]
    [InlineData("prefill")]
    [InlineData("generating")]
    public async Task The_time_limit_ends_a_request_at_any_stage(string stage)
    {
        ManualTime time = new();
        await using Rig rig = new(sequences: stage == "waiting" ? 1 : 2, configure: static o => o.RequestTimeout = TimeSpan.FromSeconds(5), time: time);
        Rig.Gate gate = rig.Hold();
        TaskCompletionSource encoding = new();
        Task<GenerationStatistics>? other = null;
        if (stage == "waiting") other = rig.CheckAsync(Ask("other") with { TimeLimit = Timeout.InfiniteTimeSpan });
        if (stage == "encoding") rig.Vision.OnEncode = token =>
        {
            encoding.SetResult();
            return Task.Delay(Timeout.Infinite, token);
        };
        if (other is not null) await gate.ArrivedAsync();
        Task<GenerationResult> request = rig.RunAsync(Ask("late", 50, "A"));
        if (stage == "waiting") await SchedulerTests.Until(() => rig.Generator.Scheduler.WaitingCount == 1);
        if (stage == "encoding") await encoding.Task;
        if (stage is "prefill" or "generating") await gate.ArrivedAsync();
        if (stage == "generating")
        {
            gate.Step();
            await gate.ArrivedAsync();
        }
        time.Advance(TimeSpan.FromSeconds(5));
        var error = await Assert.ThrowsAsync<RequestTimeoutException>(() => request);
        Assert.Equal(TimeSpan.FromSeconds(5), error.Limit);
        Assert.Contains("5 s", error.Message);
        gate.Open();
        if (other is not null) await other;
        rig.Vision.OnEncode = null;
        await rig.CheckAsync(Ask("next", 5, "A"));
        rig.AssertIdle();
    }

    [Fact]
    public async Task A_request_in_time_is_left_alone_and_bad_limits_are_refused()
    {
        ManualTime time = new();
        await using Rig rig = new(time: time);
        await rig.CheckAsync(Ask("q") with { TimeLimit = TimeSpan.FromSeconds(1) });
        time.Advance(TimeSpan.FromHours(1));
        await rig.CheckAsync(Ask("q") with { TimeLimit = TimeSpan.FromSeconds(1) });
        Assert.Throws<ArgumentOutOfRangeException>(() => rig.Generator.GenerateAsync(Ask("q") with { TimeLimit = TimeSpan.Zero }, Test));
        Assert.Throws<ArgumentOutOfRangeException>(() => rig.Generator.GenerateAsync(Ask("q") with { TimeLimit = TimeSpan.FromDays(25) }, Test));
    }

    [Fact]
    public async Task L1_prompts_that_wait_hold_no_more_than_their_share_and_start_in_order()
    {
        // An image of 16 rows of 4 floats has 256 bytes; before it is encoded it may be as large as the context leaves room for.
        await using Rig rig = new(sequences: 1, context: 64, configure: static o => (o.PreparedBytes, o.ImageCacheBytes, o.PrefixCache) = (1000, 0, false));
        Rig.Gate gate = rig.Hold();
        Task<GenerationStatistics> first = rig.CheckAsync(Ask("0", 3));
        await gate.ArrivedAsync();
        List<Task<GenerationStatistics>> waiting = [];
        for (int i = 1; i <= 6; i++)
        {
            waiting.Add(rig.CheckAsync(Ask($"{i}", 3, $"{i}")));
            int ready = Math.Min(i, 1), beside = i - ready; // 992 bytes at most beside 256 held are too many
            await SchedulerTests.Until(() => rig.Generator.Scheduler.WaitingCount == ready && rig.Generator.Prepared.WaitingCount == beside);
        }
        Assert.Equal((1, 1), (rig.Vision.Encoded, rig.Language.SamplersAlive)); // the sampler is that of the one that runs
        Assert.InRange(rig.Generator.Prepared.Held, 256, 1000);
        Task<GenerationStatistics> text = rig.CheckAsync(Ask("7", 3)); // has no images to wait with
        await SchedulerTests.Until(() => rig.Generator.Scheduler.WaitingCount == 2);
        gate.Open();
        await Task.WhenAll([first, text, .. waiting]);
        Assert.Equal(
            ["1", "2", "3", "4", "5", "6"],
            rig.Language.Prompts.Where(static p => p.Length > 2).Select(static p => $"{(char)(int.Parse(p[^1]) - ScriptedLanguageModel.FirstByte)}"));
        Assert.Equal((0L, 0), (rig.Generator.Prepared.Held, rig.Generator.Prepared.WaitingCount));
        rig.AssertIdle();
    }

    [Fact]
    public async Task L1_who_waits_to_be_prepared_can_leave_and_those_behind_move_up()
    {
        await using Rig rig = new(sequences: 1, context: 64, configure: static o => (o.PreparedBytes, o.ImageCacheBytes) = (1, 0));
        TaskCompletionSource encode = new(), encoding = new();
        rig.Vision.OnEncode = _ =>
        {
            encoding.TrySetResult();
            return encode.Task;
        };
        Task<GenerationStatistics> first = rig.CheckAsync(Ask("a", 3, "A")); // larger than the budget: one is let through
        await encoding.Task;
        using CancellationTokenSource cancel = new();
        Task<GenerationResult> leaves = rig.RunAsync(Ask("b", 3, "B"), cancel.Token);
        await SchedulerTests.Until(() => rig.Generator.Prepared.WaitingCount == 1);
        Task<GenerationStatistics> last = rig.CheckAsync(Ask("c", 3, "C"));
        await SchedulerTests.Until(() => rig.Generator.Prepared.WaitingCount == 2);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaves);
        Assert.Equal(1, rig.Generator.Prepared.WaitingCount);
        encode.SetResult();
        await first;
        Assert.True((await last).QueueMs > 0);
        await Assert.ThrowsAsync<ImageFormatException>(() => rig.RunAsync(Ask("broken", 3, "")));
        Assert.Equal((0L, 2), (rig.Generator.Prepared.Held, rig.Vision.Encoded));
        rig.AssertIdle();
    }

    [Fact]
    public async Task A_prompt_that_has_outgrown_the_context_is_refused_before_its_next_image_is_encoded()
    {
        await using Rig rig = new(context: 40);
        await Assert.ThrowsAsync<ContextLengthException>(() => rig.RunAsync(Ask("q", 3, "A", "B", "C", "D", "E")));
        Assert.Equal(3, rig.Vision.Encoded);
        rig.AssertIdle();
    }

    [Fact]
    public async Task A_sampling_setting_out_of_range_costs_no_image_and_one_the_model_refuses_ends_its_request_alone()
    {
        await using Rig rig = new();
        GenerationRequest wrong = Ask("q", 3, "A");
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => rig.RunAsync(wrong with { Sampling = new() { Temperature = 9 } }));
        Assert.Equal(0, rig.Vision.Encoded);
        rig.Language.OnSampler = static settings =>
        {
            if (settings.Seed == 13) throw new ArgumentException("refused");
        };
        Rig.Gate gate = rig.Hold();
        Task<GenerationStatistics> other = rig.CheckAsync(Ask("other", 10));
        await gate.ArrivedAsync();
        Task<GenerationResult> refused = rig.RunAsync(wrong with { Sampling = new() { Seed = 13 } });
        await SchedulerTests.Until(() => rig.Generator.Scheduler.WaitingCount == 1);
        gate.Open();
        Assert.Equal("refused", (await Assert.ThrowsAsync<ArgumentException>(() => refused)).Message);
        await other;
        rig.AssertIdle();
    }

    [Fact]
    public async Task Cancelling_one_of_several_frees_its_sequence_within_a_step_and_the_others_do_not_notice()
    {
        await using Rig rig = new(sequences: 2);
        Rig.Gate gate = rig.Hold();
        using CancellationTokenSource cancel = new();
        Task<GenerationResult> leaving = rig.RunAsync(Ask("leaves", 300), cancel.Token);
        await gate.ArrivedAsync();
        Task<GenerationStatistics> stays = rig.CheckAsync(Ask("stays", 30));
        await SchedulerTests.Until(() => rig.Generator.Scheduler.WaitingCount == 1);
        for (int i = 0; i < 6; i++)
        {
            gate.Step();
            await gate.ArrivedAsync();
        }
        Task<GenerationStatistics> next = rig.CheckAsync(Ask("comes", 10));
        await SchedulerTests.Until(() => rig.Generator.Scheduler.WaitingCount == 1);
        int passes = rig.Language.Passes.Count;
        await cancel.CancelAsync();
        gate.Step(); // the pass that is under way is everybody's
        await gate.ArrivedAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaving);
        Assert.Equal(0, rig.Generator.Scheduler.WaitingCount); // the next one has its sequence
        Assert.Equal(passes + 1, rig.Language.Passes.Count);
        gate.Open();
        await Task.WhenAll(stays, next);
        rig.AssertIdle();
    }

    [Fact]
    public async Task Cancelling_while_a_sequence_is_made_ready_gives_it_back()
    {
        await using Rig rig = new(sequences: 1);
        await rig.CheckAsync(Ask("what has to go first"));
        using CancellationTokenSource cancel = new();
        rig.Language.OnTrim = cancel.Cancel; // between the choice of the sequence and the start
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => rig.RunAsync(Ask("another beginning"), cancel.Token));
        rig.Language.OnTrim = null;
        await rig.CheckAsync(Ask("the next one"));
        rig.AssertIdle();
    }

    [Fact]
    public async Task Cancelling_at_any_pass_leaves_nothing_and_harms_nobody()
    {
        for (int n = 1; ; n++)
        {
            await using Rig rig = new(sequences: 2, configure: static o => o.PrefillChunk = 4);
            Rig.Gate gate = rig.Hold();
            using CancellationTokenSource cancel = new();
            Task<GenerationStatistics> other = rig.CheckAsync(Ask("the other one", 24));
            await gate.ArrivedAsync();
            Task<GenerationResult> request = rig.RunAsync(Ask("a prompt of parts", 4, "A", "B"), cancel.Token);
            await SchedulerTests.Until(() => rig.Generator.Scheduler.WaitingCount == 1);
            int pass = 0;
            gate.Open((_, _) =>
            {
                if (++pass == n) cancel.Cancel();
            });
            bool ended = false;
            try
            {
                await request;
            }
            catch (OperationCanceledException)
            {
                ended = true;
            }
            await other;
            rig.AssertIdle();
            rig.Language.OnPass = null;
            await rig.CheckAsync(Ask("a prompt of parts", 4, "A", "B"));
            rig.AssertIdle();
            if (!ended) break;
            Assert.True(n < 60);
        }
    }

    [Fact]
    public async Task Five_hundred_requests_that_go_away_at_random_moments_leave_no_slot_no_lease_and_no_sampler()
    {
        await using Rig rig = new(sequences: 4, context: 256, configure: static o => (o.MaxQueuedRequests, o.ImageCacheBytes) = (1000, 3000));
        Random random = new(7);
        async Task GoAwayAsync(int i, int pieces, bool abandon)
        {
            using CancellationTokenSource cancel = new();
            await Task.Yield();
            try
            {
                await foreach (GenerationUpdate _ in rig.Generator.GenerateAsync(
                    Ask(new string((char)('a' + (i % 5)), 1 + (i % 37)), 40, $"{(char)('A' + (i % 7))}"), cancel.Token))
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
        Task[] leaving = [.. Enumerable.Range(0, 500).Select(i => GoAwayAsync(i, random.Next(0, 30), random.Next(2) == 0))];
        Task<GenerationStatistics>[] staying = [.. Enumerable.Range(0, 8).Select(i => rig.CheckAsync(Ask($"I stay {i}", 20, "A")))];
        await Task.WhenAll([.. leaving, .. staying]);
        rig.AssertIdle();
        Assert.InRange(rig.Generator.ImageCache.Bytes, 0, 3000);
        await rig.CheckAsync(Ask("still here", 20, "C"));
    }

    /// <summary>A clock that moves only when told to.</summary>
    sealed class ManualTime : TimeProvider
    {
        readonly List<Timer> _timers = [];
        TimeSpan _now;

        public void Advance(TimeSpan by)
        {
            Timer[] due;
            lock (_timers)
            {
                _now += by;
                due = [.. _timers.Where(t => t.Due <= _now)];
                foreach (Timer timer in due) _timers.Remove(timer);
            }
            foreach (Timer timer in due) timer.Fire();
        }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Timer timer = new(this, callback, state);
            timer.Change(dueTime, period);
            return timer;
        }

        sealed class Timer(ManualTime owner, TimerCallback callback, object? state) : ITimer
        {
            public TimeSpan Due { get; private set; }

            public void Fire() => callback(state);

            public bool Change(TimeSpan dueTime, TimeSpan period)
            {
                lock (owner._timers)
                {
                    owner._timers.Remove(this);
                    if (dueTime == Timeout.InfiniteTimeSpan) return true;
                    Due = owner._now + dueTime;
                    owner._timers.Add(this);
                }
                return true;
            }

            public void Dispose()
            {
                lock (owner._timers) owner._timers.Remove(this);
            }

            public ValueTask DisposeAsync()
            {
                Dispose();
                return ValueTask.CompletedTask;
            }
        }
    }
}
