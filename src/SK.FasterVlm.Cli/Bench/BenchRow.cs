namespace SK.FasterVlm.Cli.Bench;

/// <summary>One line of the table: the samples of one keep ratio together.</summary>
internal sealed record BenchRow(
    double Keep, int Runs, int VisualTokens, int PromptTokens, Spread Encode, Spread Select, Spread Project, Spread Prefill,
    Spread TimeToFirstToken, Spread TokensPerSecond, long KvBytes, long PeakResidentBytes, double? Speedup)
{
    /// <summary>Visual tokens without pruning; 0 when the report does not say.</summary>
    public int VisualTokensTotal { get; init; }

    /// <summary>How many times smaller the KV cache is than the unpruned run's; null without one.</summary>
    public double? KvRatio { get; init; }

    /// <summary>The rows of a report, most visual tokens first. Speed-ups are against the report's own unpruned run.</summary>
    public static IReadOnlyList<BenchRow> From(BenchReport report)
    {
        BenchRow[] rows = [.. report.Samples.GroupBy(static s => s.Keep).OrderByDescending(static g => g.Key).Select(static g => Of(g.Key, [.. g]))];
        double? unpruned = rows.FirstOrDefault(static r => r.Keep == 1)?.TimeToFirstToken.Median;
        long? unprunedKv = rows.FirstOrDefault(static r => r.Keep == 1)?.KvBytes;
        return [.. rows.Select(row => row with
        {
            Speedup = unpruned / row.TimeToFirstToken.Median,
            KvRatio = row.KvBytes > 0 ? (double?)unprunedKv / row.KvBytes : null,
        })];
    }

    static BenchRow Of(double keep, BenchSample[] samples)
    {
        return new BenchRow(
            keep, samples.Length, samples[0].VisualTokens, samples[0].PromptTokens,
            Times(static s => s.Encode), Times(static s => s.Select), Times(static s => s.Project), Times(static s => s.Prefill),
            Times(static s => s.TimeToFirstToken), Times(static s => s.TokensPerSecond),
            samples.Max(static s => s.KvBytes), samples.Max(static s => s.PeakResidentBytes), null)
        {
            VisualTokensTotal = samples[0].VisualTokensTotal,
        };

        Spread Times(Func<BenchSample, double> value) => Spread.Of(samples.Select(value));
    }
}
