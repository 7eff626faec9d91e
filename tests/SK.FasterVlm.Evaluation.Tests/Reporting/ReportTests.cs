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
            "SK.FasterVlm 0.1.0", "`model.gguf`", "`ab12`", "template: vicuna_v1", "20 of 20 asked", "labels: `l.jsonl`", "greedy", "even", "odd", "held-out", "1 (60.00), 2 (50.00)", "bootstrap",
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
    public async Task Summary_DifferentModels_IsRefused()
    {
        string[] runs = [await Fake("pope", "abc", (1, 80)), await Fake("mme", "def", (1, 1600))];
        Assert.Throws<EvaluationException>(() => EvaluationSummary.Read(runs));
    }

    // 20 questions about 20 images; cls answers 18 and 16 of them, random 12 or 10 and 5.
    async Task<EvaluationReport> Report(bool keepImages = false)
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

    Task<string> Fake(string benchmark, string hash, params (double Keep, double Value)[] rows)
    {
        string list = string.Join(",", rows.Select(static r => string.Create(CultureInfo.InvariantCulture, $$"""{"selector": "{{(r.Keep == 1 ? "all" : "cls")}}", "keep": {{r.Keep}}, "value": {{r.Value}}}""")));
        _folder.Write($"{benchmark}-{hash}/report.json",
            $$"""{"run": {"benchmark": "{{benchmark}}", "model": {"name": "m", "files": [{"sha256": "{{hash}}"}] } }, "rows": [{{list}}]}""");
        return Task.FromResult(_folder.At($"{benchmark}-{hash}"));
    }

    public void Dispose() => _folder.Dispose();
}
