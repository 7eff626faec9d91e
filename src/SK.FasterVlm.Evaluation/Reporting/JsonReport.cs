using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using SK.FasterVlm.Evaluation.Scoring;
using SK.FasterVlm.Evaluation.Statistics;

namespace SK.FasterVlm.Evaluation.Reporting;

/// <summary>Reports for programs.</summary>
public static class JsonReport
{
    static readonly JsonSerializerOptions s_options = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Renders a report; <see cref="EvaluationSummary"/> reads it back.</summary>
    public static string Render(EvaluationReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        BenchmarkScore? any = report.Rows.FirstOrDefault(static r => r.Score is not null)?.Score;
        var root = new JsonObject
        {
            ["run"] = report.Run.Manifest.DeepClone(),
            ["labels"] = report.Labels,
            ["labels_sha256"] = report.LabelsSha256,
            ["measured_on"] = report.MeasuredOn,
            ["metric"] = any?.Metric,
            ["unit"] = any?.Unit,
            ["bootstrap"] = new JsonObject { ["resamples"] = Bootstrap.DefaultResamples, ["seed"] = Bootstrap.DefaultSeed },
            ["blind"] = any?.Blind is null ? null : new JsonObject(any.Blind.Select(static b => KeyValuePair.Create(b.Key, (JsonNode?)b.Value))),
            ["rows"] = new JsonArray([.. report.Rows.Select(Row)]),
            ["comparisons"] = new JsonArray([.. report.Comparisons.Select(static c => new JsonObject
            {
                ["keep"] = c.Keep, ["first"] = c.First, ["second"] = c.Second, ["difference"] = c.Difference, ["interval"] = Interval(c.Interval),
            })]),
            ["failures"] = new JsonArray([.. report.Run.Failures().Select(static f => new JsonObject { ["image"] = f.Image, ["reason"] = f.Reason, ["answers"] = f.Count })]),
            ["differs_from_published"] = report.DiffersFromPublished,
            ["published"] = new JsonArray([.. report.Published.Select(row => new JsonObject
            {
                ["source"] = PublishedResults.Source, ["model"] = row.Model, ["visual_tokens"] = row.Tokens, ["keep"] = row.Keep,
                ["value"] = row.Values[report.Run.Benchmark.Name],
            })]),
        };
        return root.ToJsonString(s_options) + "\n";
    }

    /// <summary>The score of one answers file.</summary>
    public static JsonObject Score(BenchmarkScore score)
    {
        ArgumentNullException.ThrowIfNull(score);
        return new()
        {
            ["benchmark"] = score.Benchmark,
            ["metric"] = score.Metric,
            ["value"] = Finite(score.Value),
            ["unit"] = score.Unit,
            ["interval"] = Interval(score.Interval),
            ["questions"] = score.Questions,
            ["answered"] = score.Answered,
            ["failed"] = score.Failed,
            ["missing"] = score.Missing,
            ["corrupt_lines"] = score.CorruptLines,
            ["unmatched"] = score.Unmatched,
            ["measures"] = Measures(score),
        };
    }

    static JsonObject Row(ReportRow row) => new()
    {
        ["selector"] = row.Selector,
        ["keep"] = row.Keep,
        ["seeds"] = new JsonArray([.. row.Seeds.Select(static s => JsonValue.Create(s))]),
        ["seed_values"] = new JsonArray([.. row.SeedValues.Select(Finite)]),
        ["value"] = row.Score is null ? null : Finite(row.Score.Value),
        ["interval"] = row.Score is null ? null : Interval(row.Score.Interval),
        ["relative"] = row.Relative is double relative ? Finite(relative) : null,
        ["visual_tokens"] = row.Timings?.VisualTokens,
        ["visual_tokens_total"] = row.Timings?.VisualTokensTotal,
        ["first_token_ms"] = row.Timings?.FirstTokenMs,
        ["total_ms"] = row.Timings?.TotalMs,
        ["questions"] = row.Questions,
        ["answered"] = row.Answered,
        ["failed"] = row.Failed,
        ["measures"] = row.Score is null ? null : Measures(row.Score),
    };

    static JsonArray Measures(BenchmarkScore score) => new([.. score.Measures.Select(static m => new JsonObject
    {
        ["name"] = m.Name, ["value"] = Finite(m.Value), ["unit"] = m.Unit, ["count"] = m.Count, ["interval"] = m.Interval is { } i ? Interval(i) : null,
    })]);

    static JsonObject Interval(ConfidenceInterval interval) => new() { ["low"] = Finite(interval.Low), ["high"] = Finite(interval.High), ["method"] = interval.Method };

    // JSON has no word for "not a number".
    static JsonNode? Finite(double value) => double.IsFinite(value) ? JsonValue.Create(value) : null;
}
