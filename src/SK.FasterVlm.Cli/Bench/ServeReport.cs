namespace SK.FasterVlm.Cli.Bench;

/// <summary>How to measure many requests on one model.</summary>
/// <param name="Runs">Measured rounds.</param>
/// <param name="Streams">Streams at once.</param>
/// <param name="OutputTokens">Tokens of each stream.</param>
/// <param name="TextTokens">Text tokens of a prompt, about.</param>
/// <param name="Threads">Processor threads.</param>
internal sealed record ServeSettings(int Runs, int Streams, int OutputTokens, int TextTokens, int Threads);

/// <summary>A second question about an image, and a prompt of text alone with as many new tokens.</summary>
/// <param name="FirstMs">Time to the first token of the first question, encoding the image included.</param>
/// <param name="SecondMs">Of the second question.</param>
/// <param name="TextMs">Of the text prompt.</param>
/// <param name="NewTokens">Tokens evaluated for the second question, and of the text prompt.</param>
/// <param name="CachedTokens">Tokens the second question found.</param>
internal sealed record ReuseSample(double FirstMs, double SecondMs, double TextMs, int NewTokens, int CachedTokens)
{
    /// <summary>Second question against text.</summary>
    public double Ratio => SecondMs / TextMs;
}

/// <summary>Streams one after the other and at once.</summary>
/// <param name="AloneTokensPerSecond">All tokens by the time of all requests, one after the other.</param>
/// <param name="TogetherTokensPerSecond">The same, all at once.</param>
/// <param name="AloneGapMs">Median time between two pieces of a stream while it runs alone, median over the streams.</param>
/// <param name="MedianGapMs">Median time between two pieces of a stream while all run, median over the streams.</param>
/// <param name="WorstGapRatio">Longest gap of a stream by its median gap, of the worst stream.</param>
/// <param name="SameTexts">Streams with the same text alone and together.</param>
internal sealed record StreamSample(
    double AloneTokensPerSecond, double TogetherTokensPerSecond, double AloneGapMs, double MedianGapMs, double WorstGapRatio, int SameTexts)
{
    /// <summary>Together against alone.</summary>
    public double Speedup => TogetherTokensPerSecond / AloneTokensPerSecond;
}

/// <summary>Image chats that ran at once in one context.</summary>
/// <param name="Keep">Share of the visual tokens.</param>
/// <param name="Positions">Positions a chat needs: visual tokens, text and answer.</param>
/// <param name="Chats">Most that ran at once.</param>
internal sealed record RoomSample(double Keep, int Positions, int Chats);

/// <summary>What was measured.</summary>
internal sealed class ServeReport
{
    /// <summary>The command line that made it.</summary>
    public required string Command { get; init; }

    /// <summary>Version of this program.</summary>
    public required string Version { get; init; }

    /// <summary>Where it was measured.</summary>
    public required MachineInfo Machine { get; init; }

    /// <summary>The model of everything but <see cref="Room"/>.</summary>
    public required BenchModel Model { get; init; }

    /// <summary>How it was measured.</summary>
    public required ServeSettings Settings { get; init; }

    /// <summary>Second questions.</summary>
    public List<ReuseSample> Reuse { get; init; } = [];

    /// <summary>Streams.</summary>
    public List<StreamSample> Streams { get; init; } = [];

    /// <summary>Chats that fit.</summary>
    public List<RoomSample> Room { get; init; } = [];
}
