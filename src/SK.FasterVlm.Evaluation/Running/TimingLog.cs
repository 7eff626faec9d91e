using System.Globalization;

namespace SK.FasterVlm.Evaluation.Running;

/// <summary>
/// What each answer cost. Apart from the answers, which are the same from run to run while times are not. Columns: configuration,
/// visual tokens, milliseconds to the first token, milliseconds to the end.
/// </summary>
sealed class TimingLog : IDisposable
{
    const string FileName = "timings.csv";
    readonly StreamWriter _writer;

    internal TimingLog(string directory)
    {
        string path = Path.Combine(directory, FileName);
        // An interruption may have left half a line; a line feed first keeps it from swallowing the next one.
        bool partial = File.Exists(path) && File.ReadAllBytes(path) is [.., not (byte)'\n'];
        _writer = new StreamWriter(path, append: true) { NewLine = "\n", AutoFlush = true };
        if (partial) _writer.WriteLine();
    }

    internal void Add(EvaluationConfiguration configuration, EvaluationReply reply) => _writer.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"{configuration.Name},{reply.VisualTokens},{reply.VisualTokensTotal},{reply.FirstTokenMs:F2},{reply.TotalMs:F2}"));

    /// <summary>Median milliseconds to the first token of every configuration, and its share of visual tokens.</summary>
    internal static Dictionary<string, TimingSummary> Read(string directory)
    {
        string path = Path.Combine(directory, FileName);
        if (!File.Exists(path)) return [];
        return File.ReadLines(path).Select(static line => line.Split(',')).Where(static f => f.Length == 5 && f.All(static x => x.Length > 0))
            .GroupBy(static f => f[0]).ToDictionary(static g => g.Key, static g => new TimingSummary(
                Median(g, 3), Median(g, 4), g.Average(static f => Number(f[1])), g.Average(static f => Number(f[2])), g.Count()));
    }

    static double Median(IEnumerable<string[]> rows, int column)
    {
        double[] sorted = [.. rows.Select(r => Number(r[column])).Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2;
    }

    static double Number(string text) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : 0;

    public void Dispose() => _writer.Dispose();
}

/// <summary>What the answers of a configuration cost.</summary>
/// <param name="FirstTokenMs">Median milliseconds to the first token, the image being encoded already.</param>
/// <param name="TotalMs">Median milliseconds to the end of the answer.</param>
/// <param name="VisualTokens">Mean visual tokens.</param>
/// <param name="VisualTokensTotal">Mean visual tokens without pruning.</param>
/// <param name="Answers">Answers timed.</param>
public sealed record TimingSummary(double FirstTokenMs, double TotalMs, double VisualTokens, double VisualTokensTotal, int Answers);
