using System.Text;
using System.Text.Json.Nodes;
using SK.FasterVlm.Evaluation.Running;
using SK.FasterVlm.Evaluation.Scoring;
using static SK.FasterVlm.Evaluation.Reporting.ReportText;

namespace SK.FasterVlm.Evaluation.Reporting;

/// <summary>The report for people: one table, then what stands behind it.</summary>
public static class MarkdownReport
{
    /// <summary>Renders a report.</summary>
    public static string Render(EvaluationReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var text = new StringBuilder();
        text.Append("# ").Append(report.Title).Append(": ").Append(report.Run.Model.Name).Append("\n\n");
        text.Append(Table(report));
        if (CompactTable.Render(report) is { Length: > 0 } compact) text.Append("\n## In short\n\n").Append(compact);
        Comparisons(text, report);
        Categories(text, report);
        Failures(text, report);
        Facts(text, report);
        return text.ToString();
    }

    /// <summary>Only the main table, for a README.</summary>
    public static string Table(EvaluationReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        BenchmarkScore? any = report.Rows.FirstOrDefault(static r => r.Score is not null)?.Score;
        string metric = any is null ? "score" : $"{any.Metric} ({any.Unit})";
        var text = new StringBuilder();
        text.Append("| selector | kept | visual tokens | ").Append(metric).Append(" | 95 % interval | of full | first token (ms) |\n");
        text.Append("|---|--:|--:|--:|--:|--:|--:|\n");
        foreach (ReportRow row in report.Rows)
            text.Append($"| {Selector(row)} | {Share(row.Keep)} | {Number(row.Timings?.VisualTokens, 0)} | {Number(row.Score?.Value)} | {Interval(row.Score?.Interval)} | {Percent(row.Relative)} | {Number(row.Timings?.FirstTokenMs, 1)} |\n");
        foreach (PublishedRow row in report.Published)
        {
            double full = report.Published.First(r => r.Model == row.Model).Values[report.Run.Benchmark.Name], value = row.Values[report.Run.Benchmark.Name];
            text.Append($"| *published*: FasterVLM, {row.Model} | {Share(Math.Round(row.Keep, 2))} | {row.Tokens} | {Number(value)} | – | {Percent(100 * value / full)} | – |\n");
        }
        if (report.Published.Count > 0)
            text.Append($"\n*published*: numbers of the authors ({PublishedResults.Source}), another engine and model; not measured here.\n");
        if (report.DiffersFromPublished is string reason) text.Append($"\nNo published numbers beside these: {reason}.\n");
        return text.ToString();
    }

    static void Comparisons(StringBuilder text, EvaluationReport report)
    {
        if (report.Comparisons.Count == 0) return;
        text.Append("\n## Selectors compared on the same questions\n\nThe interval is of the difference; the two differ when it leaves out 0.\n\n");
        text.Append("| kept | | difference | 95 % interval | |\n|--:|---|--:|--:|---|\n");
        foreach (Comparison c in report.Comparisons)
            text.Append($"| {Share(c.Keep)} | {c.First} − {c.Second} | {Signed(c.Difference)} | {Signed(c.Interval.Low)} to {Signed(c.Interval.High)} | {Verdict(c)} |\n");
    }

    static void Categories(StringBuilder text, EvaluationReport report)
    {
        ReportRow[] rows = [.. report.Rows.Where(static r => r.Score is { Measures.Count: > 0 })];
        if (rows.Length == 0) return;
        // Measures in columns read best when they are few; benchmarks with many have them in rows.
        IReadOnlyList<Measure> names = rows[0].Score!.Measures;
        IReadOnlyDictionary<string, double>? blind = rows[0].Score!.Blind;
        text.Append("\n## By category\n\n| | n |").Append(blind is null ? "" : " blind |").Append(string.Concat(rows.Select(static r => $" {r.Selector} {Share(r.Keep)} |"))).Append("\n|---|--:|").Append(blind is null ? "" : "--:|")
            .Append(string.Concat(rows.Select(static _ => "--:|"))).Append('\n');
        foreach (Measure m in names)
            text.Append($"| {m.Name} ({m.Unit}) | {m.Count} |").Append(blind is null ? "" : $" {Number(blind.TryGetValue(m.Name, out double b) ? b : null)} |").Append(string.Concat(rows.Select(r => $" {Number(r.Score!.Measures.FirstOrDefault(x => x.Name == m.Name)?.Value)} |"))).Append('\n');
        if (blind is not null) text.Append("\nblind: what always giving the commonest right answer to a question of the same form would score, without a look at any picture"
            + (blind.TryGetValue(Benchmarks.JsonlBenchmark.Overall, out double overall) ? $" ({Number(overall)} over all questions).\n" : ".\n"));
    }

    static void Failures(StringBuilder text, EvaluationReport report)
    {
        var failures = report.Run.Failures();
        int missing = report.Rows.Sum(static r => r.Questions * r.Seeds.Count - r.Answered - r.Failed);
        if (failures.Count == 0 && missing == 0) return;
        text.Append("\n## Not answered\n\nCounted as wrong.\n\n");
        if (missing > 0) text.Append($"- {Count(missing)} questions were not asked to the end.\n");
        foreach ((string image, string reason, int count) in failures.Take(50)) text.Append($"- `{image}`: {reason} ({count} answers)\n");
        if (failures.Count > 50) text.Append($"- and {failures.Count - 50} more images\n");
    }

    static void Facts(StringBuilder text, EvaluationReport report)
    {
        EvaluationModelInfo model = report.Run.Model;
        JsonNode questions = report.Run.Manifest["questions"]!;
        text.Append("\n## What was run\n\n");
        text.Append($"- library: SK.FasterVlm {model.LibraryVersion}{(model.LibraryRevision is null ? "" : $", revision {model.LibraryRevision}")}\n- model: {model.Name}\n");
        foreach (ModelFile file in model.Files) text.Append($"- file: `{file.Name}`, {Count((int)Math.Min(int.MaxValue, file.Bytes / 1024))} KiB, SHA-256 `{file.Sha256}`\n");
        foreach ((string key, string value) in model.Settings.OrderBy(static s => s.Key, StringComparer.Ordinal)) text.Append($"- {key}: {value}\n");
        text.Append($"- questions: `{questions["file"]}`, {questions["asked"]} of {questions["total"]} asked, SHA-256 `{questions["sha256"]}`\n");
        if (report.Labels is not null) text.Append($"- labels: `{report.Labels}`, SHA-256 `{report.LabelsSha256}`\n");
        text.Append($"- decoding: greedy, at most {report.Run.Manifest["max_output_tokens"]} tokens\n");
        foreach (ReportRow row in report.Rows.Where(static r => r.Seeds.Count > 1))
            text.Append($"- {row.Selector} at {Share(row.Keep)}: mean of seeds {string.Join(", ", row.Seeds.Zip(row.SeedValues, static (s, v) => $"{s} ({Number(v)})"))}\n");
        text.Append($"- intervals: Wilson where every image has one question or all answers are alike, otherwise bootstrap over images ({Statistics.Bootstrap.DefaultResamples} resamples, seed {Statistics.Bootstrap.DefaultSeed})\n");
        text.Append("- first token: median time from the question to the first token, the image being encoded already");
        text.Append(report.MeasuredOn is null ? "\n" : $"; {report.MeasuredOn}\n");
    }

    static string Selector(ReportRow row) => row.Seeds.Count > 1 ? $"{row.Selector} (mean of {row.Seeds.Count} seeds)" : row.Selector;

    static string Percent(double? value) => value is double share ? Number(share, 1) + " %" : "–";

    static string Verdict(Comparison c) => c.Interval.Low > 0 ? $"{c.First} is better" : c.Interval.High < 0 ? $"{c.Second} is better" : "no difference shown";
}
