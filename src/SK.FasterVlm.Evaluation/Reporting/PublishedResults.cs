namespace SK.FasterVlm.Evaluation.Reporting;

/// <summary>One row of a published table. Benchmarks are named as in the catalogue; absent numbers were not published.</summary>
/// <param name="Model">Model of the row.</param>
/// <param name="Tokens">Visual tokens kept, all views together.</param>
/// <param name="TotalTokens">Visual tokens without pruning.</param>
/// <param name="Values">Percent, or points for MME (perception).</param>
/// <param name="Average">The paper's average over its benchmarks, percent of the full model.</param>
public sealed record PublishedRow(string Model, int Tokens, int TotalTokens, IReadOnlyDictionary<string, double> Values, double Average)
{
    /// <summary>Share of the visual tokens kept.</summary>
    public double Keep => (double)Tokens / TotalTokens;
}

/// <summary>
/// The results of "[CLS] Attention is All You Need for Training-Free Visual Token Pruning: Make VLM Inference Faster"
/// (FasterVLM, arXiv 2412.01818), as published by its authors; none of these numbers was measured with this library.
/// </summary>
public static class PublishedResults
{
    /// <summary>Where the numbers come from.</summary>
    public const string Source = "FasterVLM, arXiv 2412.01818";

    static readonly string[] s_order = ["vqav2", "gqa", "vizwiz", "sqa", "textvqa", "pope", "mme", "mmbench", "mmbench-cn", "mm-vet"];

    /// <summary>Every row, full model first within a model.</summary>
    public static IReadOnlyList<PublishedRow> Rows { get; } =
    [
        Row("LLaVA-1.5-7B", 576, 576, 100, 78.52, 61.94, 50.06, 69.51, 58.21, 85.88, 1506.47, 64.69, 58.08, 31.30),
        Row("LLaVA-1.5-7B", 432, 576, 100.18, 78.39, 61.51, 50.01, 68.57, 57.91, 85.92, 1501.10, 65.12, 58.51, 32.40),
        Row("LLaVA-1.5-7B", 288, 576, 100.12, 77.86, 60.64, 50.45, 68.37, 57.90, 86.20, 1471.96, 63.83, 56.70, 34.80),
        Row("LLaVA-1.5-7B", 144, 576, 98.75, 76.19, 58.34, 51.97, 67.92, 57.07, 83.46, 1433.76, 62.54, 57.13, 34.20),
        Row("LLaVA-1.5-7B", 58, 576, 94.24, 71.92, 54.91, 53.01, 68.91, 55.28, 75.85, 1348.63, 60.57, 54.90, 30.10),
        Row("LLaVA-1.5-7B", 29, 576, 89.41, 66.75, 51.51, 52.67, 69.56, 53.09, 67.24, 1254.80, 58.51, 51.98, 27.50),
        Row("LLaVA-1.5-13B", 576, 576, 100, 80.00, 63.25, 53.61, 72.78, 61.19, 85.99, 1531.19, 68.47, 63.49, 36.30),
        Row("LLaVA-1.5-13B", 432, 576, 99.21),
        Row("LLaVA-1.5-13B", 288, 576, 99.18),
        Row("LLaVA-1.5-13B", 144, 576, 97.43),
        Row("LLaVA-1.5-13B", 58, 576, 93.68),
        Row("LLaVA-1.5-13B", 29, 576, 88.35),
        Row("LLaVA-NeXT-7B", 2880, 2880, 100, 81.21, 62.93, 55.21, 69.66, 59.59, 86.32, 1513.78, 67.70, 58.85, 42.60),
        Row("LLaVA-NeXT-7B", 2160, 2880, 100.41, 81.18, 62.81, 56.12, 70.70, 59.65, 86.26, 1492.20, 67.35, 58.33, 44.30),
        Row("LLaVA-NeXT-7B", 1440, 2880, 100.53),
        Row("LLaVA-NeXT-7B", 720, 2880, 98.73, 79.25, 61.31, 56.24, 68.82, 59.33, 85.50, 1480.68, 67.53, 59.19, 40.40),
        Row("LLaVA-NeXT-7B", 290, 2880, 93.55, 75.21, 58.12, 56.92, 68.12, 57.57, 80.00, 1370.11, 63.32, 54.47, 35.70),
        Row("LLaVA-NeXT-7B", 145, 2880, 88.85, 70.63, 54.73, 56.27, 68.86, 55.97, 72.89, 1225.96, 60.48, 53.09, 31.90),
    ];

    /// <summary>The published rows that have a number for a benchmark.</summary>
    public static IReadOnlyList<PublishedRow> For(string benchmark) => [.. Rows.Where(row => row.Values.ContainsKey(benchmark))];

    static PublishedRow Row(string model, int tokens, int total, double average, params double[] values) =>
        new(model, tokens, total, s_order.Zip(values).ToDictionary(static p => p.First, static p => p.Second), average);
}
