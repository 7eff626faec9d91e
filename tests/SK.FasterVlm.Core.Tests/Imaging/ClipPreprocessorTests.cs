using System.Globalization;
using System.Security.Cryptography;
using SK.FasterVlm.Imaging;

namespace SK.FasterVlm.Core.Tests.Imaging;

/// <summary>Padding, resizing and normalising against Pillow.</summary>
public class ClipPreprocessorTests
{
    public static TheoryData<string> Stored => [.. Directory.GetFiles(Path.Combine(Golden.Folder, "resize")).Select(p => Path.GetFileNameWithoutExtension(p)!).Order(StringComparer.Ordinal)];

    [Theory, MemberData(nameof(Stored))]
    public void PadAndResize_EqualsPillow(string name)
    {
        // kind-WIDTHxHEIGHT-size
        string[] parts = name.Split('-', 'x');
        RgbImage expected = ImageDecoder.Decode(File.ReadAllBytes(Path.Combine(Golden.Folder, "resize", name + ".png")));
        RgbImage actual = Resizer(Number(parts[3])).PadAndResize(Golden.Picture(parts[0], Number(parts[1]), Number(parts[2])));
        Assert.Equal((0, 1.0), Golden.Compare(expected, actual));
    }

    [Fact]
    public void PadAndResize_EqualsPillow_AtManySizes()
    {
        string[] lines = File.ReadAllLines(Path.Combine(Golden.Folder, "resize.tsv"))[1..];
        Assert.Equal(160, lines.Length);
        foreach (string line in lines)
        {
            string[] cells = line.Split('\t');
            RgbImage actual = Resizer(Number(cells[3])).PadAndResize(Golden.Picture(cells[0], Number(cells[1]), Number(cells[2])));
            Assert.True(cells[4] == Convert.ToHexStringLower(SHA256.HashData(actual.Pixels)), $"differs from Pillow: {line}");
        }
    }

    [Fact]
    public void PadAndResize_PictureOfTheRightSize_IsUnchanged()
    {
        RgbImage image = Golden.Picture("noise", 336, 336);
        Assert.Equal(image.Pixels, new ClipPreprocessor().PadAndResize(image).Pixels);
    }

    [Theory, InlineData(336, 100), InlineData(101, 336), InlineData(336, 1)]
    public void PadAndResize_LongerSideOfTheRightSize_OnlyPads(int width, int height)
    {
        RgbImage image = Golden.Picture("noise", width, height);
        RgbImage square = new ClipPreprocessor().PadAndResize(image);
        int left = (336 - width) / 2, top = (336 - height) / 2;
        for (int y = 0; y < 336; y++)
        {
            for (int x = 0; x < 336; x++)
            {
                bool inside = x >= left && x < left + width && y >= top && y < top + height;
                byte[] expected = inside ? image.Pixels[(((y - top) * width + x - left) * 3)..(((y - top) * width + x - left) * 3 + 3)] : [122, 116, 104];
                Assert.Equal(expected, square.Pixels[((y * 336 + x) * 3)..((y * 336 + x) * 3 + 3)]);
            }
        }
    }

    [Fact]
    public void Process_IsPlanarAndNormalised()
    {
        var settings = new ClipPreprocessorSettings { ImageSize = 2 };
        byte[] pixels = [0, 1, 2, 255, 254, 253, 10, 20, 30, 40, 50, 60];
        PreprocessedImage result = new ClipPreprocessor(settings).Process(new RgbImage(2, 2, pixels));
        float[] mean = [0.48145466f, 0.4578275f, 0.40821073f], std = [0.26862954f, 0.26130258f, 0.27577711f];
        Assert.Equal(12, result.Pixels.Length);
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < 4; i++) Assert.Equal((pixels[i * 3 + c] / 255f - mean[c]) / std[c], result.Pixels[c * 4 + i], 1e-6f);
        Assert.Equal(2, result.ImageSize);
    }

    [Fact]
    public void Process_MeanColour_IsNearlyZero()
    {
        PreprocessedImage result = new ClipPreprocessor().Process(new RgbImage(1, 1, [122, 116, 104]));
        Assert.Equal(3 * 336 * 336, result.Pixels.Length);
        Assert.All(result.Pixels, static v => Assert.InRange(v, -0.015f, 0.015f));
    }

    [Fact]
    public void Process_OtherSettings_AreUsed()
    {
        var settings = new ClipPreprocessorSettings { ImageSize = 3, PadColor = new RgbColor(0, 51, 255), Mean = [0, 0, 0], Std = [1, 1, 0.5f] };
        PreprocessedImage result = new ClipPreprocessor(settings).Process(new RgbImage(3, 1, [255, 255, 255, 255, 255, 255, 255, 255, 255]));
        Assert.Equal([0, 0, 0, 1, 1, 1, 0, 0, 0, .2f, .2f, .2f, 1, 1, 1, .2f, .2f, .2f, 2, 2, 2, 2, 2, 2, 2, 2, 2], result.Pixels);
    }

    [Fact]
    public void Process_AnySize_Works()
    {
        var preprocessor = Resizer(14);
        var random = new Random(7);
        for (int i = 0; i < 300; i++)
        {
            int width = 1 + random.Next(60), height = i % 5 == 0 ? 1 : 1 + random.Next(60);
            PreprocessedImage result = preprocessor.Process(Golden.Picture("noise", width, height));
            Assert.All(result.Pixels, static v => Assert.InRange(v, -1.8f, 2.2f));
        }

        Assert.Equal(14 * 14 * 3, preprocessor.Process(Golden.Picture("edges", 1, 16_384)).Pixels.Length);
        Assert.Equal(14 * 14 * 3, preprocessor.Process(Golden.Picture("edges", 50_000, 1)).Pixels.Length);
    }

    [Fact]
    public void Process_Twice_GivesTheSameNumbers()
    {
        RgbImage image = Golden.Picture("noise", 400, 301);
        Assert.Equal(new ClipPreprocessor().Process(image).Pixels, new ClipPreprocessor().Process(image).Pixels);
    }

    [Fact]
    public void Settings_OutOfRange_AreRefused()
    {
        Refuses(new() { ImageSize = 0 }, "ImageSize");
        Refuses(new() { ImageSize = 4097 }, "ImageSize");
        Refuses(new() { Mean = [0, 0] }, "Mean");
        Refuses(new() { Mean = [0, 0, float.NaN] }, "Mean");
        Refuses(new() { Std = [1, 1, 0] }, "Std");
        Refuses(new() { Std = [1, 1, float.PositiveInfinity] }, "Std");

        static void Refuses(ClipPreprocessorSettings settings, string name) =>
            Assert.Contains(name, Assert.Throws<ArgumentException>(() => new ClipPreprocessor(settings)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Placement_Landscape_MapsPatchesToThePicture()
    {
        var placement = new PicturePlacement(480, 239, 336);
        Assert.Equal((480, 0, 120), (placement.Side, placement.OffsetX, placement.OffsetY));
        Assert.True(placement.PatchInPicture(0, 24).IsEmpty);
        Assert.True(placement.PatchInPicture(575, 24).IsEmpty);
        // Row 6 of patches begins exactly where the picture does; row 17 ends one pixel of padding below it.
        Assert.Equal(new PixelRectangle(20, 0, 20, 20), placement.PatchInPicture(6 * 24 + 1, 24));
        Assert.Equal(new PixelRectangle(460, 220, 20, 19), placement.PatchInPicture(17 * 24 + 23, 24));
    }

    [Fact]
    public void Placement_Portrait_ClipsPatchesAtTheSides()
    {
        var placement = new PicturePlacement(12, 24, 28);
        Assert.Equal((24, 6, 0), (placement.Side, placement.OffsetX, placement.OffsetY));
        Assert.True(placement.PatchInPicture(0, 4).IsEmpty);
        Assert.Equal(new PixelRectangle(0, 0, 6, 6), placement.PatchInPicture(1, 4));
        Assert.Equal(new PixelRectangle(0, 0, 2, 8), placement.PatchInPicture(0, 3));
        Assert.Throws<ArgumentOutOfRangeException>(() => placement.PatchInPicture(16, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => placement.PatchInPicture(-1, 4));
    }

    static ClipPreprocessor Resizer(int size) => new(new ClipPreprocessorSettings { ImageSize = size });

    static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
