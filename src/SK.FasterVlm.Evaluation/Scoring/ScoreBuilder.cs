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
    /// The common case: the headline is the mean credit, in percent, with the same by category. Wilson's interval takes answers for
    /// independent and right or wrong; so it serves where every image has one question (and where all answers are alike, which leaves
    /// the bootstrap nothing to draw from). Soft credits (VQA) and several questions to an image get the bootstrap.
    /// </summary>
    internal static BenchmarkScore MeanCredit(string benchmark, string metric, AnswerSheet sheet, IReadOnlyList<Credit> credits)
    {
        if (credits.Count == 0) throw new EvaluationException($"{benchmark}: no question of the file counts; nothing to score.");
        double[] values = [.. credits.Select(static c => c.Value)];
        (string Image, double Sum, int Count)[] images = [.. credits.GroupBy(static c => c.Cluster).Select(static g => (g.Key, g.Sum(static c => c.Value), g.Count()))];
        BenchmarkScore score = Build(benchmark, metric, sheet, weights => WeightedMean(images, weights), [.. images.Select(static i => i.Image)], ByCategory(credits));
        return IsAllOrNothing(values) && (images.Length == values.Length || score.Value is 0 or 100)
            ? score with { Interval = ConfidenceInterval.Wilson(values.Count(static v => v == 1), values.Length) }
            : score;
    }

    /// <summary>Mean credit of every category, in alphabetical order; nothing when there is only one.</summary>
    internal static IReadOnlyList<Measure> ByCategory(IReadOnlyList<Credit> credits) =>
        [.. credits.GroupBy(static c => c.Category).Where(g => g.Count() < credits.Count).OrderBy(static g => g.Key, StringComparer.Ordinal).Select(Category)];

    /// <summary>A headline of any form, with the bootstrap's interval.</summary>
    internal static BenchmarkScore Build(
        string benchmark, string metric, AnswerSheet sheet, WeightedMetric weighted, string[] images, IReadOnlyList<Measure> measures, string unit = "%")
    {
        return new BenchmarkScore
        {
            Benchmark = benchmark,
            Metric = metric,
            Value = weighted(Once(images.Length)),
            Unit = unit,
            Interval = Bootstrap.Interval(weighted, images.Length),
            Measures = measures,
            Questions = sheet.Asked,
            Answered = sheet.Answered,
            Failed = sheet.Failed,
            Missing = sheet.Missing,
            CorruptLines = sheet.CorruptLines,
            Unmatched = sheet.Unmatched,
            Weighted = weighted,
            Images = images,
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
        ConfidenceInterval? interval = IsAllOrNothing(values) ? ConfidenceInterval.Wilson(values.Count(static v => v == 1), values.Length) : null;
        return new Measure(group.Key, 100 * values.Average(), values.Length, Interval: interval);
    }

    static bool IsAllOrNothing(double[] values) => values.All(static v => v is 0 or 1);

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
