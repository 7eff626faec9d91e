using System.Globalization;
using System.Text;

namespace SK.FasterVlm.Cli.Bench;

/// <summary>Writes a report as Markdown: the table for a README, and what is needed to make it again.</summary>
internal static class BenchMarkdown
{
    /// <summary>The whole report.</summary>
    public static string Render(BenchReport report)
    {
        StringBuilder text = new();
        AppendTable(text, report);
        AppendCosts(text, report);
        if (report.Precisions.Count > 0) AppendPrecisions(text, report);
        AppendOrigin(text, report);
        return text.ToString();
    }

    static void AppendTable(StringBuilder text, BenchReport report)
    {
        text.Append("| keep | visual tokens | encode ms | select ms | project ms | prefill ms | time to first token ms | faster | tokens/s | KV | peak resident |\n");
        text.Append("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
        foreach (BenchRow row in BenchRow.From(report))
        {
            Line(text, $"| {row.Keep * 100:0.##} % | {row.VisualTokens} of {report.Model.Patches} | {Ms(row.Encode)} | {Ms(row.Select)} | {Ms(row.Project)} ");
            Line(text, $"| {Ms(row.Prefill)} | {Ms(row.TimeToFirstToken)} | {(row.Speedup is double faster ? Text($"{faster:0.0} x") : "-")} ");
            Line(text, $"| {Number(row.TokensPerSecond)} | {Megabytes(row.KvBytes)} | {Megabytes(row.PeakResidentBytes)} |\n");
        }
    }

    static void AppendCosts(StringBuilder text, BenchReport report)
    {
        int runs = report.Samples.Count == 0 ? 0 : report.Samples.GroupBy(static s => s.Keep).Min(static g => g.Count());
        Line(text, $"\nMedians of {runs} runs, smallest and largest in brackets; the ratios take turns in every round. ");
        Line(text, $"The prompt is {report.Settings.TextTokens} text tokens and the image; nothing is cached between requests.\n\n");
        if (report.Samples.Count == 0) return;

        Spread share = Spread.Of(report.Samples.Select(static s => 100 * s.Select / s.Encode));
        Line(text, $"- Selecting takes {share.Median:0.000} % of the encode time (at most {share.Maximum:0.000} %).\n");
        BenchModel model = report.Model;
        long peak = Math.Max(report.LoadPeakBytes, report.Samples.Max(static s => s.PeakResidentBytes));
        long parts = model.ModelBytes + model.ProjectorBytes + model.KvBytes;
        Line(text, $"- Peak resident memory {Megabytes(peak)}: model file {Megabytes(model.ModelBytes)} + projector file {Megabytes(model.ProjectorBytes)} ");
        Line(text, $"+ KV cache of {model.ContextLength} positions {Megabytes(model.KvBytes)} = {Megabytes(parts)}, and {Signed(peak - parts)} (while loading: {Megabytes(report.LoadPeakBytes)}).\n");
    }

    static void AppendPrecisions(StringBuilder text, BenchReport report)
    {
        Line(text, $"\n| tower | weights | encode ms | time against {report.PrecisionReference} | cosine of visual tokens, mean | worst | same patches kept at 10 % |\n");
        text.Append("| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
        foreach (PrecisionResult row in report.Precisions)
        {
            Line(text, $"| {row.Precision} | {Megabytes(row.WeightBytes)} | {Ms(row.Encode)} | {row.TimeRatio:0.00} | {row.CosineMean:0.00000} ");
            Line(text, $"| {row.CosineMinimum:0.00000} | {row.KeptOverlap * 100:0.0} % |\n");
        }
    }

    static void AppendOrigin(StringBuilder text, BenchReport report)
    {
        BenchModel model = report.Model;
        MachineInfo machine = report.Machine;
        Line(text, $"\n{model.Name} ({model.ModelFile}, {model.ProjectorFile}; tower {model.TowerPrecision} on {model.Backend}), llama.cpp {model.NativeVersion}, ");
        Line(text, $"SK.FasterVlm {report.Version}, selector {report.Settings.Selector}, image: {report.Settings.Image}.\n");
        Line(text, $"{machine.Processor}, {machine.LogicalProcessors} processors, {report.Settings.Threads} threads, {Megabytes(machine.MemoryBytes)} memory, {machine.System}, {machine.Runtime}.\n\n");
        Line(text, $"```\n{report.Command}\n```\n");
    }

    static string Ms(Spread spread) => spread.Maximum < 10
        ? Text($"{spread.Median:0.00} ({spread.Minimum:0.00}-{spread.Maximum:0.00})")
        : Text($"{spread.Median:N0} ({spread.Minimum:N0}-{spread.Maximum:N0})");

    static string Number(Spread spread) => spread.Median > 0 ? Text($"{spread.Median:0.0} ({spread.Minimum:0.0}-{spread.Maximum:0.0})") : "-";

    static string Megabytes(long bytes) => bytes == 0 ? "-" : bytes < 10_000_000 ? Text($"{bytes / 1e6:0.0} MB") : Text($"{bytes / 1e6:N0} MB");

    static string Signed(long bytes) => Text($"{bytes / 1e6:N0} MB {(bytes < 0 ? "less" : "more")}").Replace("-", "", StringComparison.Ordinal);

    static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    static void Line(StringBuilder builder, FormattableString text) => builder.Append(Text(text));
}
