namespace SK.FasterVlm.Imaging;

/// <summary>What an image may cost. Checked on the header, before a single pixel is decoded.</summary>
public sealed record ImageLimits
{
    /// <summary>The published defaults.</summary>
    public static ImageLimits Default { get; } = new();

    /// <summary>Largest encoded size in bytes (default 10 MB).</summary>
    public long MaxBytes { get; init; } = 10_000_000;

    /// <summary>Largest width times height (default 50 megapixels).</summary>
    public long MaxPixels { get; init; } = 50_000_000;

    /// <summary>Largest width or height in pixels (default 16,384).</summary>
    public int MaxSide { get; init; } = 16_384;
}
