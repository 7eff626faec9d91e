using System.Text.Json;
using SK.FasterVlm.Cli.Commands;
using SK.FasterVlm.Evaluation.Benchmarks;
using SK.FasterVlm.Evaluation.Running;

namespace SK.FasterVlm.Cli.Tests;

/// <summary><c>eval</c> on the shipped model and its held-out questions, as the README runs it.</summary>
public sealed class EvalRunTests : IDisposable
{
    readonly TemporaryDirectory _folder = new();

    [Fact]
    public async Task A_run_writes_answers_and_report_goes_on_and_can_be_summed_up()
    {
        string output = _folder.At("run");
        string[] line = Line(output, "24", "--keep", "1,0.25", "--selector", "cls,random", "--precision", "f16", "--title", "A few scenes");
        CliRun run = await CliRun.InProcessAsync(line);
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Contains("| all | 100 % | 144 |", run.Output, StringComparison.Ordinal);
        Assert.Contains("| cls | 25 % | 36 |", run.Output, StringComparison.Ordinal);

        string markdown = await ReadAsync(output, "report.md");
        foreach (string part in new[] { "# A few scenes: ", "| visual tokens kept | [CLS] attention | random |", "F16 on CPU", "labels: `labels.jsonl`, SHA-256", "1 thread of ", "flash attention: ", "views: auto" })
            Assert.Contains(part, markdown, StringComparison.Ordinal);
        string answers = await ReadAsync(output, "answers/cls-keep0.25.jsonl");
        int asked = Rows(await ReadAsync(output, "report.json"))[0].GetProperty("questions").GetInt32();
        Assert.InRange(asked, 12, 40);
        Assert.Equal(asked, answers.Count(static c => c == '\n'));

        CliRun again = await CliRun.InProcessAsync(line);
        Assert.True(again.ExitCode == 0, again.Error);
        Assert.Equal(answers, await ReadAsync(output, "answers/cls-keep0.25.jsonl"));
        Assert.Equal(markdown, await ReadAsync(output, "report.md"));

        CliRun summary = await CliRun.InProcessAsync("eval", "summary", output);
        Assert.True(summary.ExitCode == 0, summary.Error);
        Assert.Contains("| cls | 25 % |", summary.Output, StringComparison.Ordinal);
        Assert.Contains("mean of ratios", summary.Output, StringComparison.Ordinal);
    }

    // On 40 of the 300 pictures. docs/eval/report.md has 81.6 for all tokens, 80.0 for [CLS] attention at 25 %, and 9.8 points (8.2 to 11.4)
    // over random there. The pictures are always the same; that they are few moves these by 2 or 3 points, another processor's rounding by less.
    [Fact]
    public async Task The_shipped_model_answers_as_well_as_reported_and_CLS_attention_beats_chance()
    {
        string output = _folder.At("quality");
        CliRun run = await CliRun.InProcessAsync(Line(output, "290", "--keep", "1,0.25", "--selector", "cls,random"));
        Assert.True(run.ExitCode == 0, run.Error);
        JsonElement[] rows = Rows(await ReadAsync(output, "report.json"));
        double all = Value("all"), cls = Value("cls"), random = Value("random");
        string found = $"all {all:F2}, cls {cls:F2}, random {random:F2}";
        Assert.True(all >= 76, found);
        Assert.True(cls >= 74, found);
        Assert.True(cls - random >= 4, found);

        double Value(string selector) => rows.Single(r => r.GetProperty("selector").GetString() == selector).GetProperty("value").GetDouble();
    }

    [Fact]
    public async Task Labels_of_other_questions_are_refused_before_the_run()
    {
        string labels = _folder.Write("other.jsonl", """{"question_id": 999999, "label": "x"}"""u8.ToArray());
        string[] line = Line(_folder.At("never"), "10");
        line[Array.IndexOf(line, "-l") + 1] = labels;

        CliRun run = await CliRun.InProcessAsync(line);

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("no label", run.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder.At("never")));
    }

    [Theory]
    [InlineData("0.03:04:05", "03:04:05 left")]
    [InlineData("2.01:02:03", "49:02:03 left")]
    public void The_remaining_time_counts_hours_beyond_a_day(string remaining, string expected) =>
        Assert.EndsWith(expected, EvalCommand.Title(BenchmarkCatalog.Find("gqa"), new EvaluationProgress(
            1, 2, 0, "x", TimeSpan.Zero, TimeSpan.Parse(remaining, System.Globalization.CultureInfo.InvariantCulture))), StringComparison.Ordinal);

    static string[] Line(string output, string limit, params string[] more) =>
    [
        "eval", "jsonl", "-t", "1", "-q", EmbeddedModel.At("eval", "questions.jsonl"), "--images", EmbeddedModel.At("eval", "images") + Path.DirectorySeparatorChar,
        "-l", EmbeddedModel.At("eval", "labels.jsonl"), "--limit", limit, "-o", output, .. more,
    ];

    static async Task<string> ReadAsync(string folder, string name) => await File.ReadAllTextAsync(Path.Combine(folder, name), TestContext.Current.CancellationToken);

    static JsonElement[] Rows(string json) => [.. JsonDocument.Parse(json).RootElement.GetProperty("rows").EnumerateArray()];

    public void Dispose() => _folder.Dispose();
}
