namespace SK.FasterVlm.Imaging;

/// <summary>A decoded, upright picture: 8-bit RGB, interleaved, rows from top to bottom without padding.</summary>
public sealed class RgbImage
{
    /// <summary>Wraps pixels.</summary>
    /// <param name="width">Width in pixels, at least 1.</param>
    /// <param name="height">Height in pixels, at least 1.</param>
    /// <param name="pixels">width * height * 3 bytes, R G B.</param>
    /// <exception cref="ArgumentException">The sizes do not fit each other.</exception>
    public RgbImage(int width, int height, byte[] pixels)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentNullException.ThrowIfNull(pixels);
        if (pixels.LongLength != (long)width * height * 3) throw new ArgumentException($"{width} x {height} RGB needs {(long)width * height * 3} bytes, got {pixels.LongLength}.", nameof(pixels));
        Width = width;
        Height = height;
        Pixels = pixels;
    }

    /// <summary>Width in pixels.</summary>
    public int Width { get; }

    /// <summary>Height in pixels.</summary>
    public int Height { get; }

    /// <summary>R G B, row by row.</summary>
    public byte[] Pixels { get; }
}
