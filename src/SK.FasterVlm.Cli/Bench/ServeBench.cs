using System.Diagnostics;
using SK.FasterVlm.Generation;
using SK.FasterVlm.Gguf;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Cli.Bench;

/// <summary>What sharing one model is worth: prefixes and images that are not evaluated twice, and passes that many streams share.</summary>
internal sealed class ServeBench(FasterVlmModel model, ServeSettings settings)
{
    const int RoomContext = 4096, RoomTextTokens = 20, RoomOutputTokens = 40, RoomChats = 64;

    readonly ServePrompts _prompts = new(model, settings.TextTokens);
    int _number;

    /// <summary>Words no prompt before has begun with.</summary>
    string Opening() => $"{++_number * 7919 % 9973} ";

    /// <summary>Asks two questions about a new image, and as much text alone.</summary>
    public async Task<ReuseSample> ReuseAsync(int run, CancellationToken cancellationToken)
    {
        byte[] image = BenchImage.Create(1000 + run);
        string opening = Opening();
        GenerationStatistics first = await AskAsync(_prompts.About(image, opening, "\nFirst: ", 1), cancellationToken);
        GenerationStatistics second = await AskAsync(_prompts.About(image, opening, "\nSecond: ", 1), cancellationToken);
        GenerationStatistics text = await AskAsync(
            _prompts.Text(Opening(), second.PromptTokens - second.CachedPromptTokens), cancellationToken);
        return new ReuseSample(Ttft(first), Ttft(second), Ttft(text), second.PromptTokens - second.CachedPromptTokens, second.CachedPromptTokens);
    }

    /// <summary>Runs streams one after the other, then the same at once; for a model without prefix cache.</summary>
    public async Task<StreamSample> StreamsAsync(CancellationToken cancellationToken)
    {
        byte[][] images = [.. Enumerable.Range(0, settings.Streams).Select(BenchImage.Create)];
        // Encoded before: this is about the language model.
        foreach (byte[] image in images) await AskAsync(_prompts.About(image, Opening(), "", 1), cancellationToken);
        string[] openings = [.. images.Select(_ => Opening())];

        (string Text, List<long> Times)[] alone = new (string, List<long>)[images.Length];
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < images.Length; i++) alone[i] = await StreamAsync(images[i], openings[i], cancellationToken);
        double aloneSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;

        start = Stopwatch.GetTimestamp();
        (string Text, List<long> Times)[] together = await Task.WhenAll(
            images.Select((image, i) => Task.Run(() => StreamAsync(image, openings[i], cancellationToken), cancellationToken)));
        double togetherSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;

        int tokens = settings.OutputTokens * settings.Streams;
        double[][] aloneGaps = Gaps(alone), gaps = Gaps(together);
        return new StreamSample(
            tokens / aloneSeconds, tokens / togetherSeconds, MedianGap(aloneGaps), MedianGap(gaps),
            gaps.Max(static g => g.Max() / Spread.Of(g).Median),
            alone.Zip(together).Count(static pair => pair.First.Text == pair.Second.Text));
    }

    /// <summary>
    /// Counts the image chats that run at once in 4,096 positions with 576 visual tokens per image, LLaVA-1.5's number, at a keep ratio.
    /// A small synthetic model runs them: how many fit depends on lengths alone.
    /// </summary>
    public static async Task<RoomSample> RoomAsync(string directory, double keep, FasterVlmOptions like, CancellationToken cancellationToken)
    {
        ModelGeometry geometry = ModelGeometry.Tiny with
        {
            Name = "grid-576",
            Vision = ModelGeometry.Tiny.Vision with { ImageSize = 336, Layers = 1 },
            Language = ModelGeometry.Tiny.Language with { ContextLength = RoomContext },
        };
        (string modelPath, string projectorPath) = SyntheticModel.Write(directory, geometry, cancellationToken: cancellationToken);
        FasterVlmOptions options = new()
        {
            ModelPath = modelPath,
            ProjectorPath = projectorPath,
            ContextLength = RoomContext,
            MaxSequences = RoomChats,
            PrefillChunk = RoomContext, // so that the first chats still run when the last one starts
            PrefixCache = false, // every chat pays for itself
            Threads = like.Threads,
            Native = like.Native,
        };
        await using FasterVlmModel model = await FasterVlmModel.LoadAsync(options, cancellationToken: cancellationToken);
        ServePrompts prompts = new(model, RoomTextTokens);
        byte[][] images = [.. Enumerable.Range(0, RoomChats).Select(BenchImage.Create)];
        GenerationRequest Request(int i, int tokens) =>
            prompts.About(images[i], "", "", tokens) with { Budget = VisualTokenBudget.Keep(keep) };
        for (int i = 0; i < images.Length; i++) await model.Generator.CompleteAsync(Request(i, 1), cancellationToken);

        int most = 0;
        // How many run at once shall depend on the room they need, not on how fast they come.
        Scheduler scheduler = model.Generator.Scheduler;
        scheduler.Held = true;
        Task<GenerationStatistics>[] chats = [.. images.Select((_, i) => Task.Run(async () =>
        {
            GenerationStatistics? statistics = null;
            await foreach (GenerationUpdate update in model.Generator.GenerateAsync(Request(i, RoomOutputTokens), cancellationToken))
            {
                int running = scheduler.RunningCount;
                for (int seen = most; running > seen; seen = most) Interlocked.CompareExchange(ref most, running, seen);
                statistics = update.Statistics;
            }
            return statistics!;
        }, cancellationToken))];
        while (scheduler.WaitingCount < chats.Length && !chats.Any(static c => c.IsCompleted)) await Task.Delay(1, cancellationToken);
        scheduler.Held = false;
        GenerationStatistics[] all = await Task.WhenAll(chats);
        return new RoomSample(keep, all.Max(static s => s.PromptTokens) + RoomOutputTokens - 1, most);
    }

    async Task<(string Text, List<long> Times)> StreamAsync(byte[] image, string opening, CancellationToken cancellationToken)
    {
        List<long> times = [];
        string text = "";
        await foreach (GenerationUpdate update in model.Generator.GenerateAsync(
            _prompts.About(image, opening, "", settings.OutputTokens), cancellationToken))
        {
            if (update.Text.Length == 0) continue;
            times.Add(Stopwatch.GetTimestamp());
            text += update.Text;
        }
        // At least one gap, also where a model makes no two pieces of text.
        while (times.Count < 2) times.Add(Stopwatch.GetTimestamp());
        return (text, times);
    }

    async Task<GenerationStatistics> AskAsync(GenerationRequest request, CancellationToken cancellationToken) =>
        (await model.Generator.CompleteAsync(request, cancellationToken)).Statistics;

    static double[][] Gaps((string Text, List<long> Times)[] streams) =>
        [.. streams.Select(static s => s.Times.Zip(s.Times.Skip(1), static (a, b) => Stopwatch.GetElapsedTime(a, b).TotalMilliseconds).ToArray())];

    static double MedianGap(double[][] gaps) => Spread.Of(gaps.Select(static g => Spread.Of(g).Median)).Median;

    static double Ttft(GenerationStatistics statistics) => statistics.QueueMs + statistics.TimeToFirstTokenMs;
}
