using SK.FasterVlm.Evaluation.Statistics;

namespace SK.FasterVlm.Evaluation.Scoring;

/// <summary>One question that counts, with the credit its answer earned.</summary>
/// <param name="Cluster">Image name.</param>
/// <param name="Category">Group for the breakdown.</param>
/// <param name="Value">0 to 1.</param>
readonly record struct Credit(string Cluster, string Category, double Value);

/// <summary>Makes a <see cref="BenchmarkScore"/> of what a scorer computed.</summary>
static class ScoreBuilder
{
    /// <summary>
    /// The common case: the headline is the mean credit, in percent, with the same by category; <see cref="Interval"/> says how sure
    /// each is.
    /// </summary>
    internal static BenchmarkScore MeanCredit(string benchmark, string metric, AnswerSheet sheet, IReadOnlyList<Credit> credits)
    {
        if (credits.Count == 0) throw new EvaluationException($"{benchmark}: no question of the file counts; nothing to score.");
        double[] values = [.. credits.Select(static c => c.Value)];
        (string Image, double Sum, int Count)[] images = ByImage(credits);
        BenchmarkScore score = Build(benchmark, metric, sheet, weights => WeightedMean(images, weights), [.. images.Select(static i => i.Image)], ByCategory(credits));
        return Wilson(values, images.Length) is { } interval ? score with { Interval = interval } : score;
    }

    /// <summary>Mean credit of every category, in alphabetical order; nothing when there is only one.</summary>
    internal static IReadOnlyList<Measure> ByCategory(IReadOnlyList<Credit> credits) =>
        [.. credits.GroupBy(static c => c.Category).Where(g => g.Count() < credits.Count).OrderBy(static g => g.Key, StringComparer.Ordinal).Select(Category)];

    /// <summary>A headline of any form, with the bootstrap's interval.</summary>
    internal static BenchmarkScore Build(
        string benchmark, string metric, AnswerSheet sheet, WeightedMetric weighted, string[] images, IReadOnlyList<Measure> measures, string unit = "%",
        int[]? strata = null)
    {
        return new BenchmarkScore
        {
            Benchmark = benchmark,
            Metric = metric,
            Value = weighted(Once(images.Length)),
            Unit = unit,
            Interval = Bootstrap.Interval(weighted, images.Length, strata),
            Measures = measures,
            Questions = sheet.Asked,
            Answered = sheet.Answered,
            Failed = sheet.Failed,
            Missing = sheet.Missing,
            CorruptLines = sheet.CorruptLines,
            Unmatched = sheet.Unmatched,
            Weighted = weighted,
            Images = images,
            Strata = strata,
        };
    }

    /// <summary>Weights under which every image counts once.</summary>
    internal static int[] Once(int images)
    {
        int[] weights = new int[images];
        Array.Fill(weights, 1);
        return weights;
    }

    /// <summary>Index of every question of the run.</summary>
    internal static IEnumerable<int> AskedIndices(this AnswerSheet sheet) =>
        Enumerable.Range(0, sheet.Questions.Count).Where(sheet.IsAsked);

    static Measure Category(IGrouping<string, Credit> group)
    {
        double[] values = [.. group.Select(static c => c.Value)];
        return new Measure(group.Key, 100 * values.Average(), values.Length, Interval: Interval([.. group]));
    }

    /// <summary>
    /// The interval of a mean credit: the bootstrap over images, because answers about one image stand and fall together. Wilson's,
    /// which takes answers for independent and right or wrong, where every image has one question; and where all answers are right, or
    /// all wrong, which leaves the bootstrap nothing to draw from: then every image counts once, as if its answers were one.
    /// </summary>
    internal static ConfidenceInterval Interval(IReadOnlyList<Credit> credits)
    {
        (string Image, double Sum, int Count)[] images = ByImage(credits);
        return Wilson([.. credits.Select(static c => c.Value)], images.Length) ?? Bootstrap.Interval(weights => WeightedMean(images, weights), images.Length);
    }

    static ConfidenceInterval? Wilson(double[] values, int images)
    {
        if (Array.TrueForAll(values, static v => v == 1)) return ConfidenceInterval.Wilson(images, images);
        if (Array.TrueForAll(values, static v => v == 0)) return ConfidenceInterval.Wilson(0, images);
        return images == values.Length && Array.TrueForAll(values, static v => v is 0 or 1)
            ? ConfidenceInterval.Wilson(values.Count(static v => v == 1), values.Length)
            : null;
    }

    static (string Image, double Sum, int Count)[] ByImage(IReadOnlyList<Credit> credits) =>
        [.. credits.GroupBy(static c => c.Cluster).Select(static g => (g.Key, g.Sum(static c => c.Value), g.Count()))];

    static double WeightedMean((string Image, double Sum, int Count)[] images, ReadOnlySpan<int> weights)
    {
        double sum = 0, count = 0;
        for (int i = 0; i < images.Length; i++)
        {
            sum += weights[i] * images[i].Sum;
            count += weights[i] * images[i].Count;
        }
        return 100 * sum / count;
    }
}
