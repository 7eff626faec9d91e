using SK.FasterVlm.Imaging;

namespace SK.FasterVlm.Core.Tests.Imaging;

/// <summary>Every limit on both sides of its border, and bombs.</summary>
public class ImageLimitsTests
{
    [Fact]
    public void MaxBytes_BothSides()
    {
        byte[] file = Golden.Fixture("rgb.png");
        ImageDecoder.Decode(file, new ImageLimits { MaxBytes = file.Length });
        string message = Refusal(file, new ImageLimits { MaxBytes = file.Length - 1 });
        Assert.Contains($"{file.Length} bytes", message, StringComparison.Ordinal);
        Assert.Contains("MaxBytes", message, StringComparison.Ordinal);
    }

    [Fact]
    public void MaxPixels_BothSides()
    {
        byte[] file = Golden.Fixture("rgb.png");
        ImageDecoder.Decode(file, new ImageLimits { MaxPixels = 21 * 13 });
        Assert.Contains("21 x 13 = 273 pixels and 272 are allowed", Refusal(file, new ImageLimits { MaxPixels = 272 }), StringComparison.Ordinal);
    }

    [Theory, InlineData("exif1.jpg"), InlineData("exif6.jpg")]
    public void MaxSide_BothSides(string name)
    {
        byte[] file = Golden.Fixture(name);
        ImageDecoder.Decode(file, new ImageLimits { MaxSide = 48 });
        Assert.Contains("a side may have 47", Refusal(file, new ImageLimits { MaxSide = 47 }), StringComparison.Ordinal);
    }

    [Fact]
    public void LimitsRaisedWithoutEnd_StillKeepTheCeilings()
    {
        var none = new ImageLimits { MaxBytes = long.MaxValue, MaxPixels = long.MaxValue, MaxSide = int.MaxValue };
        Assert.Contains("500000000", Refusal(Crafted.Png(30_000, 30_000), none), StringComparison.Ordinal);
        Assert.Contains("65535", Refusal(Crafted.Png(int.MaxValue, 1), none), StringComparison.Ordinal);
        Assert.Contains("65535", Refusal(Crafted.Png(int.MaxValue, int.MaxValue), none), StringComparison.Ordinal);
    }

    public static TheoryData<string, byte[]> Bombs => new()
    {
        { "30000 x 30000", Crafted.Png(30_000, 30_000) },
        { "65500 x 65500", Crafted.Jpeg(65_500, 65_500, 0xC0) },
        { "65535 x 65535", Crafted.Gif(65_535, 65_535) },
        { "16777216 x 16777216", Crafted.WebP(1 << 24, 1 << 24) },
        { "8000 x 8000", Crafted.Png(8_000, 8_000, rows: 8_000) },
    };

    [Theory, MemberData(nameof(Bombs))]
    public void Bombs_AreRefusedBeforeDecoding(string size, byte[] file)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        string message = Refusal(file, ImageLimits.Default);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
        Assert.Contains(size, message, StringComparison.Ordinal);
    }

    [Fact]
    public void ThinPictures_Decode()
    {
        RgbImage image = ImageDecoder.Decode(Crafted.Png(16_384, 1, rows: 1));
        Assert.Equal((16_384, 1), (image.Width, image.Height));
        Assert.Equal((1, 16_384), (ImageDecoder.Decode(Crafted.Png(1, 16_384, rows: 16_384)).Width, 16_384));
    }

    static string Refusal(byte[] file, ImageLimits limits) => Assert.Throws<ImageFormatException>(() => ImageDecoder.Decode(file, limits)).Message;
}
