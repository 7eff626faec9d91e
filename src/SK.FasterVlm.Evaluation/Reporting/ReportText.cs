using System.Globalization;
using SK.FasterVlm.Evaluation.Scoring;
using SK.FasterVlm.Evaluation.Statistics;

namespace SK.FasterVlm.Evaluation.Reporting;

/// <summary>How numbers look in every report: decimal point, two digits, the machine's language left aside.</summary>
static class ReportText
{
    internal static string Number(double value, int digits = 2) => double.IsFinite(value) ? value.ToString("F" + digits, CultureInfo.InvariantCulture) : "–";

    internal static string Number(double? value, int digits = 2) => value is double number ? Number(number, digits) : "–";

    internal static string Interval(ConfidenceInterval? interval) =>
        interval is { } i && double.IsFinite(i.Low) ? $"{Number(i.Low)} to {Number(i.High)}" : "–";

    internal static string Share(double keep) => (100 * keep).ToString("0.##", CultureInfo.InvariantCulture) + " %";

    /// <summary>A selector's name in a legend or a heading.</summary>
    internal static string Selector(string name) => name switch
    {
        "cls" => "[CLS] attention",
        "uniform" => "uniform grid",
        _ => name,
    };

    internal static string Signed(double value) => (value >= 0 ? "+" : "") + Number(value);

    internal static string Count(int value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>The score of one answers file as lines of plain text: the headline first, then everything else.</summary>
    internal static IEnumerable<string> Lines(string title, BenchmarkScore score)
    {
        int width = Math.Max(score.Metric.Length, score.Measures.Count == 0 ? 0 : score.Measures.Max(static m => m.Name.Length));
        yield return $"{title}: {Count(score.Questions)} questions, {Count(score.Answered)} answered"
            + (score.Failed > 0 ? $", {Count(score.Failed)} failed" : "") + (score.Missing > 0 ? $", {Count(score.Missing)} missing" : "")
            + (score.Failed + score.Missing > 0 ? " (counted as wrong)" : "");
        yield return $"{score.Metric.PadRight(width)}  {Number(score.Value),8} {score.Unit}   95 %: {Interval(score.Interval)} ({score.Interval.Method})";
        foreach (Measure m in score.Measures)
            yield return $"{m.Name.PadRight(width)}  {Number(m.Value),8} {m.Unit}" + (m.Interval is { } i ? $"   95 %: {Interval(i)} (n = {m.Count})" : $"   (n = {m.Count})");
        if (score.CorruptLines > 0) yield return $"{score.CorruptLines} unreadable lines in the answers file.";
        if (score.Unmatched > 0) yield return $"{score.Unmatched} answers to no question of the file.";
    }
}

/// <summary>Scores as text for a terminal.</summary>
public static class ScoreText
{
    /// <summary>The score of one answers file, line by line.</summary>
    /// <param name="title">Name of the benchmark.</param>
    /// <param name="score">The score.</param>
    public static string Format(string title, BenchmarkScore score)
    {
        ArgumentNullException.ThrowIfNull(score);
        return string.Join('\n', ReportText.Lines(title, score));
    }
}
