using SK.FasterVlm.Evaluation.Scoring;

namespace SK.FasterVlm.Evaluation.Statistics;

/// <summary>
/// Percentile bootstrap over images (Efron and Tibshirani, 1993, ch. 13): questions about one image stand and fall together, so
/// whole images are drawn with replacement and the headline number is computed anew. Where a benchmark is made of parts of fixed size
/// (MME's tasks), each part's images are drawn from that part. Seeded: the same answers give the same interval.
/// </summary>
public static class Bootstrap
{
    /// <summary>Resamples drawn; the ends of a 95 % interval then rest on 25 values each.</summary>
    public const int DefaultResamples = 1000;

    /// <summary>Seed used where none is given.</summary>
    public const ulong DefaultSeed = 2412_01818;

    /// <summary>The interval of one metric.</summary>
    /// <param name="metric">The headline number under multiplicities.</param>
    /// <param name="images">Number of images.</param>
    /// <param name="resamples">How many resamples, at least 20.</param>
    /// <param name="seed">Seed of the draws.</param>
    public static ConfidenceInterval Interval(WeightedMetric metric, int images, int resamples = DefaultResamples, ulong seed = DefaultSeed) =>
        Interval(metric, images, strata: null, resamples, seed);

    /// <summary>The interval of one metric, drawn within parts.</summary>
    /// <param name="metric">The headline number under multiplicities.</param>
    /// <param name="images">Number of images.</param>
    /// <param name="strata">The part of every image; null: one part.</param>
    /// <param name="resamples">How many resamples, at least 20.</param>
    /// <param name="seed">Seed of the draws.</param>
    internal static ConfidenceInterval Interval(
        WeightedMetric metric, int images, int[]? strata, int resamples = DefaultResamples, ulong seed = DefaultSeed)
    {
        ArgumentNullException.ThrowIfNull(metric);
        return Percentiles(Draw(Parts(images, strata), resamples, seed, weights => metric(weights)));
    }

    /// <summary>
    /// The interval of a difference between two configurations that answered the same questions. Both are computed on the same
    /// resamples, so that what is hard for both cancels; when 0 lies outside, the two differ at the 5 % level.
    /// </summary>
    /// <exception cref="ArgumentException">The two scores are not over the same images.</exception>
    public static ConfidenceInterval Difference(BenchmarkScore first, BenchmarkScore second, int resamples = DefaultResamples, ulong seed = DefaultSeed)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        if (!first.Images.AsSpan().SequenceEqual(second.Images)) throw new ArgumentException("The two scores are not over the same images.");
        return Percentiles(Draw(Parts(first.Images.Length, first.Strata), resamples, seed, weights => first.Weighted(weights) - second.Weighted(weights)));
    }

    static int[][] Parts(int images, int[]? strata) =>
        [.. Enumerable.Range(0, images).GroupBy(i => strata is null ? 0 : strata[i]).Select(static part => part.ToArray())];

    static List<double> Draw(int[][] parts, int resamples, ulong seed, Func<int[], double> metric)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(resamples, 20);
        var values = new List<double>(resamples);
        int[] weights = new int[parts.Sum(static p => p.Length)];
        for (int r = 0; r < resamples && weights.Length > 0; r++)
        {
            Array.Clear(weights);
            foreach (int[] part in parts)
                for (int i = 0; i < part.Length; i++) weights[part[Below(ref seed, part.Length)]]++;
            // A resample can lack a whole category (F1 of nothing); it says nothing about the number.
            if (metric(weights) is var value && double.IsFinite(value)) values.Add(value);
        }
        return values;
    }

    static ConfidenceInterval Percentiles(List<double> values)
    {
        if (values.Count == 0) return new(double.NaN, double.NaN, "bootstrap over images");
        values.Sort();
        return new(Quantile(values, 0.025), Quantile(values, 0.975), "bootstrap over images");
    }

    /// <summary>Linear interpolation between order statistics.</summary>
    internal static double Quantile(List<double> sorted, double q)
    {
        double at = q * (sorted.Count - 1);
        int below = (int)at;
        return below + 1 < sorted.Count ? sorted[below] + (at - below) * (sorted[below + 1] - sorted[below]) : sorted[below];
    }

    // SplitMix64 (Steele, Lea and Flood, 2014), written out so that no change of the platform's generator moves an interval.
    static int Below(ref ulong state, int bound)
    {
        state += 0x9E3779B97F4A7C15;
        ulong z = state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        z ^= z >> 31;
        return (int)Math.BigMul(z, (ulong)bound, out _);
    }
}
