namespace SK.FasterVlm.Imaging;

/// <summary>How pictures are made into the input of a CLIP tower. The defaults are those of LLaVA-1.5.</summary>
public sealed record ClipPreprocessorSettings
{
    /// <summary>Side of the square input in pixels, 1 to 4,096 (default 336).</summary>
    public int ImageSize { get; init; } = 336;

    /// <summary>Colour of the padding that makes the picture square.</summary>
    public RgbColor PadColor { get; init; } = RgbColor.ClipMean;

    /// <summary>Mean of R, G and B that is subtracted, in units of full scale (default: CLIP's).</summary>
    public IReadOnlyList<float> Mean { get; init; } = [0.48145466f, 0.4578275f, 0.40821073f];

    /// <summary>Standard deviation of R, G and B by which is divided, above 0 (default: CLIP's).</summary>
    public IReadOnlyList<float> Std { get; init; } = [0.26862954f, 0.26130258f, 0.27577711f];
}

/// <summary>A picture as a CLIP tower takes it.</summary>
/// <param name="Pixels">[3, ImageSize, ImageSize]: all of R, then G, then B, rows from top to bottom; about -1.8 to 2.2.</param>
/// <param name="Placement">Where the picture lies in the square.</param>
public sealed record PreprocessedImage(float[] Pixels, PicturePlacement Placement)
{
    /// <summary>Side of the square in pixels.</summary>
    public int ImageSize => Placement.ImageSize;
}

/// <summary>
/// Pads to a square, resizes with Pillow's antialiased bicubic filter and normalises: what LLaVA-1.5 does with an image
/// (expand2square, then CLIPImageProcessor). Immutable and thread-safe; the same picture always gives the same numbers.
/// </summary>
public sealed class ClipPreprocessor
{
    readonly ClipPreprocessorSettings _settings;
    readonly float[] _levels = new float[3 * 256];

    /// <summary>Prepares the tables.</summary>
    /// <param name="settings">Null means LLaVA-1.5.</param>
    /// <exception cref="ArgumentException">A setting is out of range; the message names it.</exception>
    public ClipPreprocessor(ClipPreprocessorSettings? settings = null)
    {
        _settings = settings ?? new ClipPreprocessorSettings();
        if (_settings.ImageSize is < 1 or > 4096) throw new ArgumentException($"ImageSize must be 1 to 4096, not {_settings.ImageSize}.", nameof(settings));
        if (_settings.Mean is not { Count: 3 } mean || !mean.All(float.IsFinite)) throw new ArgumentException("Mean must be three finite numbers.", nameof(settings));
        if (_settings.Std is not { Count: 3 } std || !std.All(static s => float.IsFinite(s) && s > 0)) throw new ArgumentException("Std must be three numbers above 0.", nameof(settings));
        // There are only 256 levels per channel: (level / 255 - mean) / std, once.
        for (int c = 0; c < 3; c++)
            for (int level = 0; level < 256; level++) _levels[c * 256 + level] = (float)((level / 255.0 - mean[c]) / std[c]);
    }

    /// <summary>What this preprocessor was made with.</summary>
    public ClipPreprocessorSettings Settings => _settings;

    /// <summary>Pads, resizes and normalises.</summary>
    public PreprocessedImage Process(RgbImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        var placement = new PicturePlacement(image.Width, image.Height, _settings.ImageSize);
        byte[] square = BicubicResampler.PadAndResize(image, placement, _settings.PadColor);
        return new PreprocessedImage(Normalize(square, _settings.ImageSize, left: 0, top: 0), placement);
    }

    /// <summary>Normalises a square of ImageSize pixels out of a picture that has its final resolution.</summary>
    /// <param name="rgb">Rows of <paramref name="width"/> pixels, R G B.</param>
    /// <param name="width">Pixels of a row.</param>
    /// <param name="left">First column of the square.</param>
    /// <param name="top">First row of the square.</param>
    /// <returns>[3, ImageSize, ImageSize].</returns>
    internal float[] Normalize(ReadOnlySpan<byte> rgb, int width, int left, int top)
    {
        int size = _settings.ImageSize, area = size * size;
        var pixels = new float[3 * area];
        for (int y = 0; y < size; y++)
        {
            ReadOnlySpan<byte> row = rgb.Slice(((top + y) * width + left) * 3, size * 3);
            for (int c = 0; c < 3; c++)
            {
                ReadOnlySpan<float> levels = _levels.AsSpan(c * 256, 256);
                Span<float> line = pixels.AsSpan(c * area + y * size, size);
                for (int x = 0, from = c; x < size; x++, from += 3) line[x] = levels[row[from]];
            }
        }

        return pixels;
    }

    /// <summary>Pads and resizes only: the picture as the tower sees it, for people.</summary>
    public RgbImage PadAndResize(RgbImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        int size = _settings.ImageSize;
        return new RgbImage(size, size, BicubicResampler.PadAndResize(image, new PicturePlacement(image.Width, image.Height, size), _settings.PadColor));
    }
}
