namespace SK.FasterVlm.Evaluation.Statistics;

/// <summary>
/// The two ways in which the literature makes one number of many benchmarks. They differ by points, so a number without its way and
/// its list of benchmarks means nothing.
/// </summary>
public static class Aggregates
{
    /// <summary>MME's points are divided by this to stand beside percentages (perception has at most 2000).</summary>
    public const double MmeDivisor = 20;

    /// <summary>
    /// Mean of ratios (FasterVLM, Cen-Prune, TReVS): <c>100/n · Σ pruned_b / full_b</c>. Every benchmark counts the same, those with
    /// small numbers (MM-Vet) move it most.
    /// </summary>
    /// <exception cref="ArgumentException">No common benchmark.</exception>
    public static double MeanOfRatios(IReadOnlyDictionary<string, double> full, IReadOnlyDictionary<string, double> pruned)
    {
        string[] common = Common(full, pruned);
        return 100 * common.Average(b => pruned[b] / full[b]);
    }

    /// <summary>
    /// Ratio of means (CDPruner, TOPS): <c>100 · mean(pruned) / mean(full)</c>, MME divided by 20.
    /// </summary>
    /// <exception cref="ArgumentException">No common benchmark.</exception>
    public static double RatioOfMeans(IReadOnlyDictionary<string, double> full, IReadOnlyDictionary<string, double> pruned)
    {
        string[] common = Common(full, pruned);
        return 100 * common.Average(b => Scaled(b, pruned[b])) / common.Average(b => Scaled(b, full[b]));
    }

    static double Scaled(string benchmark, double value) => benchmark == "mme" ? value / MmeDivisor : value;

    /// <summary>The benchmarks both have, in alphabetical order.</summary>
    internal static string[] Common(IReadOnlyDictionary<string, double> full, IReadOnlyDictionary<string, double> pruned)
    {
        ArgumentNullException.ThrowIfNull(full);
        ArgumentNullException.ThrowIfNull(pruned);
        string[] common = [.. full.Keys.Where(pruned.ContainsKey).Order(StringComparer.Ordinal)];
        return common.Length > 0 ? common : throw new ArgumentException("The two have no benchmark in common.");
    }
}
