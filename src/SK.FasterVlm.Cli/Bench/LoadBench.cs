using System.Diagnostics;

namespace SK.FasterVlm.Cli.Bench;

/// <summary>Measures servers from outside, each in every round, so that all see the machine in the same state.</summary>
internal sealed class LoadBench(LoadSettings settings)
{
    const string Question = "What is in the picture?", Other = "Is there a house in the picture?";

    readonly byte[][] _images = [.. Enumerable.Range(1, settings.Streams).Select(BenchImage.Create)];

    /// <summary>Measures one server once.</summary>
    /// <param name="client">The server.</param>
    /// <param name="round">Number of the round: images of other rounds are other images.</param>
    /// <param name="cancellationToken">Ends the measurement.</param>
    public async Task<LoadSample> MeasureAsync(LoadClient client, int round, CancellationToken cancellationToken)
    {
        byte[] fresh = BenchImage.Create(10_000 + round);
        double first = (await AskAsync(client, fresh, Question, 1, cancellationToken)).FirstMs;
        double second = (await AskAsync(client, fresh, Other, 1, cancellationToken)).FirstMs;
        double text = (await AskAsync(client, null, $"{round} {Other}", 1, cancellationToken)).FirstMs;

        // Whoever caches images has seen these: this is about the language model.
        foreach (byte[] image in _images) await AskAsync(client, image, Question, 1, cancellationToken);
        long start = Stopwatch.GetTimestamp();
        int alone = 0;
        foreach (byte[] image in _images) alone += (await StreamAsync(client, image, $"{Question} {2 * round}", cancellationToken)).Tokens;
        double aloneSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;

        start = Stopwatch.GetTimestamp();
        LoadAnswer[] together = await Task.WhenAll(_images.Select(
            image => Task.Run(() => StreamAsync(client, image, $"{Question} {(2 * round) + 1}", cancellationToken), cancellationToken)));
        double togetherSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return new LoadSample(
            first, second, text, alone / aloneSeconds, together.Sum(static a => a.Tokens) / togetherSeconds,
            together.Select(static a => a.Gaps).Where(static g => g.Length > 0).Select(static g => g.Max() / Spread.Of(g).Median).DefaultIfEmpty(1).Max());
    }

    Task<LoadAnswer> StreamAsync(LoadClient client, byte[] image, string question, CancellationToken cancellationToken) =>
        AskAsync(client, image, question, settings.OutputTokens, cancellationToken);

    Task<LoadAnswer> AskAsync(LoadClient client, byte[]? image, string question, int tokens, CancellationToken cancellationToken) =>
        client.AskAsync(image, question, tokens, settings.BannedTokens, cancellationToken);
}
