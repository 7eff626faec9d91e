using SK.FasterVlm.Generation;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Cli.Bench;

/// <summary>
/// Measures requests at several keep ratios. The ratios take turns inside each round, every other round backwards, so that whatever
/// drifts (temperature, other processes) hits all rows of the table alike.
/// </summary>
internal sealed class BenchRunner(
    Generator generator, IVisualTokenSelector selector, BenchPrompt prompt, ReadOnlyMemory<byte> image, BenchSettings settings)
{
    /// <summary>Measures what <paramref name="report"/> lacks and adds it there.</summary>
    /// <param name="report">May hold samples of an interrupted measurement.</param>
    /// <param name="measured">Called after every request, for saving and for showing progress.</param>
    /// <param name="cancellationToken">Ends the measurement between requests and inside one.</param>
    public async Task RunAsync(BenchReport report, Action<BenchSample> measured, CancellationToken cancellationToken)
    {
        List<(int Run, double Keep)> missing = [.. Plan().Where(p => !report.Samples.Any(s => s.Run == p.Run && s.Keep == p.Keep))];
        if (missing.Count == 0) return;

        // The shortest prompt touches every weight as well as the longest does.
        for (int i = 0; i < settings.WarmUp; i++)
            await MeasureAsync(-1, settings.Keeps.Min(), cancellationToken);
        foreach ((int run, double keep) in missing)
        {
            BenchSample sample = await MeasureAsync(run, keep, cancellationToken);
            report.Samples.Add(sample);
            measured(sample);
        }
    }

    /// <summary>Number of requests of a whole measurement.</summary>
    public int PlannedCount => settings.Runs * settings.Keeps.Count;

    IEnumerable<(int Run, double Keep)> Plan()
    {
        for (int run = 0; run < settings.Runs; run++)
        {
            foreach (double keep in run % 2 == 0 ? settings.Keeps : settings.Keeps.Reverse()) yield return (run, keep);
        }
    }

    async Task<BenchSample> MeasureAsync(int run, double keep, CancellationToken cancellationToken)
    {
        ResidentMemory.TryResetPeak();
        GenerationRequest request = new()
        {
            Prompt = prompt.Segments,
            Images = [ImageInput.FromBytes(image)],
            Budget = VisualTokenBudget.Keep(keep),
            Selector = selector,
            SelectorSeed = settings.Seed,
            MaxOutputTokens = settings.OutputTokens,
        };
        GenerationResult result = await generator.CompleteAsync(request, cancellationToken);
        return BenchSample.From(run, keep, result.Statistics, ResidentMemory.PeakBytes());
    }
}
