using System.Globalization;
using System.Text;

namespace SK.FasterVlm.Cli.Bench;

/// <summary>Writes a <see cref="LoadReport"/> as Markdown: a column per server, and how the others stand to the first.</summary>
internal static class LoadMarkdown
{
    /// <summary>The whole report.</summary>
    public static string Render(LoadReport report)
    {
        StringBuilder text = new();
        IReadOnlyList<LoadServer> servers = report.Servers;
        text.Append("| |").AppendJoin("", servers.Select(static (s, i) => $" {i + 1}: {s.Model} |"))
            .AppendJoin("", servers.Skip(1).Select(static (_, i) => $" {i + 2} : 1 |")).Append('\n');
        text.Append("| --- |").AppendJoin("", Enumerable.Repeat(" ---: |", (2 * servers.Count) - 1)).Append('\n');
        Row("first question about an image, first text (ms)", static s => s.FirstMs);
        Row("second question about it, first text (ms)", static s => s.SecondMs);
        Row("question without an image, first text (ms)", static s => s.TextMs);
        Row("one stream after another (tokens/s)", static s => s.AloneTokensPerSecond);
        Row($"{report.Settings.Streams} streams at once (tokens/s)", static s => s.TogetherTokensPerSecond);
        Row("at once against one after another", static s => s.Speedup);
        Row("longest gap against the median gap, worst stream", static s => s.WorstGapRatio);
        text.Append('\n');
        foreach ((LoadServer server, int i) in servers.Select(static (s, i) => (s, i))) Line($"{i + 1}: {server.Address}\n");
        Line($"\nMedians of {report.Settings.Runs} rounds, smallest and largest in brackets; the right columns are medians of the ratio within a round. ");
        Line($"Streams of {report.Settings.OutputTokens} tokens, greedy, measured by a client over HTTP.\n");
        Line($"{report.Machine.Processor}, {report.Machine.LogicalProcessors} processors, {report.Machine.System}, SK.FasterVlm {report.Version}.\n\n");
        Line($"```\n{report.Command}\n```\n");
        return text.ToString();

        void Row(string what, Func<LoadSample, double> value)
        {
            text.Append($"| {what} |");
            foreach (LoadServer server in servers) Cell(Spread.Of(server.Samples.Select(value)), true);
            foreach (LoadServer server in servers.Skip(1))
                Cell(Spread.Of(server.Samples.Zip(servers[0].Samples, (s, first) => value(s) / value(first))), false);
            text.Append('\n');
        }

        void Cell(Spread s, bool ends)
        {
            Line($" {s.Median:0.##}");
            if (ends) Line($" ({s.Minimum:0.##}-{s.Maximum:0.##})");
            text.Append(" |");
        }

        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture));
    }
}
