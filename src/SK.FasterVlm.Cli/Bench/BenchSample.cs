using SK.FasterVlm.Generation;

namespace SK.FasterVlm.Cli.Bench;

/// <summary>One measured request. Times are milliseconds.</summary>
/// <param name="Run">Round of the measurement, from 0.</param>
/// <param name="Keep">Share of the visual tokens asked for.</param>
/// <param name="VisualTokens">Visual tokens the language model got.</param>
/// <param name="PromptTokens">Positions of the prompt, visual tokens included.</param>
/// <param name="OutputTokens">Tokens generated.</param>
/// <param name="Decode">Decoding the image file.</param>
/// <param name="Preprocess">Padding, resizing, normalising.</param>
/// <param name="Encode">The tower up to the [CLS] attention.</param>
/// <param name="Select">Choosing visual tokens.</param>
/// <param name="Project">Last layer's rest and projector, for the kept rows.</param>
/// <param name="Prefill">Evaluating the prompt.</param>
/// <param name="TimeToFirstToken">From the image's bytes to the first token.</param>
/// <param name="TokensPerSecond">Decode speed after the first token.</param>
/// <param name="KvBytes">KV cache the sequence used.</param>
/// <param name="PeakResidentBytes">Peak resident memory during the request; 0 where the system does not say.</param>
internal sealed record BenchSample(
    int Run, double Keep, int VisualTokens, int PromptTokens, int OutputTokens,
    double Decode, double Preprocess, double Encode, double Select, double Project, double Prefill,
    double TimeToFirstToken, double TokensPerSecond, long KvBytes, long PeakResidentBytes)
{
    /// <summary>Visual tokens the picture has without pruning, of all its views; 0 in reports of older versions.</summary>
    public int VisualTokensTotal { get; init; }

    /// <summary>Views of the picture; 0 in reports of older versions.</summary>
    public int Views { get; init; }

    /// <summary>From what a request reports.</summary>
    public static BenchSample From(int run, double keep, GenerationStatistics statistics, long peakResidentBytes)
    {
        ImageStatistics image = statistics.Images[0];
        return new BenchSample(
            run, keep, image.KeptCount, statistics.PromptTokens, statistics.OutputTokens,
            image.Timings.Decode, image.Timings.Preprocess, image.Timings.Encode, image.Timings.Select, image.Timings.Project,
            statistics.PrefillMs, statistics.TimeToFirstTokenMs, statistics.TokensPerSecond, statistics.KvBytes, peakResidentBytes)
        {
            VisualTokensTotal = image.PatchCount,
            Views = image.Kept.Count,
        };
    }
}
