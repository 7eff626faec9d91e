using System.Text.Json.Nodes;
using SK.FasterVlm.Evaluation.Benchmarks;
using SK.FasterVlm.Evaluation.Scoring;

namespace SK.FasterVlm.Evaluation.Running;

/// <summary>The answers of one configuration.</summary>
/// <param name="Configuration">Selector, budget, seed.</param>
/// <param name="Sheet">Questions with answers.</param>
/// <param name="Timings">Their cost; null when nothing was timed.</param>
public sealed record ConfigurationResult(EvaluationConfiguration Configuration, AnswerSheet Sheet, TimingSummary? Timings);

/// <summary>A finished run.</summary>
/// <param name="Benchmark">The benchmark.</param>
/// <param name="Model">The model.</param>
/// <param name="Manifest">What <c>run.json</c> holds.</param>
/// <param name="Configurations">In the order of the sweep.</param>
public sealed record EvaluationRunResult(
    Benchmark Benchmark, EvaluationModelInfo Model, JsonObject Manifest, IReadOnlyList<ConfigurationResult> Configurations)
{
    /// <summary>Failures, one line per image or question and reason, with how often.</summary>
    public IReadOnlyList<(string Image, string Reason, int Count)> Failures() =>
        [.. Configurations.SelectMany(static c => Enumerable.Range(0, c.Sheet.Questions.Count)
                .Where(i => c.Sheet.IsAsked(i) && c.Sheet.Record(i)?.Error is not null)
                .Select(i => (c.Sheet.Questions[i].ImageKey, c.Sheet.Record(i)!.Error!)))
            .GroupBy(static f => f).OrderBy(static g => g.Key.ImageKey, StringComparer.Ordinal).Select(static g => (g.Key.ImageKey, g.Key.Item2, g.Count()))];
}
