using System.Globalization;
using System.Text;
using System.Text.Json;
using SK.FasterVlm.Evaluation.Formats;

namespace SK.FasterVlm.Evaluation.Reporting;

/// <summary>A sweep in one small table, a line per budget and a column per selector: the layout of the README.</summary>
public static class CompactTable
{
    /// <summary>Renders a report; empty where nothing was pruned, or nothing scored.</summary>
    public static string Render(EvaluationReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        return Render([.. report.Rows.Where(static r => r.Score is not null).Select(static r => new Cell(
            r.Selector, r.Keep, r.Timings?.VisualTokens, r.Score!.Value, r.Score.Interval.Low, r.Score.Interval.High))]);
    }

    /// <summary>Renders a <c>report.json</c>.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="EvaluationException">The file is no report.</exception>
    public static string Render(string path) => Render(JsonLines.ReadDocument(path, static root => root.GetProperty("rows").EnumerateArray()
        .Where(static r => r.GetProperty("value").ValueKind == JsonValueKind.Number)
        .Select(static r => new Cell(r.GetProperty("selector").GetString()!, r.GetProperty("keep").GetDouble(), Number(r, "visual_tokens"),
            r.GetProperty("value").GetDouble(), Number(r.GetProperty("interval"), "low") ?? double.NaN, Number(r.GetProperty("interval"), "high") ?? double.NaN))
        .ToList()));

    static double? Number(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;

    static string Render(IReadOnlyList<Cell> cells)
    {
        string[] selectors = [.. cells.Where(static c => c.Keep < 1).Select(static c => c.Selector).Distinct()];
        if (selectors.Length == 0) return "";
        var text = new StringBuilder("| visual tokens kept |");
        foreach (string selector in selectors) text.Append(' ').Append(ReportText.Selector(selector)).Append(" |");
        text.Append("\n| --- |").Insert(text.Length, " ---: |", selectors.Length).Append('\n');
        foreach (var row in cells.GroupBy(static c => c.Keep))
        {
            string share = row.Key >= 1 ? "all" : ReportText.Share(row.Key);
            text.Append(row.First().Tokens is double tokens ? string.Create(CultureInfo.InvariantCulture, $"| {tokens:0} ({share}) |") : $"| {share} |");
            // Every selector keeps the same where all is kept; the number stands once.
            foreach (string selector in selectors)
            {
                Cell? cell = row.Key >= 1 ? (selector == selectors[0] ? row.First() : null) : row.FirstOrDefault(c => c.Selector == selector);
                text.Append(cell is null ? " |" : $" {Score(cell)} |");
            }
            text.Append('\n');
        }
        return text.ToString();
    }

    static string Score(Cell cell) => ReportText.Number(cell.Value, 1)
        + (double.IsFinite(cell.Low) ? $" ({ReportText.Number(cell.Low, 1)}-{ReportText.Number(cell.High, 1)})" : "");

    sealed record Cell(string Selector, double Keep, double? Tokens, double Value, double Low, double High);
}
