namespace SK.FasterVlm.Imaging;

/// <summary>What an image may cost. Checked on the header, before a single pixel is decoded.</summary>
public sealed record ImageLimits
{
    /// <summary>The published defaults.</summary>
    public static ImageLimits Default { get; } = new();

    /// <summary>Largest encoded size in bytes (default 10 MB).</summary>
    public long MaxBytes { get; init; } = 10_000_000;

    /// <summary>Largest width times height (default 50 megapixels; never more than 500, whatever is set).</summary>
    public long MaxPixels { get; init; } = 50_000_000;

    /// <summary>Largest width or height in pixels (default 16,384; never more than 65,535, whatever is set).</summary>
    public int MaxSide { get; init; } = 16_384;

    /// <summary>Four bytes of each pixel must fit one buffer, and so must a column of resized rows.</summary>
    const int PixelCeiling = 500_000_000, SideCeiling = 65_535;

    /// <summary>Refuses files that are too large.</summary>
    /// <exception cref="ImageFormatException">More than <see cref="MaxBytes"/>.</exception>
    internal void CheckBytes(long bytes)
    {
        if (bytes > MaxBytes)
            throw new ImageFormatException($"The image file has {bytes} bytes and {MaxBytes} are allowed; send a smaller file or raise ImageLimits.MaxBytes.");
    }

    /// <summary>Refuses pictures that are too large.</summary>
    /// <exception cref="ImageFormatException">More than <see cref="MaxPixels"/>, or a side longer than <see cref="MaxSide"/>.</exception>
    internal void CheckSize(int width, int height)
    {
        int side = Math.Min(MaxSide, SideCeiling);
        if (width > side || height > side)
            throw new ImageFormatException($"The image is {width} x {height} pixels and a side may have {side}; send a smaller picture or raise ImageLimits.MaxSide.");
        long pixels = (long)width * height, allowed = Math.Min(MaxPixels, PixelCeiling);
        if (pixels > allowed)
            throw new ImageFormatException($"The image is {width} x {height} = {pixels} pixels and {allowed} are allowed; send a smaller picture or raise ImageLimits.MaxPixels.");
    }
}
