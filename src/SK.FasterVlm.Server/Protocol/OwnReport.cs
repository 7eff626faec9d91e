using System.Text.Json.Serialization;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Generation;
using SK.FasterVlm.Imaging;

namespace SK.FasterVlm.Server.Protocol;

/// <summary>Our own field of an answer, <c>fastervlm</c>: what pruning did, and on request everything that was measured.</summary>
/// <param name="VisualTokens">Of all images.</param>
/// <param name="ImageCacheHits">Images that had been encoded for another request.</param>
/// <param name="Statistics">Everything that was measured.</param>
sealed record OwnReport(
    VisualTokenCounts VisualTokens, long ImageCacheHits, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] OwnStatistics? Statistics)
{
    /// <summary>The report of an answer; null when there is nothing to report.</summary>
    /// <param name="usage">Usage of the answer, which carries the counts.</param>
    /// <param name="properties">Additional properties of the answer, which carry the statistics.</param>
    /// <param name="whole">Whether the client asked for the statistics.</param>
    public static OwnReport? Of(UsageDetails? usage, AdditionalPropertiesDictionary? properties, bool whole)
    {
        GenerationStatistics? statistics = properties?.GetValueOrDefault(FasterVlmChatClient.StatisticsKey) as GenerationStatistics;
        VisualTokenCounts counts = statistics is not null
            ? new(statistics.VisualTokensKept, statistics.VisualTokensTotal)
            : new(usage?.AdditionalCounts?.GetValueOrDefault("visual_tokens_kept") ?? 0, usage?.AdditionalCounts?.GetValueOrDefault("visual_tokens_total") ?? 0);
        if (counts.Total == 0 && !(whole && statistics is not null)) return null;
        long hits = statistics?.ImageCacheHits ?? usage?.AdditionalCounts?.GetValueOrDefault("image_cache_hits") ?? 0;
        return new OwnReport(counts, hits, whole && statistics is not null ? OwnStatistics.Of(statistics) : null);
    }
}

/// <summary>Visual tokens the language model got, and those there would have been.</summary>
sealed record VisualTokenCounts(long Kept, long Total);

/// <summary>What happened in a request; times are milliseconds of wall clock.</summary>
sealed record OwnStatistics(IReadOnlyList<OwnImage> Images, OwnTimings TimingsMs, double TokensPerSecond, long KvBytes)
{
    public static OwnStatistics Of(GenerationStatistics s) => new(
        [.. s.Images.Select(OwnImage.Of)],
        new OwnTimings(s.QueueMs, s.Images.Sum(static i => i.Timings.Total), s.PrefillMs, s.GenerationMs, s.TimeToFirstTokenMs),
        s.TokensPerSecond, s.KvBytes);
}

/// <summary>Milliseconds of a request by stage.</summary>
sealed record OwnTimings(double Queue, double Images, double Prefill, double Generation, double FirstToken);

/// <summary>One image: its size in pixels, its views and the visual tokens kept of each.</summary>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="GridSide">Visual tokens per row and column of a view.</param>
/// <param name="Views">Where every view lies over the picture: the whole picture first, then tiles in raster order.</param>
/// <param name="Kept">Raster indices of the kept visual tokens, per view.</param>
/// <param name="FromCache">Whether the image had been encoded for another request; its timings then are 0.</param>
/// <param name="TimingsMs">Milliseconds by stage.</param>
sealed record OwnImage(
    int Width, int Height, int GridSide, IReadOnlyList<OwnView> Views, IReadOnlyList<int[]> Kept, bool FromCache,
    OwnImageTimings TimingsMs)
{
    public static OwnImage Of(ImageStatistics image)
    {
        // Newlines and tokens cut away with padding make the count of an image no multiple of a view's.
        int perView = image.ClsAttention.Count > 0 ? image.ClsAttention[0].Length : image.PatchCount / Math.Max(1, image.Kept.Count);
        PicturePlacement placement = new(image.Width, image.Height, 0);
        PixelRectangle padded = new(-placement.OffsetX, -placement.OffsetY, placement.Side, placement.Side);
        return new OwnImage(
            image.Width, image.Height, (int)Math.Round(Math.Sqrt(perView)),
            [.. image.Kept.Select((_, view) => OwnView.Of(image.Plan?.ViewInPicture(view) ?? padded))], image.Kept, image.FromCache,
            new OwnImageTimings(image.Timings.Decode, image.Timings.Preprocess, image.Timings.Encode, image.Timings.Select, image.Timings.Project));
    }
}

/// <summary>What a view shows, in pixels of the picture; reaches over its edges where the view shows padding.</summary>
sealed record OwnView(double X, double Y, double Width, double Height)
{
    public static OwnView Of(PixelRectangle r) => new(r.X, r.Y, r.Width, r.Height);
}

/// <summary>Milliseconds of an image by stage.</summary>
sealed record OwnImageTimings(double Decode, double Preprocess, double Encode, double Select, double Project);
