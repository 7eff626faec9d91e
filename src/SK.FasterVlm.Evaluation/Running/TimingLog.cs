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
        // An interruption may have left part of a line, whose last number looks whole: it goes.
        if (File.Exists(path) && File.ReadAllBytes(path) is [.., not (byte)'\n'] bytes)
        {
            using FileStream stream = File.OpenWrite(path);
            stream.SetLength(Array.LastIndexOf(bytes, (byte)'\n') + 1);
        }
        _writer = new StreamWriter(path, append: true) { NewLine = "\n", AutoFlush = true };
    }

    internal void Add(EvaluationConfiguration configuration, EvaluationReply reply) => _writer.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"{configuration.Name},{reply.VisualTokens},{reply.VisualTokensTotal},{reply.FirstTokenMs:F2},{reply.TotalMs:F2}"));

    /// <summary>Median milliseconds to the first token of every configuration, and its share of visual tokens.</summary>
    internal static Dictionary<string, TimingSummary> Read(string directory)
    {
        string path = Path.Combine(directory, FileName);
        if (!File.Exists(path)) return [];
        string text = File.ReadAllText(path);
        return text[..(text.LastIndexOf('\n') + 1)].Split('\n').Select(static line => line.Split(','))
            .Where(static f => f.Length == 5 && f.Skip(1).All(static x => double.TryParse(x, NumberStyles.Float, CultureInfo.InvariantCulture, out _)))
            .GroupBy(static f => f[0]).ToDictionary(static g => g.Key, static g => new TimingSummary(
                Median(g, 3), Median(g, 4), g.Average(static f => Number(f[1])), g.Average(static f => Number(f[2])), g.Count()));
    }

    static double Median(IEnumerable<string[]> rows, int column)
    {
        double[] sorted = [.. rows.Select(r => Number(r[column])).Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2;
    }

    static double Number(string text) => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);

    public void Dispose() => _writer.Dispose();
}

/// <summary>What the answers of a configuration cost.</summary>
/// <param name="FirstTokenMs">Median milliseconds to the first token, the image being encoded already.</param>
/// <param name="TotalMs">Median milliseconds to the end of the answer.</param>
/// <param name="VisualTokens">Mean visual tokens.</param>
/// <param name="VisualTokensTotal">Mean visual tokens without pruning.</param>
/// <param name="Answers">Answers timed.</param>
public sealed record TimingSummary(double FirstTokenMs, double TotalMs, double VisualTokens, double VisualTokensTotal, int Answers)
{
    /// <summary>Several seeds as one: the mean of what each shows, weighted by its answers; null without any.</summary>
    internal static TimingSummary? Mean(IReadOnlyCollection<TimingSummary> seeds)
    {
        if (seeds.Count == 0) return null;
        int answers = seeds.Sum(static s => s.Answers);
        return new(Weighted(static s => s.FirstTokenMs), Weighted(static s => s.TotalMs), Weighted(static s => s.VisualTokens),
            Weighted(static s => s.VisualTokensTotal), answers);

        double Weighted(Func<TimingSummary, double> of) => seeds.Sum(s => of(s) * s.Answers) / answers;
    }
}
