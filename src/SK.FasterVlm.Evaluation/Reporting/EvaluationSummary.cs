using System.Text;
using System.Text.Json;
using SK.FasterVlm.Evaluation.Benchmarks;
using SK.FasterVlm.Evaluation.Formats;
using SK.FasterVlm.Evaluation.Statistics;
using static SK.FasterVlm.Evaluation.Reporting.ReportText;

namespace SK.FasterVlm.Evaluation.Reporting;

/// <summary>One row over several benchmarks.</summary>
/// <param name="Selector">Name of the selector.</param>
/// <param name="Keep">Share of the visual tokens kept.</param>
/// <param name="Values">Headline numbers by benchmark.</param>
/// <param name="MeanOfRatios">See <see cref="Aggregates.MeanOfRatios"/>; null without the full model.</param>
/// <param name="RatioOfMeans">See <see cref="Aggregates.RatioOfMeans"/>; null without the full model.</param>
public sealed record SummaryRow(string Selector, double Keep, IReadOnlyDictionary<string, double> Values, double? MeanOfRatios, double? RatioOfMeans);

/// <summary>The reports of several benchmarks side by side, as the papers print them, with both aggregates.</summary>
/// <param name="Model">The model all reports are about.</param>
/// <param name="Benchmarks">Names, in the order of the catalogue.</param>
/// <param name="Rows">Rows that have every benchmark.</param>
public sealed record EvaluationSummary(string Model, IReadOnlyList<string> Benchmarks, IReadOnlyList<SummaryRow> Rows)
{
    /// <summary>Reads the <c>report.json</c> of several run directories.</summary>
    /// <exception cref="EvaluationException">
    /// A report cannot be read, they are of different models, settings or builds of this library, or two of one benchmark asked
    /// different questions or used different labels.
    /// </exception>
    public static EvaluationSummary Read(IReadOnlyList<string> directories)
    {
        ArgumentNullException.ThrowIfNull(directories);
        if (directories.Count == 0) throw new ArgumentException("A summary needs at least one report.", nameof(directories));
        var reports = directories.Select(static d => JsonLines.ReadDocument(File.Exists(d) ? d : Path.Combine(d, "report.json"), Parse)).ToList();
        if (reports.Select(static r => r.Files).Distinct().Count() > 1)
            throw new EvaluationException($"The reports are of different models ({string.Join(", ", reports.Select(static r => r.Model).Distinct())}); their numbers do not belong in one row.");
        if (Different(reports, static r => r.Settings) is string settings)
            throw new EvaluationException($"The reports were made under different settings ({settings}); their numbers do not belong in one row.");
        foreach (var same in reports.GroupBy(static r => r.Benchmark))
            if (Different(same, static r => r.Asked) is string asked)
                throw new EvaluationException($"The reports of {same.Key} are of different runs ({asked}); their numbers do not belong in one column.");
        string[] names = [.. BenchmarkCatalog.All.Select(static b => b.Name).Where(name => reports.Any(r => r.Benchmark == name))];
        var byConfiguration = reports.SelectMany(static r => r.Rows.Select(row => (row.Selector, row.Keep, r.Benchmark, row.Value)))
            .GroupBy(static x => (x.Selector, x.Keep)).Select(static g => (g.Key, Values: Last(g.Select(static x => (x.Benchmark, x.Value)))))
            .Where(x => x.Values.Count == names.Length).ToList();
        Dictionary<string, double>? full = byConfiguration.FirstOrDefault(static x => x.Key.Keep >= 1).Values;
        return new EvaluationSummary(reports[0].Model, names, [.. byConfiguration.OrderByDescending(static x => x.Key.Keep).Select(x => new SummaryRow(
            x.Key.Selector, x.Key.Keep, x.Values,
            full is null ? null : Aggregates.MeanOfRatios(full, x.Values), full is null ? null : Aggregates.RatioOfMeans(full, x.Values)))])
        {
            Comparable = reports.All(static r => r.Comparable),
        };
    }

    /// <summary>Whether published rows may stand beside these: every report was made by the protocol of the published numbers.</summary>
    internal bool Comparable { get; init; } = true;

    // The first fact that is not the same in all reports.
    static string? Different(IEnumerable<Source> reports, Func<Source, IReadOnlyDictionary<string, string>> facts)
    {
        IReadOnlyDictionary<string, string>[] all = [.. reports.Select(facts)];
        return all.SelectMany(static f => f.Keys).Distinct().Order(StringComparer.Ordinal)
            .FirstOrDefault(key => all.Select(f => f.GetValueOrDefault(key, "")).Distinct().Count() > 1);
    }

    /// <summary>Renders the table, with the published FasterVLM rows that have the same benchmarks.</summary>
    public string ToMarkdown()
    {
        string[] titles = [.. Benchmarks.Select(static b => BenchmarkCatalog.Find(b).Title)];
        var text = new StringBuilder();
        text.Append($"# {Model}\n\n| selector | kept | {string.Join(" | ", titles)} | mean of ratios | ratio of means |\n|---|--:|{string.Concat(titles.Select(static _ => "--:|"))}--:|--:|\n");
        foreach (SummaryRow row in Rows)
            text.Append($"| {row.Selector} | {Share(row.Keep)} | {string.Join(" | ", Benchmarks.Select(b => Number(row.Values[b])))} | {Number(row.MeanOfRatios)} % | {Number(row.RatioOfMeans)} % |\n");
        foreach (PublishedRow row in PublishedResults.Rows.Where(r => Comparable && Benchmarks.All(r.Values.ContainsKey)))
        {
            Dictionary<string, double> full = Restrict(PublishedResults.Rows.First(r => r.Model == row.Model).Values), values = Restrict(row.Values);
            text.Append($"| *published*: FasterVLM, {row.Model} | {Share(Math.Round(row.Keep, 2))} | {string.Join(" | ", Benchmarks.Select(b => Number(values[b])))} | {Number(Aggregates.MeanOfRatios(full, values))} % | {Number(Aggregates.RatioOfMeans(full, values))} % |\n");
        }
        text.Append($"\nAggregates over {string.Join(", ", titles)}: the mean of each benchmark's ratio to the full model, and the ratio of the means (MME divided by {Aggregates.MmeDivisor:0}).");
        return text.Append(Comparable
            ? $" *published*: {PublishedResults.Source}; the aggregates of those rows are over the benchmarks of this table.\n"
            : " No published rows: a report of these says that it was made by another protocol.\n").ToString();
    }

    Dictionary<string, double> Restrict(IReadOnlyDictionary<string, double> values) => Benchmarks.ToDictionary(static b => b, b => values[b]);

    static Dictionary<string, double> Last(IEnumerable<(string Benchmark, double Value)> values)
    {
        var last = new Dictionary<string, double>();
        foreach ((string benchmark, double value) in values) last[benchmark] = value;
        return last;
    }

    static Source Parse(JsonElement root)
    {
        JsonElement run = root.GetProperty("run"), model = run.GetProperty("model");
        var settings = Facts(run, "library", "revision");
        if (model.TryGetProperty("settings", out JsonElement all))
            foreach (JsonProperty setting in all.EnumerateObject()) settings[setting.Name] = setting.Value.ToString();
        var asked = Facts(run, "max_output_tokens");
        if (run.TryGetProperty("questions", out JsonElement questions))
            foreach (JsonProperty fact in questions.EnumerateObject().Where(static f => f.Name != "file")) asked[$"questions.{fact.Name}"] = fact.Value.ToString();
        foreach ((string name, string value) in Facts(root, "labels_sha256")) asked[name] = value;
        bool comparable = !root.TryGetProperty("differs_from_published", out JsonElement differs) || differs.ValueKind == JsonValueKind.Null;
        return new(model.GetProperty("name").GetString()!, model.GetProperty("files").GetRawText(), run.GetProperty("benchmark").GetString()!, settings, asked, comparable,
            [.. root.GetProperty("rows").EnumerateArray().Where(static r => r.GetProperty("value").ValueKind == JsonValueKind.Number)
                .Select(static r => (r.GetProperty("selector").GetString()!, r.GetProperty("keep").GetDouble(), r.GetProperty("value").GetDouble()))]);
    }

    static Dictionary<string, string> Facts(JsonElement element, params string[] names) =>
        names.Where(name => element.TryGetProperty(name, out _)).ToDictionary(static name => name, name => element.GetProperty(name).ToString());

    // Facts that reports of older builds lack count as empty.
    sealed record Source(
        string Model, string Files, string Benchmark, IReadOnlyDictionary<string, string> Settings, IReadOnlyDictionary<string, string> Asked, bool Comparable,
        List<(string Selector, double Keep, double Value)> Rows);
}
