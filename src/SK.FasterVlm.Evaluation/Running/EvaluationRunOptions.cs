using SK.FasterVlm.Evaluation.Benchmarks;

namespace SK.FasterVlm.Evaluation.Running;

/// <summary>What to run.</summary>
public sealed record EvaluationRunOptions
{
    /// <summary>The benchmark.</summary>
    public required Benchmark Benchmark { get; init; }

    /// <summary>Its question file.</summary>
    public required string QuestionsPath { get; init; }

    /// <summary>Folder of the images; null where the question file carries them.</summary>
    public string? ImageFolder { get; init; }

    /// <summary>Where answers and manifest go; an existing run of the same kind is continued.</summary>
    public required string Directory { get; init; }

    /// <summary>The points of the sweep.</summary>
    public required IReadOnlyList<EvaluationConfiguration> Configurations { get; init; }

    /// <summary>Ask about this many questions only (whole images, spread over the file); null: all.</summary>
    public int? Limit { get; init; }

    /// <summary>How questions are read.</summary>
    public ReadOptions Reading { get; init; } = new();

    /// <summary>Ask failed questions of an earlier attempt again.</summary>
    public bool RetryFailed { get; init; }

    /// <summary>Most tokens of an answer; null: as the benchmark has it.</summary>
    public int? MaxOutputTokens { get; init; }

    /// <summary>Clock for the estimate of the remaining time.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}

/// <summary>How far a run is.</summary>
/// <param name="Done">Answers that exist, those of earlier attempts included.</param>
/// <param name="Total">Answers there will be.</param>
/// <param name="Failed">Questions that failed so far.</param>
/// <param name="Image">The image in work.</param>
/// <param name="Elapsed">Time since this attempt began.</param>
/// <param name="Remaining">Estimate from the speed of this attempt.</param>
public sealed record EvaluationProgress(int Done, int Total, int Failed, string Image, TimeSpan Elapsed, TimeSpan Remaining);
