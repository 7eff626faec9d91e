using SK.FasterVlm.Imaging;

namespace SK.FasterVlm.Core.Tests.Imaging;

/// <summary>LLaVA-NeXT's geometry in pixels, against cases worked out by hand and against a second, plainer implementation.</summary>
public class ViewPlanTests
{
    // LLaVA 1.6's resolutions for views of 336 pixels, in the order of its configuration.
    internal static readonly (int Width, int Height)[] Pinpoints = [(336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008)];

    [Theory]
    // landscape: 1.05 times enlarged it is 672 x 504, all 307,200 pixels of it kept
    [InlineData(640, 480, 2, 2, 672, 504)]
    [InlineData(480, 640, 2, 2, 504, 672)]
    // wide: only 1008 x 336 leaves more than 672 x 201
    [InlineData(3000, 900, 3, 1, 1008, 303)]
    [InlineData(900, 3000, 1, 3, 303, 1008)]
    // tiny: every resolution holds all 100 pixels, 336 x 672 wastes least and comes first
    [InlineData(10, 10, 1, 2, 336, 336)]
    [InlineData(336, 336, 1, 2, 336, 336)]
    [InlineData(1, 1, 1, 2, 336, 336)]
    // very thin: 0.504 times 10 is 5.04, rounded up
    [InlineData(2000, 10, 3, 1, 1008, 6)]
    // a line: less than a pixel wide in every resolution, so the least waste decides
    [InlineData(1, 2000, 1, 2, 1, 672)]
    // exactly fitting
    [InlineData(672, 672, 2, 2, 672, 672)]
    [InlineData(336, 672, 1, 2, 336, 672)]
    [InlineData(672, 336, 2, 1, 672, 336)]
    [InlineData(1008, 336, 3, 1, 1008, 336)]
    [InlineData(336, 1008, 1, 3, 336, 1008)]
    public void Llava_rule_by_hand(int width, int height, int columns, int rows, int fittedWidth, int fittedHeight)
    {
        ViewPlan plan = ViewPlan.For(width, height, 336, Pinpoints, ImageViews.Auto);
        Assert.Equal((columns, rows, fittedWidth, fittedHeight), (plan.Columns, plan.Rows, plan.FittedWidth, plan.FittedHeight));
        Assert.Equal((columns * rows, 1 + columns * rows), (plan.TileCount, plan.ViewCount));
        Assert.False(plan.IsPadded);
    }

    // A patch of view 0 must cover the pixels PicturePlacement says, the tiles together the picture and its padding.
    [Fact]
    public void Views_lie_where_the_pictures_pixels_are()
    {
        ViewPlan padded = ViewPlan.For(480, 239, 336, [], ImageViews.Auto);
        Assert.Equal(new PixelRectangle(0, -120, 480, 480), padded.ViewInPicture(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => padded.ViewInPicture(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => padded.ViewInPicture(-1));

        // Stretched whole picture; 640 x 480 becomes 672 x 504 on 672 x 672, 84 of padding above: 80 in pixels of the picture.
        ViewPlan tiled = ViewPlan.For(640, 480, 336, Pinpoints, ImageViews.Auto);
        Assert.Equal(new PixelRectangle(0, 0, 640, 480), tiled.ViewInPicture(0));
        Assert.Equal(new PixelRectangle(0, -80, 320, 320), Rounded(tiled.ViewInPicture(1)));
        Assert.Equal(new PixelRectangle(320, -80, 320, 320), Rounded(tiled.ViewInPicture(2)));
        Assert.Equal(new PixelRectangle(320, 240, 320, 320), Rounded(tiled.ViewInPicture(4)));

        static PixelRectangle Rounded(PixelRectangle r) =>
            new(Math.Round(r.X, 6), Math.Round(r.Y, 6), Math.Round(r.Width, 6), Math.Round(r.Height, 6));
    }

    // FasterVLM's own rule sends square pictures to 2 x 2 whatever their size, where LLaVA's does not.
    [Theory]
    [InlineData(10, 10, 2, 2)]
    [InlineData(336, 336, 2, 2)]
    [InlineData(640, 480, 2, 2)] // 0.75 of 2 x 2 against 0.67 of 2 x 1
    [InlineData(640, 320, 2, 1)]
    [InlineData(300, 100, 3, 1)]
    [InlineData(1, 2000, 1, 2)]
    public void Least_padding_rule_by_hand(int width, int height, int columns, int rows)
    {
        ViewPlan plan = ViewPlan.For(width, height, 336, Pinpoints, ImageViews.Auto, ResolutionRule.LeastPadding);
        Assert.Equal((columns, rows), (plan.Columns, plan.Rows));
    }

    [Theory]
    // landscape in 48 x 48 tokens: 480 * 48 / 640 = 36 rows, 6 cut above and below
    [InlineData(640, 480, 6, 36, 0, 48)]
    [InlineData(480, 640, 0, 48, 6, 36)]
    // 900 * 72 / 3000 = 21.6, cut to 21: three rows of padding, one cut at each side, one stays
    [InlineData(3000, 900, 1, 22, 0, 72)]
    // 24 of 24 columns, and 12 of 48 rows cut on both sides
    [InlineData(10, 10, 12, 24, 0, 24)]
    // 10 * 72 / 2000 = 0.36 rows: nothing is left
    [InlineData(2000, 10, 12, 0, 0, 72)]
    [InlineData(672, 672, 0, 48, 0, 48)]
    [InlineData(1008, 336, 0, 24, 0, 72)]
    public void Unpadding_by_hand(int width, int height, int firstRow, int rows, int firstColumn, int columns)
    {
        ViewPlan plan = ViewPlan.For(width, height, 336, Pinpoints, ImageViews.Auto);
        Assert.Equal((firstRow, rows, firstColumn, columns), plan.Unpad(tokenSide: 24));
    }

    [Fact]
    public void What_is_asked_for_beats_the_file()
    {
        ViewPlan whole = ViewPlan.For(640, 480, 336, Pinpoints, ImageViews.Base);
        Assert.Equal((0, 1, false), (whole.TileCount, whole.ViewCount, whole.IsPadded));
        ViewPlan grid = ViewPlan.For(640, 480, 336, Pinpoints, ImageViews.Grid(3, 2));
        Assert.Equal((3, 2, 896, 672), (grid.Columns, grid.Rows, grid.FittedWidth, grid.FittedHeight));
        // LLaVA-1.5 pads its only view; tiles bring the stretched one with them.
        ViewPlan single = ViewPlan.For(640, 480, 336, [], ImageViews.Auto);
        Assert.Equal((1, true, 0), (single.ViewCount, single.IsPadded, single.FittedWidth));
        Assert.True(ViewPlan.For(640, 480, 336, [], ImageViews.Base).IsPadded);
        Assert.False(ViewPlan.For(640, 480, 336, [], ImageViews.Grid(2, 2)).IsPadded);
        Assert.Equal((0, 0, 0, 0), single.Unpad(24));
    }

    [Fact]
    public void Five_hundred_random_sizes_equal_a_plain_implementation()
    {
        var random = new Random(20);
        for (int i = 0; i < 500; i++)
        {
            // Every order of magnitude as often as any other, so that thin and tiny pictures come too.
            int width = (int)Math.Exp(random.NextDouble() * Math.Log(5000)), height = (int)Math.Exp(random.NextDouble() * Math.Log(5000));
            int view = random.Next(1, 5) * 84;
            (int, int)[] offers = [.. Enumerable.Range(0, random.Next(1, 8)).Select(_ => (random.Next(1, 5) * view, random.Next(1, 5) * view))];
            foreach (ResolutionRule rule in Enum.GetValues<ResolutionRule>())
            {
                ViewPlan plan = ViewPlan.For(width, height, view, offers, ImageViews.Auto, rule);
                (int w, int h) = PlainAnyRes.Best(width, height, offers, rule);
                Assert.Equal((w, h), (plan.Columns * view, plan.Rows * view));
                Assert.Equal(PlainAnyRes.Fitted(width, height, w, h), (plan.FittedWidth, plan.FittedHeight));
            }
        }
    }

    [Theory]
    [InlineData("auto")]
    [InlineData("base")]
    [InlineData("2x2")]
    [InlineData("64x1")]
    public void Views_survive_their_text_form(string text) => Assert.Equal(text, ImageViews.Parse(text).ToString());

    [Theory]
    [InlineData("")]
    [InlineData("2")]
    [InlineData("0x2")]
    [InlineData("65x1")]
    [InlineData("9x9")]
    [InlineData("2x2x2")]
    [InlineData("-1x2")]
    [InlineData("all")]
    public void Other_texts_are_refused(string text)
    {
        Assert.False(ImageViews.TryParse(text, out _));
        Assert.Contains("2x2", Assert.Throws<FormatException>(() => ImageViews.Parse(text)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    [InlineData(65, 1)]
    [InlineData(8, 9)]
    [InlineData(int.MaxValue, int.MaxValue)]
    public void Grids_have_1_to_64_tiles(int columns, int rows) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => ImageViews.Grid(columns, rows));
}

/// <summary>
/// The rules once more, written for reading only: rank all candidates and take the best. Same floating-point products as the
/// original, which decide at the borders.
/// </summary>
static class PlainAnyRes
{
    public static (int Width, int Height) Best(int width, int height, (int W, int H)[] offers, ResolutionRule rule)
    {
        var candidates = offers.Select((offer, index) =>
        {
            double scale = Math.Min((double)offer.W / width, (double)offer.H / height);
            long area = (long)Math.Truncate(width * scale) * (long)Math.Truncate(height * scale);
            long own = (long)width * height, useful = area < own ? area : own;
            return (offer, index, area, useful, waste: (long)offer.W * offer.H - useful, share: (double)area / ((long)offer.W * offer.H));
        }).ToList();
        bool byShare = rule == ResolutionRule.LeastPadding && candidates.Any(static c => c.area > 0);
        return byShare
            ? candidates.OrderByDescending(static c => c.share).ThenBy(static c => c.index).First().offer
            : candidates.OrderByDescending(static c => c.useful).ThenBy(static c => c.waste).ThenBy(static c => c.index).First().offer;
    }

    public static (int Width, int Height) Fitted(int width, int height, int targetWidth, int targetHeight)
    {
        double x = (double)targetWidth / width, y = (double)targetHeight / height;
        if (x < y) return (targetWidth, Math.Min(targetHeight, (int)Math.Ceiling(height * x)));
        return (Math.Min(targetWidth, (int)Math.Ceiling(width * y)), targetHeight);
    }
}
