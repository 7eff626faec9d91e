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
        int cell = PanelSide / gridSide, side = cell * gridSide;
        RgbImage square = new ClipPreprocessor(new ClipPreprocessorSettings { ImageSize = side }).PadAndResize(image);
        RgbImage page = NewPage(side, side);
        Draw(page, 0, new Panel(square, gridSide, gridSide, cell), clsAttention, kept, Largest(clsAttention));
        return ImageEncoder.ToPng(page, caption);
    }

    /// <summary>
    /// Renders the views of LLaVA-NeXT: above the whole picture, below the tiles stitched together, each with its two panels. One colour
    /// scale for all, so that views compare.
    /// </summary>
    /// <param name="image">The decoded picture.</param>
    /// <param name="plan">Its views.</param>
    /// <param name="clsAttention">[tokenSide * tokenSide] of every view in raster order.</param>
    /// <param name="kept">Kept visual tokens of every view.</param>
    /// <param name="tokenSide">Visual tokens per row and column of a view, 1 to 168.</param>
    /// <param name="caption">As in <see cref="Render"/>.</param>
    /// <returns>A PNG file.</returns>
    /// <exception cref="ArgumentException">The attention or the kept indices do not fit the plan.</exception>
    public static byte[] RenderViews(
        RgbImage image, ViewPlan plan, IReadOnlyList<float[]> clsAttention, IReadOnlyList<int[]> kept, int tokenSide, string? caption = null)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(clsAttention);
        ArgumentNullException.ThrowIfNull(kept);
        if (plan.IsPadded) return Render(image, clsAttention[0], kept[0], tokenSide, caption);
        ArgumentOutOfRangeException.ThrowIfLessThan(tokenSide, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokenSide, PanelSide / 4);
        if (clsAttention.Count != plan.ViewCount || kept.Count != plan.ViewCount)
            throw new ArgumentException($"{plan.ViewCount} views need as many attentions and kept sets.", nameof(clsAttention));

        float largest = clsAttention.Max(static view => Largest(view));
        int cell = PanelSide / tokenSide, side = cell * tokenSide;
        int small = Math.Max(1, PanelSide / (tokenSide * Math.Max(1, Math.Max(plan.Columns, plan.Rows)))), tile = small * tokenSide;
        (int tilesWidth, int tilesHeight) = (plan.Columns * tile, plan.Rows * tile);
        RgbImage page = NewPage(Math.Max(side, tilesWidth), side + (plan.TileCount > 0 ? Gap + tilesHeight : 0));
        var whole = new RgbImage(side, side, BicubicResampler.Resize(image, side, side));
        Draw(page, 0, new Panel(whole, tokenSide, tokenSide, cell), clsAttention[0], kept[0], largest);
        if (plan.TileCount == 0) return ImageEncoder.ToPng(page, caption);

        ViewPlan shown = ViewPlan.For(image.Width, image.Height, tile, [], ImageViews.Grid(plan.Columns, plan.Rows));
        int perView = tokenSide * tokenSide, width = plan.Columns * tokenSide;
        float[] stitched = new float[plan.TileCount * perView];
        List<int> stitchedKept = [];
        for (int view = 1; view < plan.ViewCount; view++)
        {
            for (int token = 0; token < perView; token++) stitched[Place(view, token)] = clsAttention[view][token];
            stitchedKept.AddRange(kept[view].Select(token => Place(view, token)));
        }
        Draw(page, side + Gap, new Panel(ViewPreprocessor.Tiled(image, shown), width, plan.Rows * tokenSide, small), stitched, [.. stitchedKept], largest);
        return ImageEncoder.ToPng(page, caption);

        int Place(int view, int token) =>
            ((view - 1) / plan.Columns * tokenSide + token / tokenSide) * width + (view - 1) % plan.Columns * tokenSide + token % tokenSide;
    }

    /// <summary>A picture of columns * rows cells.</summary>
    readonly record struct Panel(RgbImage Picture, int Columns, int Rows, int Cell);

    static RgbImage NewPage(int panelWidth, int height)
    {
        var page = new RgbImage(2 * panelWidth + Gap, height, new byte[(2 * panelWidth + Gap) * height * 3]);
        Fill(page, s_paper);
        return page;
    }

    static float Largest(ReadOnlySpan<float> attention)
    {
        float largest = 0;
        foreach (float value in attention) largest = Math.Max(largest, Clean(value));
        return largest;
    }

    static void Draw(RgbImage page, int top, Panel panel, ReadOnlySpan<float> clsAttention, ReadOnlySpan<int> kept, float largest)
    {
        int patches = panel.Columns * panel.Rows, right = (page.Width + Gap) / 2;
        if (clsAttention.Length != patches) throw new ArgumentException($"{patches} patches need as many attention values, not {clsAttention.Length}.", nameof(clsAttention));
        var isKept = new bool[patches];
        foreach (int patch in kept)
        {
            if ((uint)patch >= (uint)patches) throw new ArgumentException($"Patch {patch} is outside a grid of {patches}.", nameof(kept));
            isKept[patch] = true;
        }
        for (int y = 0; y < panel.Picture.Height; y++)
        {
            for (int x = 0; x < panel.Picture.Width; x++)
            {
                int patch = y / panel.Cell * panel.Columns + x / panel.Cell;
                RgbColor pixel = Get(panel.Picture, x, y);
                Set(page, x, top + y, Heat(pixel, largest > 0 ? MathF.Sqrt(Clean(clsAttention[patch]) / largest) : 0));
                Set(page, right + x, top + y, isKept[patch] ? pixel : Dropped(pixel));
            }
        }
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
