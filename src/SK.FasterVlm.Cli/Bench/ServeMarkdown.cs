using System.Globalization;
using System.Text;

namespace SK.FasterVlm.Cli.Bench;

/// <summary>Writes a <see cref="ServeReport"/> as Markdown.</summary>
internal static class ServeMarkdown
{
    /// <summary>The whole report.</summary>
    public static string Render(ServeReport report)
    {
        StringBuilder text = new();
        text.Append("| what | measured | goal |\n| --- | ---: | ---: |\n");
        Row(text, "time to first token: second question about an image, against text of as many new tokens",
            Times(Of(report.Reuse, static r => r.Ratio)), "at most 1.3 x");
        Row(text, $"tokens/s: {report.Settings.Streams} streams at once, against one after the other",
            Times(Of(report.Streams, static s => s.Speedup)), "at least 3 x");
        Row(text, "longest gap between two pieces of a stream, against the median gap, worst stream",
            Times(Of(report.Streams, static s => s.WorstGapRatio)), "below 10 x");
        if (report.Room is [var all, .., var kept])
        {
            Row(text, Text($"image chats at once in 4,096 positions (576 visual tokens): keep {kept.Keep * 100:0} % against 100 %"),
                Text($"{kept.Chats} against {all.Chats}: {(double)kept.Chats / all.Chats:0.0} x"), "at least 5 x");
        }
        text.Append('\n');
        if (report.Reuse.Count > 0)
        {
            Line(text, $"- First question {Ms(Of(report.Reuse, static r => r.FirstMs))}, second {Ms(Of(report.Reuse, static r => r.SecondMs))}, ");
            Line(text, $"text {Ms(Of(report.Reuse, static r => r.TextMs))} to the first token; ");
            Line(text, $"{report.Reuse[0].NewTokens} new tokens beside {report.Reuse[0].CachedTokens} found.\n");
        }
        if (report.Streams.Count > 0)
        {
            Line(text, $"- {report.Settings.OutputTokens} tokens per stream, prompts included: {Number(Of(report.Streams, static s => s.AloneTokensPerSecond))} ");
            Line(text, $"tokens/s alone, {Number(Of(report.Streams, static s => s.TogetherTokensPerSecond))} together; median gap ");
            Line(text, $"{Ms(Of(report.Streams, static s => s.AloneGapMs))} alone, {Ms(Of(report.Streams, static s => s.MedianGapMs))} together; {report.Streams.Min(static s => s.SameTexts)} of ");
            Line(text, $"{report.Settings.Streams} greedy texts the same alone and together.\n");
        }
        foreach (RoomSample room in report.Room)
            Line(text, $"- Keep {room.Keep * 100:0} %: {room.Positions} positions per chat with its answer, {room.Chats} chats at once.\n");
        (BenchModel model, MachineInfo machine) = (report.Model, report.Machine);
        Line(text, $"\nMedians of {report.Settings.Runs} runs, smallest and largest in brackets; keep 10 %, greedy.\n");
        Line(text, $"{model.Name} ({model.ModelFile}, {model.ProjectorFile}), llama.cpp {model.NativeVersion}, SK.FasterVlm {report.Version}.\n");
        Line(text, $"{machine.Processor}, {machine.LogicalProcessors} processors, {report.Settings.Threads} threads, {machine.System}, {machine.Runtime}.\n\n");
        Line(text, $"```\n{report.Command}\n```\n");
        return text.ToString();
    }

    static Spread? Of<T>(IReadOnlyCollection<T> samples, Func<T, double> value) => samples.Count == 0 ? null : Spread.Of(samples.Select(value));

    static void Row(StringBuilder text, string what, string measured, string goal) => text.Append($"| {what} | {measured} | {goal} |\n");

    static string Times(Spread? s) => s is { } v ? Text($"{v.Median:0.00} ({v.Minimum:0.00}-{v.Maximum:0.00}) x") : "-";

    static string Ms(Spread? s) => s is { } v ? Text($"{v.Median:0.0} ({v.Minimum:0.0}-{v.Maximum:0.0}) ms") : "-";

    static string Number(Spread? s) => s is { } v ? Text($"{v.Median:0.0} ({v.Minimum:0.0}-{v.Maximum:0.0})") : "-";

    static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    static void Line(StringBuilder builder, FormattableString text) => builder.Append(Text(text));
}
