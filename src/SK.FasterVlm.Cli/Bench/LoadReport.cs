namespace SK.FasterVlm.Cli.Bench;

/// <summary>How servers are measured.</summary>
/// <param name="Runs">Measured rounds; each asks every server.</param>
/// <param name="Streams">Streams at once.</param>
/// <param name="OutputTokens">Tokens of each stream.</param>
/// <param name="BannedTokens">Token ids that answers must not hold, for example the end of the text.</param>
internal sealed record LoadSettings(int Runs, int Streams, int OutputTokens, IReadOnlyList<int> BannedTokens);

/// <summary>One server in one round, as its client sees it.</summary>
/// <param name="FirstMs">From sending a question about a new image to the first text of the answer.</param>
/// <param name="SecondMs">The same for a second question about it.</param>
/// <param name="TextMs">The same for a question without an image.</param>
/// <param name="AloneTokensPerSecond">Tokens of all streams by their time, one after the other; their images were asked about before.</param>
/// <param name="TogetherTokensPerSecond">The same, all at once.</param>
/// <param name="WorstGapRatio">Longest time between two pieces of a stream by the median time, of the worst stream, all at once.</param>
internal sealed record LoadSample(
    double FirstMs, double SecondMs, double TextMs, double AloneTokensPerSecond, double TogetherTokensPerSecond, double WorstGapRatio)
{
    /// <summary>Together against alone.</summary>
    public double Speedup => TogetherTokensPerSecond / AloneTokensPerSecond;
}

/// <summary>A server and what was measured of it.</summary>
/// <param name="Address">As it was given.</param>
/// <param name="Model">The first model it lists.</param>
/// <param name="Samples">A sample per round.</param>
internal sealed record LoadServer(string Address, string Model, List<LoadSample> Samples);

/// <summary>What was measured.</summary>
/// <param name="Command">The command line that made it.</param>
/// <param name="Version">Version of this program.</param>
/// <param name="Machine">Where the client ran.</param>
/// <param name="Settings">How it was measured.</param>
/// <param name="Servers">In the order they were named.</param>
internal sealed record LoadReport(
    string Command, string Version, MachineInfo Machine, LoadSettings Settings, IReadOnlyList<LoadServer> Servers);
