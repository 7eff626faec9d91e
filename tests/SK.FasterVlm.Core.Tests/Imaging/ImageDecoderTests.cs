using SK.FasterVlm.Imaging;

namespace SK.FasterVlm.Core.Tests.Imaging;

/// <summary>Decoding of every kind of file against what its maker put in, or against Pillow for lossy kinds.</summary>
public class ImageDecoderTests
{
    public static TheoryData<string> Fixtures => [.. Golden.Fixtures];

    [Theory, MemberData(nameof(Fixtures))]
    public void Decode_GivesTheExpectedPicture(string name)
    {
        (int largest, double equal) = Golden.Compare(Golden.Expected(name), ImageDecoder.Decode(Golden.Fixture(name)));
        // Lossless kinds must be exact. Decoders of lossy ones may round differently; ICC conversion is arithmetic in floats.
        bool lossy = name.EndsWith(".jpg", StringComparison.Ordinal) || name.StartsWith("lossy", StringComparison.Ordinal);
        Assert.True(largest <= (lossy ? 3 : name == "icc.png" ? 1 : 0), $"{name}: off by up to {largest}, {equal:P1} equal");
    }

    [Fact]
    public void Decode_EveryOrientation_GivesTheUprightPicture()
    {
        RgbImage upright = ImageDecoder.Decode(Golden.Fixture("exif1.jpg"));
        for (int orientation = 2; orientation <= 8; orientation++)
        {
            RgbImage image = ImageDecoder.Decode(Golden.Fixture($"exif{orientation}.jpg"));
            Assert.InRange(Golden.Compare(upright, image).Largest, 0, 16);
        }
    }

    [Fact]
    public void Decode_Transparency_LiesOverTheBackgroundAskedFor()
    {
        byte[] file = Golden.Fixture("rgba.png");
        RgbImage black = ImageDecoder.Decode(file, background: new RgbColor(0, 0, 0)), white = ImageDecoder.Decode(file, background: new RgbColor(255, 255, 255));
        // Alpha runs from 0 at the left to 255 at the right.
        Assert.Equal([0, 0, 0], black.Pixels[..3]);
        Assert.Equal([255, 255, 255], white.Pixels[..3]);
        int last = 20 * 3;
        Assert.Equal(black.Pixels[last..(last + 3)], white.Pixels[last..(last + 3)]);
    }

    [Fact]
    public void Decode_OpaqueFormats_IgnoreTheBackground()
    {
        byte[] file = Golden.Fixture("rgb.jpg");
        Assert.Equal(ImageDecoder.Decode(file).Pixels, ImageDecoder.Decode(file, background: new RgbColor(1, 2, 3)).Pixels);
    }

    [Fact]
    public void Decode_BytesInTheMiddleOfAnArray_Works()
    {
        byte[] file = Golden.Fixture("rgb.png");
        byte[] padded = [1, 2, 3, .. file, 4, 5];
        Assert.Equal(ImageDecoder.Decode(file).Pixels, ImageDecoder.Decode(padded.AsMemory(3, file.Length)).Pixels);
    }

    [Fact]
    public void Decode_TrailingJunk_IsIgnored()
    {
        foreach (string name in Golden.Fixtures)
        {
            byte[] file = [.. Golden.Fixture(name), .. "<script>junk</script>"u8];
            Assert.Equal(ImageDecoder.Decode(Golden.Fixture(name)).Pixels, ImageDecoder.Decode(file).Pixels);
        }
    }

    [Theory, MemberData(nameof(Fixtures))]
    public void Decode_CutInTheMiddleOfThePixels_IsRefused(string name)
    {
        byte[] file = Golden.Fixture(name);
        // The first frames of the two animations end after about 200 bytes.
        int half = name.StartsWith("animated", StringComparison.Ordinal) ? 120 : file.Length * 6 / 10;
        Assert.Throws<ImageFormatException>(() => ImageDecoder.Decode(file.AsMemory(0, half)));
    }

    [Fact]
    public void Decode_CutPng_SaysTruncated()
    {
        byte[] file = Golden.Fixture("rgb.png");
        var error = Assert.Throws<ImageFormatException>(() => ImageDecoder.Decode(file.AsMemory(0, file.Length - 30)));
        Assert.Contains("truncated", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Decode_SharedPictures_Works()
    {
        string folder = Path.Combine(Golden.Root, "..", "..", "shared", "data", "images");
        if (!Directory.Exists(folder)) folder = Path.Combine(Golden.Root, "..", "shared", "data", "images");
        if (!Directory.Exists(folder)) Assert.Skip("The photographs of ../shared/data/images are not here.");
        foreach (string path in Directory.GetFiles(folder))
        {
            byte[] bytes = File.ReadAllBytes(path);
            ImageHeader header = ImageHeader.Read(bytes);
            RgbImage image = ImageDecoder.Decode(bytes);
            Assert.Equal((header.UprightWidth, header.UprightHeight), (image.Width, image.Height));
            Assert.True(image.Pixels.Distinct().Count() > 100, path);
        }
    }
}
