using SK.FasterVlm.Evaluation.Benchmarks;
using SK.FasterVlm.Evaluation.Formats;
using SK.FasterVlm.Evaluation.Running;
using SK.FasterVlm.Evaluation.Scoring;

namespace SK.FasterVlm.Evaluation.Tests.Running;

public sealed class EvaluationRunTests : IDisposable
{
    static readonly string[] s_files = ["all.jsonl", "cls-keep0.25.jsonl", "random-keep0.25.jsonl"];

    readonly TestFolder _folder = new();
    readonly string _questions;
    readonly string _labels;

    public EvaluationRunTests()
    {
        // Three images, two questions each, not side by side, so that answers are made in another order than they are asked for.
        _questions = _folder.Lines("q.jsonl", [.. Enumerable.Range(0, 6).Select(static i =>
            $$"""{"question_id": {{i}}, "image": "i{{i % 3}}.png", "text": "Question {{i}}?", "category": "c{{i % 2}}"}""")]);
        _labels = _folder.Lines("l.jsonl", [.. Enumerable.Range(0, 6).Select(static i => $$"""{"question_id": {{i}}, "label": "thing{{i % 3}}"}""")]);
        for (int i = 0; i < 3; i++) _folder.Write($"images/i{i}.png", $"thing{i}");
    }

    [Fact]
    public async Task Run_Sweep_EncodesEveryImageOnceAndAsksEverything()
    {
        var model = new ScriptedModel();

        EvaluationRunResult result = await Run(model);

        Assert.Equal(["thing0", "thing1", "thing2"], model.Encoded);
        Assert.Equal(0, model.Open);
        Assert.Equal(18, model.Asked.Count);
        Assert.Equal(s_files, Files().Select(Path.GetFileName));
        BenchmarkScore full = new JsonlBenchmark().Score(result.Configurations[0].Sheet, _labels), quarter = new JsonlBenchmark().Score(result.Configurations[1].Sheet, _labels);
        Assert.Equal((100, 0), (full.Value, quarter.Value));
        Assert.Equal(36, result.Configurations[1].Timings!.VisualTokens);
        // Answers stand in the order of the questions, whatever the order they were made in.
        Assert.Equal(["0", "1", "2", "3", "4", "5"], AnswersFile.Read(Files()[0]).Answers.Select(static a => a.Id.Text));
    }

    [Fact]
    public async Task Run_InterruptedAnywhere_GoesOnAndEndsWithTheSameBytes()
    {
        await Run(new ScriptedModel());
        byte[][] expected = [.. Files().Select(File.ReadAllBytes)];

        for (int stop = 0; stop < 18; stop++)
        {
            Directory.Delete(_folder.At("run"), recursive: true);
            await Assert.ThrowsAsync<OperationCanceledException>(() => Run(new ScriptedModel { StopAfter = stop }));
            var rest = new ScriptedModel();
            await Run(rest);

            Assert.Equal(18 - stop, rest.Asked.Count);
            Assert.Equal(expected, Files().Select(File.ReadAllBytes));
        }
    }

    [Fact]
    public async Task Run_FileCutAtAnyByte_IsRepaired()
    {
        await Run(new ScriptedModel());
        byte[] whole = await File.ReadAllBytesAsync(Files()[0], TestContext.Current.CancellationToken);

        for (int cut = 0; cut < whole.Length; cut += 37)
        {
            await File.WriteAllBytesAsync(Files()[0], whole[..cut], TestContext.Current.CancellationToken);
            var rest = new ScriptedModel();
            await Run(rest);

            Assert.Equal(whole, await File.ReadAllBytesAsync(Files()[0], TestContext.Current.CancellationToken));
            // A line that only lacks its line feed is a whole answer.
            int complete = whole[..cut].Count(static b => b == (byte)'\n') + (cut > 0 && cut < whole.Length && whole[cut] == (byte)'\n' && whole[cut - 1] != (byte)'\n' ? 1 : 0);
            Assert.Equal(6 - complete, rest.Asked.Count);
        }
    }

    [Fact]
    public async Task Run_CorruptLineInTheMiddle_IsAskedAgain()
    {
        await Run(new ScriptedModel());
        string[] lines = await File.ReadAllLinesAsync(Files()[1], TestContext.Current.CancellationToken);
        string good = lines[2];
        lines[2] = "{\"question_id\": 2, garbage";
        await File.WriteAllLinesAsync(Files()[1], lines, TestContext.Current.CancellationToken);
        var model = new ScriptedModel();

        await Run(model);

        Assert.Equal("Question 2?", model.Asked.Single().Question);
        Assert.Equal(good, (await File.ReadAllLinesAsync(Files()[1], TestContext.Current.CancellationToken))[2]);
    }

    [Fact]
    public async Task Run_Finished_AsksNothing()
    {
        await Run(new ScriptedModel());
        var model = new ScriptedModel();

        await Run(model);

        Assert.Empty(model.Asked);
        Assert.Empty(model.Encoded);
    }

    [Fact]
    public async Task Run_MoreConfigurations_AddsOnlyThose()
    {
        await Run(new ScriptedModel());
        var model = new ScriptedModel();

        await Run(model, Options() with { Configurations = EvaluationConfiguration.Sweep(["cls"], [1, 0.25, 0.1]) });

        Assert.All(model.Asked, static a => Assert.Equal("cls-keep0.1", a.Configuration));
        Assert.Equal(6, model.Asked.Count);
    }

    [Fact]
    public async Task Run_BadImages_AreReportedAndTheRestIsAsked()
    {
        _folder.Write("images/i0.png", "damaged");
        File.Delete(_folder.At("images/i1.png"));
        var model = new ScriptedModel();

        EvaluationRunResult result = await Run(model);

        Assert.Equal(["thing2"], model.Encoded);
        Assert.Equal((2, 4, 0), (result.Configurations[0].Sheet.Answered, result.Configurations[0].Sheet.Failed, result.Configurations[0].Sheet.Missing));
        Assert.Equal([("i0.png", "This is no image.", 6), ("i1.png", "i1.png is not in the image folder.", 6)], result.Failures());
        Assert.Equal(100 * 2 / 6.0, new JsonlBenchmark().Score(result.Configurations[0].Sheet, _labels).Value, 9);
    }

    [Fact]
    public async Task Run_RetryFailed_AsksOnlyTheFailed()
    {
        _folder.Write("images/i0.png", "damaged");
        await Run(new ScriptedModel());
        _folder.Write("images/i0.png", "thing0");
        ScriptedModel kept = new(), retried = new();

        await Run(kept);
        EvaluationRunResult result = await Run(retried, Options() with { RetryFailed = true });

        Assert.Empty(kept.Asked);
        Assert.Equal(["thing0"], retried.Encoded);
        Assert.Equal(6, result.Configurations[2].Sheet.Answered);
    }

    [Fact]
    public async Task Run_QuestionTooLong_FailsAlone()
    {
        _folder.Write("images/i1.png", "long");

        EvaluationRunResult result = await Run(new ScriptedModel());

        Assert.Equal(2, result.Configurations[0].Sheet.Failed);
        Assert.Contains("500 positions", result.Failures().Single().Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_PathOutsideTheFolder_IsRefused()
    {
        string questions = _folder.Lines("evil.jsonl", """{"question_id": 1, "image": "../l.jsonl", "text": "?"}""", """{"question_id": 2, "image": "i0.png", "text": "?"}""");

        EvaluationRunResult result = await Run(new ScriptedModel(), Options() with { QuestionsPath = questions });

        Assert.Contains("outside", result.Failures().Single().Reason, StringComparison.Ordinal);
        Assert.Equal(1, result.Configurations[0].Sheet.Answered);
    }

    [Fact]
    public async Task Run_WrongFolder_EndsEarly()
    {
        string questions = _folder.Lines("many.jsonl", [.. Enumerable.Range(0, 40).Select(static i => $$"""{"question_id": {{i}}, "image": "x{{i}}.png", "text": "?"}""")]);

        var e = await Assert.ThrowsAsync<EvaluationException>(() => Run(new ScriptedModel(), Options() with { QuestionsPath = questions }));
        Assert.Contains("first 20 images", e.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<EvaluationException>(() => Run(new ScriptedModel(), Options() with { ImageFolder = _folder.At("nowhere") }));
        await Assert.ThrowsAsync<EvaluationException>(() => Run(new ScriptedModel(), Options() with { ImageFolder = null }));
    }

    [Theory]
    [InlineData(40)] // ends at the 20th
    [InlineData(3)] // ends behind the last
    public async Task Run_WrongFolder_LeavesNothingThatTheNextAttemptWouldSkip(int images)
    {
        string questions = _folder.Lines("many.jsonl", [.. Enumerable.Range(0, images).Select(static i => $$"""{"question_id": {{i}}, "image": "x{{i}}.png", "text": "?"}""")]);
        await Assert.ThrowsAsync<EvaluationException>(() => Run(new ScriptedModel(), Options() with { QuestionsPath = questions }));
        Assert.All(Files(), static f => Assert.Empty(File.ReadAllBytes(f)));

        for (int i = 0; i < images; i++) _folder.Write($"right/x{i}.png", $"thing{i}");
        EvaluationRunResult result = await Run(new ScriptedModel(), Options() with { QuestionsPath = questions, ImageFolder = _folder.At("right") });

        Assert.Equal((images, 0), (result.Configurations[0].Sheet.Answered, result.Configurations[0].Sheet.Failed));
    }

    [Fact]
    public async Task Run_BadImagesBeforeTheFirstGoodOne_AreRecordedOnceOneHasWorked()
    {
        string questions = _folder.Lines("late.jsonl", [.. Enumerable.Range(0, 19).Select(static i => $$"""{"question_id": {{i}}, "image": "x{{i}}.png", "text": "?"}"""),
            """{"question_id": 19, "image": "i0.png", "text": "?"}""", """{"question_id": 20, "image": "y.png", "text": "?"}"""]);

        EvaluationRunResult result = await Run(new ScriptedModel(), Options() with { QuestionsPath = questions });

        Assert.Equal((1, 20), (result.Configurations[0].Sheet.Answered, result.Configurations[0].Sheet.Failed));
        Assert.Equal(21, AnswersFile.Read(Files()[0]).Answers.Count);
    }

    [Fact]
    public async Task Run_FolderWithASlashBehindIt_IsTheSameFolder()
    {
        EvaluationRunResult result = await Run(new ScriptedModel(), Options() with { ImageFolder = _folder.At("images") + Path.DirectorySeparatorChar });

        Assert.Equal((6, 0), (result.Configurations[0].Sheet.Answered, result.Configurations[0].Sheet.Failed));
    }

    [Fact]
    public async Task Run_TimingsCutInTheMiddleOfANumber_LoseThatLineOnly()
    {
        await Run(new ScriptedModel());
        string path = Path.Combine(_folder.At("run"), "timings.csv");
        byte[] whole = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
        // "...,20.00" cut to "...,2": five fields, and a number ten times too small.
        await File.WriteAllBytesAsync(path, whole[..^5], TestContext.Current.CancellationToken);

        EvaluationRunResult result = await Run(new ScriptedModel());

        Assert.Equal(17, result.Configurations.Sum(static c => c.Timings!.Answers));
        Assert.All(result.Configurations, static c => Assert.Equal(20, c.Timings!.TotalMs));
    }

    [Fact]
    public async Task Run_OtherModelOrQuestions_IsRefusedByName()
    {
        await Run(new ScriptedModel());
        ScriptedModel otherFile = new(), otherSetting = new(), otherVersion = new(), otherRevision = new();
        otherFile.Info = otherFile.Info with { Files = [new("model.gguf", 12, "cd34")] };
        otherSetting.Info = otherSetting.Info with { Settings = new Dictionary<string, string> { ["template"] = "chatml" } };
        otherVersion.Info = otherVersion.Info with { LibraryVersion = "0.2.0" };
        otherRevision.Info = otherRevision.Info with { LibraryRevision = "abc" };

        await Refused(otherFile, Options(), "model.files");
        await Refused(otherSetting, Options(), "model.settings.template");
        await Refused(otherVersion, Options(), "library");
        await Refused(otherRevision, Options(), "revision");
        await Refused(new ScriptedModel(), Options() with { Limit = 2 }, "questions.asked");
        await Refused(new ScriptedModel(), Options() with { MaxOutputTokens = 5 }, "max_output_tokens");
        _folder.Write("q.jsonl", await File.ReadAllTextAsync(_questions, TestContext.Current.CancellationToken) + "\n");
        await Refused(new ScriptedModel(), Options(), "questions.sha256");

        async Task Refused(ScriptedModel model, EvaluationRunOptions options, string field)
        {
            var e = await Assert.ThrowsAsync<EvaluationException>(() => Run(model, options));
            Assert.Contains(field, e.Message, StringComparison.Ordinal);
            Assert.Empty(model.Asked);
        }
    }

    [Fact]
    public async Task Run_SameDirectoryTwiceAtOnce_IsRefused()
    {
        var gate = new TaskCompletionSource();
        var slow = new ScriptedModel();
        slow.Answer = (content, _) =>
        {
            var e = Assert.ThrowsAsync<EvaluationException>(() => Run(new ScriptedModel()));
            Assert.True(e.IsCompleted);
            gate.TrySetResult();
            return content;
        };

        await Run(slow);

        Assert.True(gate.Task.IsCompleted);
    }

    [Fact]
    public async Task Run_Limit_TakesWholeImagesSpreadOverTheFile()
    {
        var model = new ScriptedModel();

        EvaluationRunResult result = await Run(model, Options() with { Limit = 4 });

        Assert.Equal(["thing0", "thing1"], model.Encoded);
        Assert.Equal(4, result.Configurations[0].Sheet.Asked);
        Assert.Equal(100, new JsonlBenchmark().Score(result.Configurations[0].Sheet, _labels).Value);
    }

    [Fact]
    public async Task Run_Progress_CountsAndEstimates()
    {
        var clock = new SteppingClock();
        var seen = new List<EvaluationProgress>();

        await Run(new ScriptedModel(), Options() with { Clock = clock }, new Direct(seen.Add));

        Assert.Equal(18, seen.Count);
        Assert.Equal(Enumerable.Range(1, 18), seen.Select(static p => p.Done));
        Assert.All(seen, static p => Assert.Equal(18, p.Total));
        // The clock steps a second per answer: with n done, 18 - n seconds remain.
        Assert.Equal(TimeSpan.FromSeconds(12), seen[5].Remaining);
        Assert.Equal(TimeSpan.Zero, seen[^1].Remaining);
    }

    [Fact]
    public async Task Run_RandomSeeds_DifferByImageAndBySeedButNotByRun()
    {
        IReadOnlyList<EvaluationConfiguration> sweep = EvaluationConfiguration.Sweep(["random"], [0.25], [1, 2]);
        ScriptedModel first = new(), second = new();

        await Run(first, Options() with { Configurations = sweep });
        Directory.Delete(_folder.At("run"), recursive: true);
        await Run(second, Options() with { Configurations = sweep });

        Assert.Equal(first.Asked, second.Asked);
        Assert.Equal(6, first.Asked.Select(static a => a.Seed).Distinct().Count());
        Assert.All(first.Asked, static a => Assert.True(a.Seed >= 0));
    }

    [Fact]
    public void Sweep_Lists_OrderAndFoldTheFullBudget()
    {
        IReadOnlyList<EvaluationConfiguration> sweep = EvaluationConfiguration.Sweep(["cls", "random"], [0.1, 1, 0.25], [1, 2]);

        Assert.Equal(["all", "cls-keep0.25", "random-keep0.25-seed1", "random-keep0.25-seed2", "cls-keep0.1", "random-keep0.1-seed1", "random-keep0.1-seed2"],
            sweep.Select(static c => c.Name));
        Assert.Throws<ArgumentException>(() => EvaluationConfiguration.Sweep([], [1]));
        Assert.Throws<ArgumentException>(() => EvaluationConfiguration.Sweep(["cls"], [1.5]));
        Assert.Throws<ArgumentException>(() => EvaluationConfiguration.Sweep(["cls"], [double.NaN]));
    }

    EvaluationRunOptions Options() => new()
    {
        Benchmark = new JsonlBenchmark(),
        QuestionsPath = _questions,
        ImageFolder = _folder.At("images"),
        Directory = _folder.At("run"),
        Configurations = EvaluationConfiguration.Sweep(["cls", "random"], [1, 0.25]),
    };

    Task<EvaluationRunResult> Run(ScriptedModel model, EvaluationRunOptions? options = null, IProgress<EvaluationProgress>? progress = null) =>
        new EvaluationRun(options ?? Options(), model).RunAsync(progress, TestContext.Current.CancellationToken);

    string[] Files() => [.. s_files.Select(name => Path.Combine(_folder.At("run"), "answers", name))];

    public void Dispose() => _folder.Dispose();

    /// <summary>Reports at once, where Progress posts to the thread pool.</summary>
    sealed class Direct(Action<EvaluationProgress> report) : IProgress<EvaluationProgress>
    {
        public void Report(EvaluationProgress value) => report(value);
    }

    /// <summary>A second passes whenever somebody looks.</summary>
    sealed class SteppingClock : TimeProvider
    {
        long _seconds;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => _seconds++;
    }
}
