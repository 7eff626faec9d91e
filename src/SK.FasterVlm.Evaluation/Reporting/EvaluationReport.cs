using SK.FasterVlm.Evaluation.Benchmarks;
using SK.FasterVlm.Evaluation.Formats;
using SK.FasterVlm.Evaluation.Running;
using SK.FasterVlm.Evaluation.Scoring;
using SK.FasterVlm.Evaluation.Statistics;

namespace SK.FasterVlm.Evaluation.Reporting;

/// <summary>A selector at a budget; where several seeds were run, their mean.</summary>
public sealed record ReportRow
{
    /// <summary>Name of the selector; <c>all</c> for the full model.</summary>
    public required string Selector { get; init; }

    /// <summary>Share of the visual tokens kept.</summary>
    public required double Keep { get; init; }

    /// <summary>Seeds that were run; a single 0 for selectors that draw nothing.</summary>
    public required IReadOnlyList<int> Seeds { get; init; }

    /// <summary>Score of every seed, in the order of <see cref="Seeds"/>.</summary>
    public required IReadOnlyList<double> SeedValues { get; init; }

    /// <summary>The headline number, averaged over seeds; counts of questions are per seed. Null where there are no labels.</summary>
    public BenchmarkScore? Score { get; init; }

    /// <summary><see cref="BenchmarkScore.Value"/> in percent of the full model's; null when that was not run.</summary>
    public double? Relative { get; init; }

    /// <summary>Questions asked.</summary>
    public required int Questions { get; init; }

    /// <summary>Questions answered, of all seeds together.</summary>
    public required int Answered { get; init; }

    /// <summary>Questions that failed, of all seeds together.</summary>
    public required int Failed { get; init; }

    /// <summary>Tokens and time; null when nothing was timed.</summary>
    public TimingSummary? Timings { get; init; }
}

/// <summary>Two selectors at one budget, compared on the same questions.</summary>
/// <param name="Keep">Share of the visual tokens kept.</param>
/// <param name="First">The better-known name first, for example <c>cls</c>.</param>
/// <param name="Second">For example <c>random</c>.</param>
/// <param name="Difference">First minus second, in the benchmark's unit.</param>
/// <param name="Interval">95 % interval of the difference (paired); the two differ when 0 lies outside.</param>
public sealed record Comparison(double Keep, string First, string Second, double Difference, ConfidenceInterval Interval);

/// <summary>A finished run in numbers, with everything needed to know what was measured.</summary>
public sealed record EvaluationReport
{
    /// <summary>The run.</summary>
    public required EvaluationRunResult Run { get; init; }

    /// <summary>What the report calls the benchmark; for a set of one's own this says more than the benchmark's title.</summary>
    public string Title { get => field ?? Run.Benchmark.Title; init; }

    /// <summary>File or folder name of the labels; null when the question file carries them or there are none.</summary>
    public string? Labels { get; init; }

    /// <summary>SHA-256 of the labels (<see cref="LabelFiles.Sha256"/>); null when <see cref="Labels"/> is.</summary>
    public string? LabelsSha256 { get; init; }

    /// <summary>Where the times were taken: threads and machine, in words; null when nobody said.</summary>
    public string? MeasuredOn { get; init; }

    /// <summary>Full model first, then by falling budget.</summary>
    public required IReadOnlyList<ReportRow> Rows { get; init; }

    /// <summary>Every pair of selectors at every budget both were run at.</summary>
    public required IReadOnlyList<Comparison> Comparisons { get; init; }

    /// <summary>Published numbers on the same benchmark; empty for other benchmarks, and for runs by another protocol.</summary>
    public required IReadOnlyList<PublishedRow> Published { get; init; }

    /// <summary>Why published numbers of this benchmark do not belong beside this run's; null when they do, or there are none.</summary>
    public string? DiffersFromPublished { get; init; }

    /// <summary>Scores a run.</summary>
    /// <param name="run">From <see cref="EvaluationRun.RunAsync"/>.</param>
    /// <param name="questionsPath">Its question file.</param>
    /// <param name="labelsPath">The labels; null where the question file carries them, or where nothing can be scored.</param>
    /// <exception cref="EvaluationException">The labels do not fit the questions.</exception>
    public static EvaluationReport Create(EvaluationRunResult run, string questionsPath, string? labelsPath)
    {
        ArgumentNullException.ThrowIfNull(run);
        string? labels = labelsPath ?? run.Benchmark.DefaultLabels(questionsPath);
        bool canScore = CanScore(run.Benchmark, labels);
        List<ReportRow> rows = [];
        foreach (var group in run.Configurations.GroupBy(static c => (c.Configuration.Selector, c.Configuration.Keep)))
        {
            BenchmarkScore[] scores = canScore ? [.. group.Select(c => run.Benchmark.Score(c.Sheet, labels))] : [];
            rows.Add(new()
            {
                Selector = group.Key.Selector,
                Keep = group.Key.Keep,
                Seeds = [.. group.Select(static c => c.Configuration.Seed)],
                SeedValues = [.. scores.Select(static s => s.Value)],
                Score = scores.Length == 0 ? null : Mean(scores),
                Questions = group.First().Sheet.Asked,
                Answered = group.Sum(static c => c.Sheet.Answered),
                Failed = group.Sum(static c => c.Sheet.Failed),
                Timings = TimingSummary.Mean([.. group.Select(static c => c.Timings).OfType<TimingSummary>()]),
            });
        }
        IReadOnlyList<PublishedRow> published = PublishedResults.For(run.Benchmark.Name);
        string? differs = published.Count == 0 || run.Configurations.Count == 0 ? null : run.Benchmark.DiffersFromPublished(run.Configurations[0].Sheet);
        double? full = rows.FirstOrDefault(static r => r.Keep >= 1)?.Score?.Value;
        return new()
        {
            Run = run,
            Labels = labelsPath is null ? null : Path.GetFileName(Path.TrimEndingDirectorySeparator(labelsPath)),
            Rows = [.. rows.Select(r => r with { Relative = full > 0 ? 100 * r.Score?.Value / full : null })],
            Comparisons = [.. Compare(rows)],
            LabelsSha256 = labelsPath is null ? null : LabelFiles.Sha256(labelsPath),
            Published = differs is null ? published : [],
            DiffersFromPublished = differs,
        };
    }

    /// <summary>
    /// Scores the questions of a run without answers, so that labels which do not fit are found before the run and not behind it. Does
    /// nothing where nothing can be scored here.
    /// </summary>
    /// <param name="options">The run.</param>
    /// <param name="labelsPath">The labels; null where the question file carries them.</param>
    /// <exception cref="EvaluationException">The labels do not fit the questions, or one of the files cannot be read.</exception>
    public static void CheckLabels(EvaluationRunOptions options, string? labelsPath)
    {
        ArgumentNullException.ThrowIfNull(options);
        Benchmark benchmark = options.Benchmark;
        string? labels = labelsPath ?? benchmark.DefaultLabels(options.QuestionsPath);
        if (!CanScore(benchmark, labels)) return;
        IReadOnlyList<EvaluationQuestion> questions = benchmark.ReadQuestions(options.QuestionsPath, options.Reading);
        HashSet<string> images = QuestionSample.Images(questions, options.Limit);
        benchmark.Score(benchmark.Join(questions, new AnswersFile([], []), q => images.Contains(QuestionSample.ImageOf(q))), labels);
    }

    static bool CanScore(Benchmark benchmark, string? labels) => benchmark.CanScore && (labels is not null || !benchmark.NeedsLabels);

    // The mean over seeds is a number like any other: its bootstrap resamples the images for all seeds together.
    static BenchmarkScore Mean(BenchmarkScore[] scores)
    {
        if (scores.Length == 1) return scores[0];
        WeightedMetric mean = weights =>
        {
            double sum = 0;
            foreach (BenchmarkScore score in scores) sum += score.Weighted(weights);
            return sum / scores.Length;
        };
        return scores[0] with
        {
            Value = scores.Average(static s => s.Value),
            Weighted = mean,
            Interval = Bootstrap.Interval(mean, scores[0].Images.Length, scores[0].Strata),
            Measures = [.. scores[0].Measures.Select(m => m with
            {
                Value = scores.Average(s => s.Measures.First(other => other.Name == m.Name).Value),
                Interval = null,
            })],
        };
    }

    static IEnumerable<Comparison> Compare(List<ReportRow> rows)
    {
        foreach (var sameBudget in rows.Where(static r => r.Score is not null).GroupBy(static r => r.Keep))
        {
            ReportRow[] all = [.. sameBudget];
            for (int a = 0; a < all.Length; a++)
                for (int b = a + 1; b < all.Length; b++)
                    yield return new(sameBudget.Key, all[a].Selector, all[b].Selector, all[a].Score!.Value - all[b].Score!.Value,
                        Bootstrap.Difference(all[a].Score!, all[b].Score!));
        }
    }
}
