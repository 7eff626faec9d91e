using SK.FasterVlm.Chat;
using SK.FasterVlm.Imaging;
using SK.FasterVlm.Language;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Generation;

/// <summary>An image of a request: encoded bytes of a file, or an image that has been through the encode graph already.</summary>
public sealed class ImageInput
{
    ImageInput(ReadOnlyMemory<byte> bytes, EncodedImage? encoded) => (Bytes, Encoded) = (bytes, encoded);

    /// <summary>The file's bytes; empty when <see cref="Encoded"/> is set.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>The encoded image, which the caller owns and disposes; null when <see cref="Bytes"/> is set.</summary>
    public EncodedImage? Encoded { get; }

    /// <summary>From the bytes of a PNG, JPEG, WebP, GIF or BMP file.</summary>
    public static ImageInput FromBytes(ReadOnlyMemory<byte> bytes) => new(bytes, null);

    /// <summary>From an image encoded before, for example to try several budgets on it.</summary>
    public static ImageInput FromEncoded(EncodedImage image) => new(default, image);
}

/// <summary>One request to the <see cref="Generator"/>.</summary>
public sealed record GenerationRequest
{
    /// <summary>The prompt; image segments refer to <see cref="Images"/> by index.</summary>
    public required IReadOnlyList<PromptSegment> Prompt { get; init; }

    /// <summary>The images.</summary>
    public IReadOnlyList<ImageInput> Images { get; init; } = [];

    /// <summary>How tokens are drawn (default: greedy).</summary>
    public SamplingSettings Sampling { get; init; } = SamplingSettings.Greedy;

    /// <summary>Records the log-probability of every token and of this many likeliest ones, 0 to 20; null (default) records nothing.</summary>
    public int? TopLogProbabilities { get; init; }

    /// <summary>Most tokens to generate, at least 1.</summary>
    public int MaxOutputTokens { get; init; } = 512;

    /// <summary>Texts that end the answer; they are not part of it. None may be empty.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>Drops white space at the start of the answer (default true): templates end right before the space that opens it.</summary>
    public bool TrimStart { get; init; } = true;

    /// <summary>How many visual tokens to keep of each view.</summary>
    public VisualTokenBudget Budget { get; init; } = VisualTokenBudget.All;

    /// <summary>Who is kept.</summary>
    public required IVisualTokenSelector Selector { get; init; }

    /// <summary>Seed for selectors that draw at random.</summary>
    public int SelectorSeed { get; init; }

    /// <summary>Views of the images given as bytes; null takes the encoder's own settings.</summary>
    public ViewSettings? Views { get; init; }

    /// <summary>Told after every encoded view, from a thread of the encoder.</summary>
    public IProgress<ImageProgress>? ImageProgress { get; init; }

    /// <summary>
    /// Longest time from the start of the request to its end, waiting included; null (default) takes
    /// <see cref="FasterVlmOptions.RequestTimeout"/>, <see cref="Timeout.InfiniteTimeSpan"/> sets no limit.
    /// </summary>
    public TimeSpan? TimeLimit { get; init; }
}

/// <summary>How far the encoding of a request's images is.</summary>
/// <param name="Image">Index of the image.</param>
/// <param name="Images">Images of the request.</param>
/// <param name="View">Views of this image encoded so far.</param>
/// <param name="Views">Views of this image.</param>
public readonly record struct ImageProgress(int Image, int Images, int View, int Views);

/// <summary>Why generation ended.</summary>
public enum GenerationEnd
{
    /// <summary>The model ended its turn, or a stop text appeared.</summary>
    Stop,

    /// <summary><see cref="GenerationRequest.MaxOutputTokens"/> or the end of the context was reached.</summary>
    Length,
}

/// <summary>What one image cost and kept.</summary>
/// <param name="Width">Width of the decoded picture in pixels.</param>
/// <param name="Height">Height of the decoded picture in pixels.</param>
/// <param name="PatchCount">Visual tokens without pruning, newlines included.</param>
/// <param name="Kept">Kept visual tokens of every view, ascending.</param>
/// <param name="Timings">Milliseconds by stage.</param>
public sealed record ImageStatistics(int Width, int Height, int PatchCount, IReadOnlyList<int[]> Kept, VisionTimings Timings)
{
    /// <summary>Whether the image had been encoded for another request, so that its <see cref="Timings"/> are 0.</summary>
    public bool FromCache { get; init; }

    /// <summary>[CLS] attention of every view, each [patches] in raster order: what the selection was made by.</summary>
    public IReadOnlyList<float[]> ClsAttention { get; init; } = [];

    /// <summary>How the picture was cut into views; null when the encoder does not say, which means one padded view.</summary>
    public ViewPlan? Plan { get; init; }

    /// <summary>Newline embeddings the language model got beside them (LLaVA-NeXT with <see cref="ViewMerge.SpatialUnpad"/>).</summary>
    public int Newlines { get; init; }

    /// <summary>Visual tokens the language model got, newlines included.</summary>
    public int KeptCount => Kept.Sum(static view => view.Length) + Newlines;
}

/// <summary>What happened in a request. Times are milliseconds of wall clock.</summary>
/// <param name="PromptTokens">Positions of the prompt, visual tokens included.</param>
/// <param name="OutputTokens">Tokens generated, the end-of-turn token excluded.</param>
/// <param name="Images">One entry per image.</param>
/// <param name="QueueMs">Waiting for the requests before it and for room in the KV cache.</param>
/// <param name="PrefillMs">Evaluating the prompt; steps of other requests between its parts included.</param>
/// <param name="GenerationMs">From the first token to the last.</param>
/// <param name="TimeToFirstTokenMs">From the start of the request to the first token, waiting excluded.</param>
/// <param name="KvBytes">KV cache the sequence used at its end.</param>
public sealed record GenerationStatistics(
    int PromptTokens, int OutputTokens, IReadOnlyList<ImageStatistics> Images,
    double QueueMs, double PrefillMs, double GenerationMs, double TimeToFirstTokenMs, long KvBytes)
{
    /// <summary>Positions of the prompt that were taken from the prefix cache instead of being evaluated.</summary>
    public int CachedPromptTokens { get; init; }

    /// <summary>Images that were taken from the image cache instead of being encoded.</summary>
    public int ImageCacheHits => Images.Count(static i => i.FromCache);

    /// <summary>Visual tokens the language model got.</summary>
    public int VisualTokensKept => Images.Sum(static i => i.KeptCount);

    /// <summary>Visual tokens there would have been without pruning.</summary>
    public int VisualTokensTotal => Images.Sum(static i => i.PatchCount);

    /// <summary>Tokens per second after the first; 0 when only one was generated.</summary>
    public double TokensPerSecond => GenerationMs > 0 && OutputTokens > 1 ? (OutputTokens - 1) * 1000.0 / GenerationMs : 0;
}

/// <summary>A piece of the answer; the last update of a stream carries <see cref="Statistics"/> and no further text follows it.</summary>
/// <param name="Text">Whole characters only; may be empty.</param>
/// <param name="End">Set on the last update.</param>
/// <param name="Statistics">Set on the last update.</param>
public readonly record struct GenerationUpdate(string Text, GenerationEnd? End = null, GenerationStatistics? Statistics = null)
{
    /// <summary>The tokens since the last update, when the request asked for log-probabilities.</summary>
    public IReadOnlyList<TokenLogProbability>? Tokens { get; init; }
}

/// <summary>A whole answer.</summary>
/// <param name="Text">The text.</param>
/// <param name="End">Why generation ended.</param>
/// <param name="Statistics">What happened.</param>
public sealed record GenerationResult(string Text, GenerationEnd End, GenerationStatistics Statistics)
{
    /// <summary>The answer's tokens, when the request asked for log-probabilities.</summary>
    public IReadOnlyList<TokenLogProbability>? Tokens { get; init; }
}
