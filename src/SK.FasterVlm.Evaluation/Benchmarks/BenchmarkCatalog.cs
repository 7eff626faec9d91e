namespace SK.FasterVlm.Evaluation.Benchmarks;

/// <summary>Every benchmark, by name.</summary>
public static class BenchmarkCatalog
{
    /// <summary>All benchmarks, in the order of the FasterVLM paper's tables, the generic one last.</summary>
    public static IReadOnlyList<Benchmark> All { get; } =
    [
        new VqaV2Benchmark(), new GqaBenchmark(), new VizWizBenchmark(), new ScienceQaBenchmark(), new TextVqaBenchmark(), new PopeBenchmark(),
        new MmeBenchmark(), new MmBenchBenchmark(chinese: false), new MmBenchBenchmark(chinese: true), new MmVetBenchmark(), new JsonlBenchmark(),
    ];

    /// <summary>Finds a benchmark.</summary>
    /// <exception cref="EvaluationException">No benchmark has this name; the message lists those there are.</exception>
    public static Benchmark Find(string name) =>
        All.FirstOrDefault(b => b.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
        ?? throw new EvaluationException($"There is no benchmark '{name}'; there are {string.Join(", ", All.Select(static b => b.Name))}.");
}
