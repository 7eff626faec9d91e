namespace SK.FasterVlm.Imaging;

/// <summary>
/// Shows what the tower looked at and what was kept: at the left the padded picture under its [CLS] attention, at the right the same
/// with the dropped patches dark and gray. The colours say the square root of a patch's share of the largest value, since [CLS]
/// attention is so uneven that a linear scale shows a handful of dots.
/// </summary>
public static class HeatmapRenderer
{
    /// <summary>Aimed-at side of a panel, and the gap between the two, in pixels.</summary>
    const int PanelSide = 672, Gap = 16;

    /// <summary>Dark to bright, for 0, 1/4, 1/2, 3/4 and 1; brightness grows evenly, so it survives a gray print.</summary>
    static readonly RgbColor[] s_scale = [new(10, 7, 35), new(87, 16, 110), new(188, 55, 84), new(249, 142, 9), new(252, 255, 164)];

    static readonly RgbColor s_paper = new(24, 24, 27);

    /// <summary>Renders the two panels.</summary>
    /// <param name="image">The decoded picture.</param>
    /// <param name="clsAttention">[gridSide * gridSide] in raster order, 0 or more; what is not a number counts as 0.</param>
    /// <param name="kept">Indices of the kept patches.</param>
    /// <param name="gridSide">Patches per row and column, 1 to 168.</param>
    /// <param name="caption">A line of text below the panels; left out when null or when the machine has no font.</param>
    /// <returns>A PNG file, two squares wide.</returns>
    /// <exception cref="ArgumentException">The attention or the kept indices do not fit the grid.</exception>
    public static byte[] Render(RgbImage image, ReadOnlySpan<float> clsAttention, ReadOnlySpan<int> kept, int gridSide, string? caption = null)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfLessThan(gridSide, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(gridSide, PanelSide / 4);
        int patches = gridSide * gridSide;
        if (clsAttention.Length != patches) throw new ArgumentException($"{patches} patches need as many attention values, not {clsAttention.Length}.", nameof(clsAttention));
        var isKept = new bool[patches];
        foreach (int patch in kept)
        {
            if ((uint)patch >= (uint)patches) throw new ArgumentException($"Patch {patch} is outside a grid of {patches}.", nameof(kept));
            isKept[patch] = true;
        }

        int cell = PanelSide / gridSide, side = cell * gridSide;
        RgbImage square = new ClipPreprocessor(new ClipPreprocessorSettings { ImageSize = side }).PadAndResize(image);
        var page = new RgbImage(2 * side + Gap, side, new byte[(2 * side + Gap) * side * 3]);
        Fill(page, s_paper);
        float largest = 0;
        foreach (float value in clsAttention) largest = Math.Max(largest, Clean(value));
        for (int patch = 0; patch < patches; patch++)
        {
            float heat = largest > 0 ? MathF.Sqrt(Clean(clsAttention[patch]) / largest) : 0;
            (int left, int top) = (patch % gridSide * cell, patch / gridSide * cell);
            for (int y = top; y < top + cell; y++)
            {
                for (int x = left; x < left + cell; x++)
                {
                    RgbColor pixel = Get(square, x, y);
                    Set(page, x, y, Heat(pixel, heat));
                    Set(page, side + Gap + x, y, isKept[patch] ? pixel : Dropped(pixel));
                }
            }
        }

        return ImageEncoder.ToPng(page, caption);
    }

    static RgbColor Heat(RgbColor pixel, float heat)
    {
        float place = heat * (s_scale.Length - 1);
        int step = Math.Min((int)place, s_scale.Length - 2);
        // Cool patches let more of the picture through than hot ones.
        return Mix(pixel, Mix(s_scale[step], s_scale[step + 1], place - step), 0.45f + 0.3f * heat);
    }

    /// <summary>A quarter of the luminance (ITU-R BT.601).</summary>
    static RgbColor Dropped(RgbColor pixel)
    {
        byte gray = (byte)((299 * pixel.R + 587 * pixel.G + 114 * pixel.B) / 4000 + 12);
        return new RgbColor(gray, gray, gray);
    }

    static RgbColor Mix(RgbColor a, RgbColor b, float share) => new(Mix(a.R, b.R, share), Mix(a.G, b.G, share), Mix(a.B, b.B, share));

    static byte Mix(byte a, byte b, float share) => (byte)(a + (b - a) * share + 0.5f);

    static float Clean(float value) => float.IsFinite(value) && value > 0 ? value : 0;

    static void Fill(RgbImage image, RgbColor colour)
    {
        for (int i = 0; i < image.Pixels.Length; i += 3) (image.Pixels[i], image.Pixels[i + 1], image.Pixels[i + 2]) = (colour.R, colour.G, colour.B);
    }

    static RgbColor Get(RgbImage image, int x, int y)
    {
        int at = (y * image.Width + x) * 3;
        return new RgbColor(image.Pixels[at], image.Pixels[at + 1], image.Pixels[at + 2]);
    }

    static void Set(RgbImage image, int x, int y, RgbColor colour)
    {
        int at = (y * image.Width + x) * 3;
        (image.Pixels[at], image.Pixels[at + 1], image.Pixels[at + 2]) = (colour.R, colour.G, colour.B);
    }
}
