using System.Text.RegularExpressions;
using ScottPlot;
using SK.FasterVlm.Evaluation.Scoring;

namespace SK.FasterVlm.Evaluation.Reporting;

/// <summary>
/// The picture of a sweep: the headline number against the share of visual tokens kept, one line per selector with 95 % intervals,
/// the full model as a dashed level.
/// </summary>
public static partial class ChartWriter
{
    const int Width = 960, Height = 600;

    // Okabe and Ito's palette: told apart by everybody, also in grey.
    static readonly string[] s_colours = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9"];

    /// <summary>Whether this machine has a font; install one (<c>fonts-dejavu-core</c>), or name a file in <c>FASTERVLM_FONT</c>.</summary>
    public static bool CanWriteText => ChartFont.Name is not null;

    /// <summary>Writes <paramref name="path"/> with <c>.png</c> and <c>.svg</c>.</summary>
    /// <returns>The two paths; empty when there is nothing to draw, or nothing to write with (<see cref="CanWriteText"/>).</returns>
    public static IReadOnlyList<string> Write(EvaluationReport report, string path)
    {
        ArgumentNullException.ThrowIfNull(report);
        using Plot? plot = Draw(report);
        if (plot is null) return [];
        plot.SavePng(path + ".png", Width, Height);
        File.WriteAllText(path + ".svg", Renumber(plot.GetSvgXml(Width, Height)));
        return [path + ".png", path + ".svg"];
    }

    /// <summary>The chart; null when there is nothing to draw, or nothing to write with.</summary>
    internal static Plot? Draw(EvaluationReport report)
    {
        ReportRow[] pruned = [.. report.Rows.Where(static r => r.Keep is > 0 and < 1 && r.Score is not null)];
        return pruned.Length == 0 || !CanWriteText ? null : Draw(report, pruned);
    }

    // The drawing library counts its clip paths through the life of the process; the same chart is to be the same file.
    static string Renumber(string svg)
    {
        var numbers = new Dictionary<string, int>();
        return ClipId().Replace(svg, match =>
            $"cl_{(numbers.TryGetValue(match.Value, out int n) ? n : numbers[match.Value] = numbers.Count)}");
    }

    [GeneratedRegex("\\bcl_[0-9a-f]+\\b")]
    private static partial Regex ClipId();

    static Plot Draw(EvaluationReport report, ReportRow[] pruned)
    {
        var plot = new Plot();
        BenchmarkScore any = pruned[0].Score!;
        ReportRow? full = report.Rows.FirstOrDefault(static r => r.Keep >= 1 && r.Score is not null);
        int n = 0;
        foreach (var selector in pruned.GroupBy(static r => r.Selector))
        {
            ReportRow[] rows = [.. selector.Concat(full is null ? [] : [full]).OrderBy(static r => r.Keep)];
            Add(plot, rows, Title(selector.Key), Color.FromHex(s_colours[n % s_colours.Length]), n++);
        }
        if (full is not null)
        {
            var level = plot.Add.HorizontalLine(full.Score!.Value, 1.5f, Color.FromHex("#666666"), LinePattern.Dashed);
            level.LegendText = "every visual token";
        }
        Published(plot, report);

        Axes(plot, report, pruned);
        plot.Title($"{report.Title}, {report.Run.Model.Name}: quality against visual tokens kept");
        plot.YLabel($"{any.Metric} ({any.Unit})");
        plot.ShowLegend(Alignment.LowerRight);
        plot.Font.Set(ChartFont.Name!);
        return plot;
    }

    // Lines are shifted by a hair so that intervals of equal budgets do not cover each other.
    static void Add(Plot plot, ReportRow[] rows, string name, Color colour, int n)
    {
        double[] x = [.. rows.Select(r => X(r.Keep) + (r.Keep < 1 ? 0.008 * (n - 1) : 0))];
        double[] y = [.. rows.Select(static r => r.Score!.Value)];
        var line = plot.Add.Scatter(x, y, colour);
        line.LegendText = name;
        line.LineWidth = 2.5f;
        line.MarkerSize = 9;
        line.MarkerShape = (n % 3) switch { 0 => MarkerShape.FilledCircle, 1 => MarkerShape.FilledSquare, _ => MarkerShape.FilledTriangleUp };
        for (int i = 0; i < rows.Length; i++)
        {
            if (rows[i].Keep >= 1 || !double.IsFinite(rows[i].Score!.Interval.Low)) continue;
            plot.Add.Line(x[i], rows[i].Score!.Interval.Low, x[i], rows[i].Score!.Interval.High).Color = colour.WithAlpha(0.6);
        }
    }

    static void Published(Plot plot, EvaluationReport report)
    {
        foreach (var model in report.Published.GroupBy(static r => r.Model).Where(static g => g.Count() > 1))
        {
            PublishedRow[] rows = [.. model.OrderBy(static r => r.Keep)];
            var line = plot.Add.Scatter(rows.Select(static r => X(r.Keep)).ToArray(), rows.Select(r => r.Values[report.Run.Benchmark.Name]).ToArray(), Color.FromHex("#999999"));
            line.LegendText = $"published: FasterVLM, {model.Key}";
            line.LinePattern = LinePattern.Dotted;
            line.MarkerShape = MarkerShape.OpenCircle;
        }
    }

    static void Axes(Plot plot, EvaluationReport report, ReportRow[] pruned)
    {
        double total = report.Rows.Select(static r => r.Timings?.VisualTokensTotal ?? 0).Max();
        double[] keeps = [.. pruned.Select(static r => r.Keep).Append(1).Distinct().Order()];
        // Halving matters as much at the low end as at the high one, hence the logarithm.
        plot.Axes.Bottom.SetTicks([.. keeps.Select(X)], [.. keeps.Select(k => ReportText.Share(k) + (total > 0 ? $"\n{Math.Ceiling(k * total - 1e-9):0}" : ""))]);
        plot.XLabel(total > 0 ? "visual tokens kept: share and number (logarithmic)" : "share of the visual tokens kept (logarithmic)");
        plot.Axes.AutoScale();
        plot.Axes.Margins(0.05, 0.12);
        plot.Grid.MajorLineColor = Color.FromHex("#E5E5E5");
    }

    static double X(double keep) => Math.Log10(keep);

    static string Title(string selector) => selector switch
    {
        "cls" => "[CLS] attention (FasterVLM)",
        "random" => "random",
        "uniform" => "uniform grid",
        _ => selector,
    };
}
