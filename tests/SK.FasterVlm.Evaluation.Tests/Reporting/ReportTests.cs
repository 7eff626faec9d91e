using System.Globalization;
using System.Text.Json;
using SK.FasterVlm.Evaluation.Benchmarks;
using SK.FasterVlm.Evaluation.Reporting;
using SK.FasterVlm.Evaluation.Running;
using SK.FasterVlm.Evaluation.Tests.Running;

namespace SK.FasterVlm.Evaluation.Tests.Reporting;

public sealed class ReportTests : IDisposable
{
    readonly TestFolder _folder = new();

    [Fact]
    public async Task Create_Sweep_HasRowsRatiosAndComparisons()
    {
        EvaluationReport report = await Report();

        Assert.Equal([("all", 1.0), ("cls", 0.25), ("random", 0.25), ("cls", 0.1), ("random", 0.1)], report.Rows.Select(static r => (r.Selector, r.Keep)));
        Assert.Equal([100, 90, 55, 80, 25], report.Rows.Select(static r => r.Score!.Value));
        Assert.Equal([100, 90, 55, 80, 25], report.Rows.Select(static r => r.Relative!.Value));
        // Seed 1 answers 60 %, seed 2 50 %; the row is their mean.
        Assert.Equal([60, 50], report.Rows[2].SeedValues);
        Comparison quarter = report.Comparisons.Single(static c => c.Keep == 0.25);
        Assert.Equal(("cls", "random", 35.0), (quarter.First, quarter.Second, Math.Round(quarter.Difference, 6)));
        Assert.True(quarter.Interval.Low > 0 && quarter.Interval.High < 70);
        Assert.InRange(report.Rows[2].Score!.Value, report.Rows[2].Score!.Interval.Low, report.Rows[2].Score!.Interval.High);
        Assert.Equal(36, report.Rows[1].Timings!.VisualTokens);
        Assert.Equal("Wilson", report.Rows[1].Score!.Interval.Method); // one question per image
        Assert.StartsWith("# Scenes: scripted", MarkdownReport.Render(report with { Title = "Scenes" }), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Markdown_Report_SaysWhatWasMeasured()
    {
        string text = MarkdownReport.Render(await Report());

        foreach (string part in new[]
        {
            "# JSON lines: scripted", "| all | 100 % | 144 | 100.00 |", "| cls | 25 % | 36 | 90.00 |", "random (mean of 2 seeds)", "cls − random", "cls is better",
            "SK.FasterVlm 0.1.0", "`model.gguf`", "`ab12`", "template: vicuna_v1", "20 of 20 asked", "labels: `l.jsonl`, SHA-256", "greedy", "even", "odd", "held-out", "1 (60.00), 2 (50.00)", "bootstrap",
        }) Assert.Contains(part, text, StringComparison.Ordinal);
        Assert.DoesNotContain(_folder.Root, text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Markdown_OtherCulture_WritesTheSame()
    {
        EvaluationReport report = await Report();
        string expected = MarkdownReport.Render(report), json = JsonReport.Render(report);
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            var odd = (CultureInfo)CultureInfo.InvariantCulture.Clone();
            (odd.NumberFormat.NumberDecimalSeparator, odd.NumberFormat.NegativeSign) = (",", "~");
            CultureInfo.CurrentCulture = odd;
            Assert.Equal(expected, MarkdownReport.Render(report));
            Assert.Equal(json, JsonReport.Render(report));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public async Task Write_Run_LeavesReadableFiles()
    {
        IReadOnlyList<string> files = ReportFiles.Write(await Report(), _folder.At("out"));

        using JsonDocument json = JsonDocument.Parse(await File.ReadAllTextAsync(_folder.At("out/report.json"), TestContext.Current.CancellationToken));
        Assert.Equal(5, json.RootElement.GetProperty("rows").GetArrayLength());
        Assert.Equal(90, json.RootElement.GetProperty("rows")[1].GetProperty("value").GetDouble());
        Assert.Equal("ab12", json.RootElement.GetProperty("run").GetProperty("model").GetProperty("files")[0].GetProperty("sha256").GetString());
        Assert.All(files, static f => Assert.True(File.Exists(f)));
        if (!ChartWriter.CanWriteText) Assert.Skip("This machine has no font, so there is no chart.");
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], (await File.ReadAllBytesAsync(_folder.At("out/chart.png"), TestContext.Current.CancellationToken))[..4]);
        Assert.Contains("<svg", await File.ReadAllTextAsync(_folder.At("out/chart.svg"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Write_Twice_GivesTheSameBytes()
    {
        EvaluationReport report = await Report();
        ReportFiles.Write(report, _folder.At("a"));
        ReportFiles.Write(report, _folder.At("b"));

        foreach (string path in Directory.GetFiles(_folder.At("a")))
            Assert.Equal(await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken),
                await File.ReadAllBytesAsync(Path.Combine(_folder.At("b"), Path.GetFileName(path)), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Create_Failures_AreListed()
    {
        _folder.Write("images/3.png", "damaged");

        EvaluationReport report = await Report(keepImages: true);

        Assert.Contains("`3.png`: This is no image.", MarkdownReport.Render(report), StringComparison.Ordinal);
        Assert.Equal(1, report.Rows[0].Failed);
        Assert.Equal(95, report.Rows[0].Score!.Value);
    }

    [Fact]
    public async Task Create_WithoutLabels_StillReportsTheRunAndWritesUploads()
    {
        string questions = _folder.Lines("gqa.jsonl", """{"question_id": "1", "image": "0.png", "text": "What?"}""");
        _folder.Write("images/0.png", "Thing.");
        EvaluationRunResult run = await new EvaluationRun(new()
        {
            Benchmark = new GqaBenchmark(),
            QuestionsPath = questions,
            ImageFolder = _folder.At("images"),
            Directory = _folder.At("gqa-run"),
            Configurations = EvaluationConfiguration.Sweep(["cls"], [1]),
        }, new ScriptedModel()).RunAsync(cancellationToken: TestContext.Current.CancellationToken);

        EvaluationReport report = EvaluationReport.Create(run, questions, null);
        ReportFiles.Write(report, _folder.At("gqa-run"));

        Assert.Null(report.Rows[0].Score);
        Assert.Contains("| all | 100 % | 144 | – |", MarkdownReport.Render(report), StringComparison.Ordinal);
        Assert.Contains("published*: FasterVLM, LLaVA-1.5-7B | 25 % | 144 | 58.34 | – | 94.2 % |", MarkdownReport.Render(report), StringComparison.Ordinal);
        Assert.Equal("""[{"questionId":"1","prediction":"thing"}]""", await File.ReadAllTextAsync(_folder.At("gqa-run/upload/all.json"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Summary_TwoBenchmarks_HasBothAggregates()
    {
        string[] runs = [await Fake("pope", "abc", (1, 80), (0.25, 60)), await Fake("mme", "abc", (1, 1600), (0.25, 1400))];

        EvaluationSummary summary = EvaluationSummary.Read(runs);

        Assert.Equal(["pope", "mme"], summary.Benchmarks);
        Assert.Equal(100 * (0.75 + 0.875) / 2, summary.Rows[1].MeanOfRatios!.Value, 9);
        Assert.Equal(100.0 * (60 + 70) / (80 + 80), summary.Rows[1].RatioOfMeans!.Value, 9);
        string text = summary.ToMarkdown();
        Assert.Contains("| cls | 25 % | 60.00 | 1400.00 | 81.25 % | 81.25 % |", text, StringComparison.Ordinal);
        Assert.Contains("*published*: FasterVLM, LLaVA-1.5-7B | 25 % | 83.46 | 1433.76 |", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Summary_UnlikeRuns_AreRefusedByName()
    {
        const string Questions = """ "questions": {"file": "a", "sha256": "1", "asked": 10} """, Fewer = """ "questions": {"file": "b", "sha256": "1", "asked": 5} """;
        string[] settings = [await Fake("pope", "s1", """ "library": "0.1.0" """, "", (1, 80)), await Fake("mme", "s2", """ "library": "0.2.0" """, "", (1, 1600))];
        string[] asked = [await Fake("pope", "q1", Questions, "", (1, 80)), await Fake("pope", "q2", Fewer, "", (0.25, 60))];
        string[] same = [asked[0], await Fake("pope", "q3", Questions, "", (0.25, 60))];

        Assert.Contains("library", Assert.Throws<EvaluationException>(() => EvaluationSummary.Read(settings)).Message, StringComparison.Ordinal);
        Assert.Contains("questions.asked", Assert.Throws<EvaluationException>(() => EvaluationSummary.Read(asked)).Message, StringComparison.Ordinal);
        Assert.Equal(75, EvaluationSummary.Read(same).Rows[1].MeanOfRatios!.Value, 9);
    }

    [Fact]
    public async Task Summary_AnotherProtocol_StandsWithoutPublishedRows()
    {
        string run = await Fake("mmbench", "p", "", """ "differs_from_published": "asked once", """, (1, 60), (0.25, 50));

        string text = EvaluationSummary.Read([run]).ToMarkdown();

        Assert.DoesNotContain("*published*", text, StringComparison.Ordinal);
        Assert.Contains("No published rows", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_SeveralSeeds_TakesAllTheirTimes()
    {
        EvaluationReport report = await Report(time: static c => c.Seed == 2 ? 30 : 10);

        Assert.Equal(20, report.Rows[2].Timings!.FirstTokenMs);
        Assert.Equal(40, report.Rows[2].Timings!.Answers);
    }

    [Fact]
    public async Task Chart_Sweep_DrawsALinePerSelectorAndThePublishedOne()
    {
        if (!ChartWriter.CanWriteText) Assert.Skip("This machine has no font, so there is no chart.");
        EvaluationReport report = await Report();
        EvaluationReport pope = report with { Run = report.Run with { Benchmark = new PopeBenchmark() }, Published = PublishedResults.For("pope") };

        using ScottPlot.Plot plain = ChartWriter.Draw(report)!, published = ChartWriter.Draw(pope)!;

        Assert.Equal(["[CLS] attention (FasterVLM)", "random"], Lines(plain).Select(static s => s.LegendText));
        Assert.Equal([80.0, 90, 100], Lines(plain)[0].Data.GetScatterPoints().Select(static p => p.Y));
        Assert.Equal([25.0, 55, 100], Lines(plain)[1].Data.GetScatterPoints().Select(static p => p.Y));
        Assert.Equal(100, plain.GetPlottables<ScottPlot.Plottables.HorizontalLine>().Single().Y);
        Assert.Equal(["published: FasterVLM, LLaVA-1.5-7B", "published: FasterVLM, LLaVA-NeXT-7B"], Lines(published).Skip(2).Select(static s => s.LegendText));
        Assert.Equal([67.24, 75.85, 83.46, 86.20, 85.92, 85.88], Lines(published)[2].Data.GetScatterPoints().Select(static p => p.Y));

        static ScottPlot.Plottables.Scatter[] Lines(ScottPlot.Plot plot) => [.. plot.GetPlottables<ScottPlot.Plottables.Scatter>()];
    }

    [Fact]
    public async Task CompactTable_Report_IsTheSameFromItsJson()
    {
        EvaluationReport report = await Report();
        string json = _folder.Write("report.json", JsonReport.Render(report));

        string table = CompactTable.Render(report);

        Assert.Equal(table, CompactTable.Render(json));
        Assert.StartsWith("| visual tokens kept | [CLS] attention | random |\n| --- | ---: | ---: |\n| 144 (all) | 100.0 (", table, StringComparison.Ordinal);
        Assert.Contains("\n| 36 (25 %) | 90.0 (", table, StringComparison.Ordinal);
        Assert.Contains(table, MarkdownReport.Render(report), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_Labels_AreNamedWithTheirHash()
    {
        EvaluationReport report = await Report();
        string expected = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(await File.ReadAllBytesAsync(_folder.At("l.jsonl"), TestContext.Current.CancellationToken)));

        string text = MarkdownReport.Render(report with { MeasuredOn = "2 threads of a machine" });

        Assert.Contains($"labels: `l.jsonl`, SHA-256 `{expected}`", text, StringComparison.Ordinal);
        Assert.Contains("encoded already; 2 threads of a machine", text, StringComparison.Ordinal);
        // A folder's is that of its label files; what else lies there does not matter.
        _folder.Write("labels/t/a.txt", "x");
        string before = LabelFiles.Sha256(_folder.At("labels"));
        _folder.Write("labels/t/a.jpg", "x");
        Assert.Equal(before, LabelFiles.Sha256(_folder.At("labels")));
        _folder.Write("labels/t/b.txt", "x");
        Assert.NotEqual(before, LabelFiles.Sha256(_folder.At("labels")));
    }

    [Fact]
    public async Task CheckLabels_LabelsOfOtherQuestions_AreRefusedWithoutARun()
    {
        await Report();
        EvaluationRunOptions options = new()
        {
            Benchmark = new JsonlBenchmark(),
            QuestionsPath = _folder.At("q.jsonl"),
            Directory = _folder.At("never"),
            Configurations = EvaluationConfiguration.Sweep(["cls"], [1]),
        };

        EvaluationReport.CheckLabels(options, _folder.At("l.jsonl"));
        Assert.Throws<EvaluationException>(() => EvaluationReport.CheckLabels(options, _folder.Lines("other.jsonl", """{"question_id": 99, "label": "x"}""")));
        Assert.False(Directory.Exists(_folder.At("never")));
    }

    [Fact]
    public async Task Summary_DifferentModels_IsRefused()
    {
        string[] runs = [await Fake("pope", "abc", (1, 80)), await Fake("mme", "def", (1, 1600))];
        Assert.Throws<EvaluationException>(() => EvaluationSummary.Read(runs));
    }

    // 20 questions about 20 images; cls answers 18 and 16 of them, random 12 or 10 and 5.
    async Task<EvaluationReport> Report(bool keepImages = false, Func<EvaluationConfiguration, double>? time = null)
    {
        string questions = _folder.Lines("q.jsonl", [.. Enumerable.Range(0, 20).Select(static i =>
            $$"""{"question_id": {{i}}, "image": "{{i}}.png", "text": "What?", "category": "{{(i % 2 == 0 ? "even" : "odd")}}"}""")]);
        string labels = _folder.Lines("l.jsonl", [.. Enumerable.Range(0, 20).Select(static i => $$"""{"question_id": {{i}}, "label": "{{i}}", "split": "{{(i < 15 ? "seen" : "held-out")}}"}""")]);
        for (int i = 0; i < 20; i++)
            if (!keepImages || !File.Exists(_folder.At($"images/{i}.png"))) _folder.Write($"images/{i}.png", i.ToString(CultureInfo.InvariantCulture));
        var model = new ScriptedModel
        {
            Answer = static (content, c) => int.Parse(content, CultureInfo.InvariantCulture) < (c.Name switch
            {
                "all" => 20,
                "cls-keep0.25" => 18,
                "cls-keep0.1" => 16,
                "random-keep0.25-seed1" => 12,
                "random-keep0.25-seed2" => 10,
                _ => 5,
            }) ? content : "wrong",
        };
        if (time is not null) model.FirstTokenMs = time;
        EvaluationRunResult run = await new EvaluationRun(new()
        {
            Benchmark = new JsonlBenchmark(),
            QuestionsPath = questions,
            ImageFolder = _folder.At("images"),
            Directory = _folder.At("run"),
            Configurations = EvaluationConfiguration.Sweep(["cls", "random"], [1, 0.25, 0.1], [1, 2]),
        }, model).RunAsync(cancellationToken: TestContext.Current.CancellationToken);
        return EvaluationReport.Create(run, questions, labels);
    }

    Task<string> Fake(string benchmark, string hash, params (double Keep, double Value)[] rows) => Fake(benchmark, hash, hash, "", "", rows);

    // Of one model, with further facts of the run and of the report.
    Task<string> Fake(string benchmark, string folder, string run, string report, params (double Keep, double Value)[] rows) =>
        Fake(benchmark, "abc", folder, run, report, rows);

    Task<string> Fake(string benchmark, string hash, string folder, string run, string report, (double Keep, double Value)[] rows)
    {
        string list = string.Join(",", rows.Select(static r => string.Create(CultureInfo.InvariantCulture, $$"""{"selector": "{{(r.Keep == 1 ? "all" : "cls")}}", "keep": {{r.Keep}}, "value": {{r.Value}}}""")));
        string more = run.Length > 0 ? run + "," : "";
        _folder.Write($"{benchmark}-{folder}/report.json",
            $$"""{"run": { {{more}} "benchmark": "{{benchmark}}", "model": {"name": "m", "files": [{"sha256": "{{hash}}"}] } }, {{report}} "rows": [{{list}}]}""");
        return Task.FromResult(_folder.At($"{benchmark}-{folder}"));
    }

    public void Dispose() => _folder.Dispose();
}
