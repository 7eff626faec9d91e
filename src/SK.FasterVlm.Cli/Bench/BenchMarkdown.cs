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
        text.Append("| keep | visual tokens | encode ms | select ms | project ms | prefill ms | time to first token ms ");
        text.Append("| faster | tokens/s | KV | smaller | peak resident |\n");
        text.Append("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
        foreach (BenchRow row in BenchRow.From(report))
        {
            string faster = row.Speedup is double times ? Text($"{times:0.0} x") : "-";
            Line(text, $"| {row.Keep * 100:0.##} % | {row.VisualTokens} of {Math.Max(row.VisualTokensTotal, report.Model.Patches)} ");
            Line(text, $"| {Ms(row.Encode)} | {Ms(row.Select)} | {Ms(row.Project)} | {Ms(row.Prefill)} | {Ms(row.TimeToFirstToken)} ");
            string smaller = row.KvRatio is double ratio ? Text($"{ratio:0.0} x") : "-";
            Line(text, $"| {faster} | {Number(row.TokensPerSecond)} | {Megabytes(row.KvBytes)} | {smaller} | {Megabytes(row.PeakResidentBytes)} |\n");
        }
    }

    static void AppendCosts(StringBuilder text, BenchReport report)
    {
        int runs = report.Samples.Count == 0 ? 0 : report.Samples.GroupBy(static s => s.Keep).Min(static g => g.Count());
        Line(text, $"\nMedians of {runs} runs, smallest and largest in brackets; the ratios take turns in every round. ");
        Line(text, $"The prompt is {report.Settings.TextTokens} text tokens and the image; nothing is cached between requests.\n\n");
        if (report.Samples.Count > 0)
        {
            Spread share = Spread.Of(report.Samples.Select(static s => 100 * s.Select / s.Encode));
            Line(text, $"- Selecting takes {share.Median:0.000} % of the encode time (at most {share.Maximum:0.000} %).\n");
        }

        if (report.Attention is { } attention)
        {
            Spread share = attention.SharePercent;
            Line(text, $"- Asking for [CLS] attention takes {share.Median:0.00} % of the encode time: {Ms(attention.With)} ms with, ");
            Line(text, $"{Ms(attention.Without)} ms without (pairs differ by {share.Minimum:0.0} % to {share.Maximum:0.0} %).\n");
        }

        if (report.Samples.Count > 0) AppendMemory(text, report);
    }

    static void AppendMemory(StringBuilder text, BenchReport report)
    {
        BenchModel model = report.Model;
        long peak = Math.Max(report.LoadPeakBytes, report.Samples.Max(static s => s.PeakResidentBytes));
        long parts = model.ModelBytes + model.ProjectorBytes + model.KvBytes;
        Line(text, $"- Peak resident memory {Megabytes(peak)}: model file {Megabytes(model.ModelBytes)} + projector file ");
        Line(text, $"{Megabytes(model.ProjectorBytes)} + KV cache of {model.ContextLength} positions {Megabytes(model.KvBytes)} = ");
        Line(text, $"{Megabytes(parts)}, and {Signed(peak - parts)} (while loading: {Megabytes(report.LoadPeakBytes)}).\n");
    }

    static void AppendPrecisions(StringBuilder text, BenchReport report)
    {
        Line(text, $"\n| tower | weights | encode ms | time against {report.PrecisionReference} ");
        text.Append("| cosine of visual tokens, mean | worst | same patches kept at 10 % |\n");
        text.Append("| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
        foreach (PrecisionResult row in report.Precisions)
        {
            Line(text, $"| {row.Precision} | {Megabytes(row.WeightBytes)} | {Ms(row.Encode)} | {row.TimeRatio:0.00} ");
            Line(text, $"| {row.CosineMean:0.00000} | {row.CosineMinimum:0.00000} | {row.KeptOverlap * 100:0.0} % |\n");
        }
    }

    static void AppendOrigin(StringBuilder text, BenchReport report)
    {
        (BenchModel model, MachineInfo machine) = (report.Model, report.Machine);
        Line(text, $"\n{model.Name} ({model.ModelFile}, {model.ProjectorFile}; tower {model.TowerPrecision} on {model.Backend}), ");
        Line(text, $"llama.cpp {model.NativeVersion}, SK.FasterVlm {report.Version}, selector {report.Settings.Selector}, ");
        int views = report.Samples.Select(static s => s.Views).DefaultIfEmpty(0).Max();
        string cut = views > 1 ? Text($" in {views} views ({report.Settings.Views})") : "";
        Line(text, $"image: {report.Settings.Image}{cut}.\n{machine.Processor}, {machine.LogicalProcessors} processors, ");
        Line(text, $"{report.Settings.Threads} threads, {Megabytes(machine.MemoryBytes)} memory, {machine.System}, {machine.Runtime}.\n\n");
        Line(text, $"```\n{report.Command}\n```\n");
    }

    static string Ms(Spread spread) => spread.Maximum < 10
        ? Text($"{spread.Median:0.00} ({spread.Minimum:0.00}-{spread.Maximum:0.00})")
        : Text($"{spread.Median:N0} ({spread.Minimum:N0}-{spread.Maximum:N0})");

    static string Number(Spread spread) => spread.Median > 0
        ? Text($"{spread.Median:0.0} ({spread.Minimum:0.0}-{spread.Maximum:0.0})")
        : "-";

    static string Megabytes(long bytes) => bytes switch
    {
        0 => "-",
        < 10_000_000 => Text($"{bytes / 1e6:0.0} MB"),
        _ => Text($"{bytes / 1e6:N0} MB"),
    };

    static string Signed(long bytes) => Text($"{Math.Abs(bytes) / 1e6:N0} MB {(bytes < 0 ? "less" : "more")}");

    static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    static void Line(StringBuilder builder, FormattableString text) => builder.Append(Text(text));
}
