using SK.FasterVlm.Evaluation.Statistics;

namespace SK.FasterVlm.Evaluation.Scoring;

/// <summary>
/// A benchmark's headline number as a function of how often each image counts, with all its questions: 1 each gives the score, other
/// multiplicities give the resamples of the bootstrap.
/// </summary>
/// <param name="weights">Multiplicity per image.</param>
public delegate double WeightedMetric(ReadOnlySpan<int> weights);

/// <summary>One number of a score sheet.</summary>
/// <param name="Name">For example <c>adversarial F1</c>.</param>
/// <param name="Value">In <paramref name="Unit"/>.</param>
/// <param name="Count">Questions it was computed from.</param>
/// <param name="Unit"><c>%</c> or <c>points</c>.</param>
/// <param name="Interval">95 % confidence interval, where one was computed.</param>
public sealed record Measure(string Name, double Value, int Count, string Unit = "%", ConfidenceInterval? Interval = null);

/// <summary>What a scorer found.</summary>
public sealed record BenchmarkScore
{
    /// <summary>Name of the benchmark.</summary>
    public required string Benchmark { get; init; }

    /// <summary>Name of the headline number, for example <c>mean F1</c>.</summary>
    public required string Metric { get; init; }

    /// <summary>The headline number: percent, or MME's points.</summary>
    public required double Value { get; init; }

    /// <summary><c>%</c> or <c>points</c>.</summary>
    public string Unit { get; init; } = "%";

    /// <summary>95 % confidence interval of <see cref="Value"/>.</summary>
    public required ConfidenceInterval Interval { get; init; }

    /// <summary>Everything else, by category.</summary>
    public IReadOnlyList<Measure> Measures { get; init; } = [];

    /// <summary>Questions that count.</summary>
    public required int Questions { get; init; }

    /// <summary>Questions with an answer.</summary>
    public required int Answered { get; init; }

    /// <summary>Questions that failed, counted as wrong.</summary>
    public int Failed { get; init; }

    /// <summary>Questions without an answer, counted as wrong.</summary>
    public int Missing { get; init; }

    /// <summary>Lines of the answers file that are no answers.</summary>
    public int CorruptLines { get; init; }

    /// <summary>Answers to no question of the file.</summary>
    public int Unmatched { get; init; }

    /// <summary>The headline number under other multiplicities.</summary>
    internal WeightedMetric Weighted { get; init; } = static _ => double.NaN;

    /// <summary>Names of the images, in the order of the weights.</summary>
    internal string[] Images { get; init; } = [];

    /// <summary>The part each image belongs to, where the number is made of parts of fixed size (MME's tasks); null: one part.</summary>
    internal int[]? Strata { get; init; }

    /// <summary>What answers that see no picture can reach, by category; null where the benchmark does not tell.</summary>
    public IReadOnlyDictionary<string, double>? Blind { get; init; }
}
