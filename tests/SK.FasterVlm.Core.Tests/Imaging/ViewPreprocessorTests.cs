using SK.FasterVlm.Imaging;

namespace SK.FasterVlm.Core.Tests.Imaging;

/// <summary>The pixels of views: stretched, fitted, centred on black, cut.</summary>
public class ViewPreprocessorTests
{
    const int Size = 28;

    // Level v becomes v, so that pixels can be read off.
    static readonly ClipPreprocessor s_plain = new(new() { ImageSize = Size, Mean = [0, 0, 0], Std = [1 / 255f, 1 / 255f, 1 / 255f] });

    [Theory]
    [InlineData(17, 40, 28, 28)]
    [InlineData(90, 31, 28, 28)]
    [InlineData(5, 3, 56, 34)]
    [InlineData(200, 150, 56, 42)]
    [InlineData(28, 28, 28, 28)]
    [InlineData(300, 1, 84, 1)]
    public void Stretching_is_pillows_bicubic(int width, int height, int targetWidth, int targetHeight)
    {
        RgbImage picture = Noise(width, height, seed: width);
        byte[] actual = BicubicResampler.Resize(picture, targetWidth, targetHeight);
        byte[] expected = NaiveBicubic(picture, targetWidth, targetHeight);
        Assert.Equal(expected.Length, actual.Length);
        // One grey level: integer weights against exact ones.
        Assert.All(expected.Zip(actual), static pair => Assert.InRange(pair.Second - pair.First, -1, 1));
    }

    [Fact]
    public void A_square_is_stretched_as_it_is_padded()
    {
        RgbImage picture = Noise(61, 61, seed: 3);
        Assert.Equal(
            BicubicResampler.PadAndResize(picture, new PicturePlacement(61, 61, Size), RgbColor.ClipMean),
            BicubicResampler.Resize(picture, Size, Size));
    }

    [Fact]
    public void Tiles_of_a_fitting_picture_are_its_pieces()
    {
        RgbImage picture = Noise(3 * Size, 2 * Size, seed: 5);
        ViewPlan plan = ViewPlan.For(picture.Width, picture.Height, Size, [(3 * Size, 2 * Size)], ImageViews.Auto);
        float[][] views = [.. new ViewPreprocessor(s_plain).Process(picture, plan)];
        Assert.Equal(7, views.Length);
        for (int view = 1; view < views.Length; view++)
        {
            (int left, int top) = ((view - 1) % 3 * Size, (view - 1) / 3 * Size);
            for (int c = 0; c < 3; c++)
                for (int y = 0; y < Size; y++)
                    for (int x = 0; x < Size; x++)
                        Assert.Equal(picture.Pixels[((top + y) * picture.Width + left + x) * 3 + c], views[view][(c * Size + y) * Size + x], 3);
        }
    }

    [Fact]
    public void What_is_left_over_is_black_and_shared_evenly()
    {
        // 40 x 40 in 3 x 1 views: 28 x 28 in the middle, so the outer tiles are black.
        RgbImage picture = new(40, 40, [.. Enumerable.Repeat((byte)200, 4800)]);
        ViewPlan plan = ViewPlan.For(40, 40, Size, [], ImageViews.Grid(3, 1));
        float[][] views = [.. new ViewPreprocessor(s_plain).Process(picture, plan)];
        Assert.All(views[1], static v => Assert.Equal(0, v));
        Assert.All(views[2], static v => Assert.Equal(200, v, 3));
        Assert.All(views[3], static v => Assert.Equal(0, v));

        // An odd number of rows over: one more below, as integer division leaves it.
        RgbImage wide = new(56, 25, [.. Enumerable.Repeat((byte)200, 56 * 25 * 3)]);
        RgbImage tiled = ViewPreprocessor.Tiled(wide, ViewPlan.For(56, 25, Size, [], ImageViews.Grid(2, 1)));
        int[] filled = [.. Enumerable.Range(0, Size).Where(y => tiled.Pixels[y * 56 * 3] > 0)];
        Assert.Equal(Enumerable.Range(1, 25), filled);
    }

    [Fact]
    public void The_whole_picture_is_stretched_for_next_and_padded_for_one_view()
    {
        RgbImage picture = new(56, 14, [.. Enumerable.Repeat((byte)200, 56 * 14 * 3)]);
        float[] stretched = new ViewPreprocessor(s_plain).Process(picture, ViewPlan.For(56, 14, Size, [(56, 28)], ImageViews.Base)).Single();
        Assert.All(stretched, static v => Assert.Equal(200, v, 3));
        float[] padded = new ViewPreprocessor(s_plain).Process(picture, ViewPlan.For(56, 14, Size, [], ImageViews.Base)).Single();
        Assert.Equal(122, padded[0], 3);
    }

    static RgbImage Noise(int width, int height, int seed)
    {
        byte[] pixels = new byte[width * height * 3];
        new Random(seed).NextBytes(pixels);
        return new RgbImage(width, height, pixels);
    }

    // Keys' kernel (a = -0.5), widened when shrinking, normalised; across first, 8 bits in between, as Pillow documents its resize.
    static byte[] NaiveBicubic(RgbImage image, int width, int height)
    {
        byte[] across = new byte[width * image.Height * 3], result = new byte[width * height * 3];
        for (int x = 0; x < width; x++)
            foreach (int y in Enumerable.Range(0, image.Height))
                for (int c = 0; c < 3; c++)
                    across[(y * width + x) * 3 + c] = Sample(image.Width, width, x, i => image.Pixels[(y * image.Width + i) * 3 + c]);
        for (int y = 0; y < height; y++)
            foreach (int x in Enumerable.Range(0, width))
                for (int c = 0; c < 3; c++)
                    result[(y * width + x) * 3 + c] = Sample(image.Height, height, y, i => across[(i * width + x) * 3 + c]);
        return result;

        static byte Sample(int from, int to, int at, Func<int, byte> pixel)
        {
            double scale = (double)from / to, stretch = Math.Max(1, scale), centre = (at + 0.5) * scale, sum = 0, weights = 0;
            for (int i = 0; i < from; i++)
            {
                double distance = Math.Abs((i + 0.5 - centre) / stretch);
                double weight = distance < 1 ? 1.5 * Math.Pow(distance, 3) - 2.5 * distance * distance + 1
                    : distance < 2 ? -0.5 * Math.Pow(distance, 3) + 2.5 * distance * distance - 4 * distance + 2 : 0;
                (sum, weights) = (sum + weight * pixel(i), weights + weight);
            }
            return (byte)Math.Clamp((int)Math.Floor(sum / weights + 0.5), 0, 255);
        }
    }
}
