using System.Text;
using SK.FasterVlm.Imaging;

namespace SK.FasterVlm.Core.Tests.Imaging;

/// <summary>What the managed header readers accept, say and refuse.</summary>
public class ImageHeaderTests
{
    public static TheoryData<string> Fixtures => [.. Golden.Fixtures];

    [Theory, MemberData(nameof(Fixtures))]
    public void Read_AgreesWithTheDecodedPicture(string name)
    {
        ImageHeader header = ImageHeader.Read(Golden.Fixture(name));
        RgbImage expected = Golden.Expected(name);
        Assert.Equal((expected.Width, expected.Height), (header.UprightWidth, header.UprightHeight));
        string type = Path.GetExtension(name) switch { ".jpg" => "jpeg", var e => e[1..] };
        Assert.Equal("image/" + type, header.MediaType);
        // The names of fixtures with an orientation end in it.
        int orientation = name.StartsWith("exif", StringComparison.Ordinal) ? name[4] - '0' : 1;
        Assert.Equal(orientation, header.Orientation);
    }

    [Theory]
    [InlineData("Just some words about a photo.", "looks like text")]
    [InlineData("Grüße aus München, naïve café", "looks like text")]
    [InlineData("BMW builds cars and motorcycles.", "looks like text")]
    [InlineData("<!DOCTYPE html><title>404</title>", "web page")]
    [InlineData("data:image/png;base64,iVBORw0KGgo=", "data URL")]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:00", "git lfs pull")]
    [InlineData("%PDF-1.7", "PDF")]
    [InlineData("GGUF\u0003\0\0\0", "GGUF model")]
    [InlineData("PK\u0003\u0004....", "ZIP")]
    [InlineData("RIFF....WAVEfmt ", "RIFF")]
    [InlineData("<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\">", "SVG images are not supported; convert")]
    [InlineData("II*\0....", "TIFF")]
    [InlineData("MM\0*....", "TIFF")]
    [InlineData("8BPS\0\u0001", "Photoshop")]
    [InlineData("\0\0\0\u0020ftypavif\0\0\0\0", "AVIF")]
    [InlineData("\0\0\0\u0018ftypheic\0\0\0\0", "HEIC")]
    [InlineData("\0\0\0\u0018ftypmif1\0\0\0\0", "HEIC")]
    [InlineData("\0\0\0\u0018ftypisom\0\0\0\0", "MP4")]
    [InlineData("\0\0\0\u000CjP  \r\n", "JPEG 2000")]
    [InlineData("\0\0\u0001\0\u0001\0", "icon")]
    [InlineData("\0\u0001\u0002\u0003", "no known kind")]
    [InlineData("", "empty")]
    public void Read_OtherFiles_AreNamed(string content, string expected)
    {
        var error = Assert.Throws<ImageFormatException>(() => ImageHeader.Read(Encoding.UTF8.GetBytes(content)));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Read_LongTextCutInsideACharacter_IsText()
    {
        byte[] text = Encoding.UTF8.GetBytes("a" + new string('€', 1000));
        Assert.Contains("looks like text", Assert.Throws<ImageFormatException>(() => ImageHeader.Read(text)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 5), InlineData(5, 0), InlineData(0x80000000, 5), InlineData(uint.MaxValue, uint.MaxValue)]
    public void Read_PngOfImpossibleSize_IsRefused(uint width, uint height) =>
        Assert.Contains($"{width} x {height}", Assert.Throws<ImageFormatException>(() => ImageHeader.Read(Crafted.Png(width, height))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(0, 3), InlineData(3, 16), InlineData(2, 4), InlineData(6, 1), InlineData(1, 8), InlineData(5, 8), InlineData(255, 255)]
    public void Read_PngOfImpossibleColour_IsRefused(byte colour, byte depth)
    {
        byte[] file = Crafted.Png(4, 4);
        (file[24], file[25]) = (depth, colour);
        Assert.Throws<ImageFormatException>(() => ImageHeader.Read(file));
    }

    [Theory]
    [InlineData(0xC3, "lossless"), InlineData(0xC9, "arithmetic"), InlineData(0xCF, "arithmetic")]
    public void Read_JpegOfRareKind_IsRefusedByName(byte frame, string expected)
    {
        byte[] file = Crafted.Jpeg(16, 8, frame);
        Assert.Contains(expected, Assert.Throws<ImageFormatException>(() => ImageHeader.Read(file)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_JpegWithFillBytesAndJunkBetweenSegments_Works()
    {
        byte[] file = Crafted.Jpeg(16, 8, 0xC0);
        byte[] odd = [.. file[..2], 0xFF, 0xFF, 0xFF, 0xE0, 0, 4, 1, 2, 7, 7, 7, .. file[2..]];
        Assert.Equal(new ImageHeader(ImageFormat.Jpeg, 16, 8, 1), ImageHeader.Read(odd));
    }

    [Fact]
    public void Read_JpegWithoutSizeOrWithTwo_IsRefused()
    {
        Assert.Throws<ImageFormatException>(() => ImageHeader.Read(Crafted.Jpeg(0, 8, 0xC0)));
        Assert.Throws<ImageFormatException>(() => ImageHeader.Read(Crafted.Jpeg(16, 0, 0xC0)));
        byte[] file = Crafted.Jpeg(16, 8, 0xC0);
        Assert.Throws<ImageFormatException>(() => ImageHeader.Read([.. file[..2], .. file[2..^4], .. file[2..]]));
        Assert.Throws<ImageFormatException>(() => ImageHeader.Read([0xFF, 0xD8, 0xFF, 0xD9]));
        Assert.Throws<ImageFormatException>(() => ImageHeader.Read([0xFF, 0xD8, 0xFF, 0xE0, 0, 1, 0xFF, 0xD9]));
    }

    [Fact]
    public void Read_DamagedExif_CountsAsNone()
    {
        byte[] exif = [.. "Exif\0\0"u8, .. "II*\0"u8, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0];
        Assert.Equal(6, ImageHeader.Read(Crafted.WithApp1(exif)).Orientation);
        byte[] bigEndian = [.. "Exif\0\0"u8, .. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 5, 0, 0];
        Assert.Equal(5, ImageHeader.Read(Crafted.WithApp1(bigEndian)).Orientation);
        for (int at = 6; at < exif.Length; at++)
        {
            foreach (byte value in (byte[])[0, 9, 0x7F, 0xFF])
            {
                byte[] damaged = [.. exif];
                damaged[at] = value;
                Assert.InRange(ImageHeader.Read(Crafted.WithApp1(damaged)).Orientation, 1, 8);
            }

            Assert.InRange(ImageHeader.Read(Crafted.WithApp1(exif[..at])).Orientation, 1, 6);
        }
    }

    [Fact]
    public void Read_ExifOfAnotherApp1Owner_IsSkipped()
    {
        byte[] file = Crafted.WithApp1([.. "http://ns.adobe.com/xap/1.0/\0<x/>"u8]);
        Assert.Equal(1, ImageHeader.Read(file).Orientation);
    }

    [Fact]
    public void Read_BmpThatWrapsAnotherFile_IsRefused()
    {
        byte[] file = Golden.Fixture("rgb.bmp");
        file[30] = 4;
        Assert.Throws<ImageFormatException>(() => ImageHeader.Read(file));
    }

    [Fact]
    public void Read_BmpOfLowestHeight_IsRefused()
    {
        byte[] file = Golden.Fixture("rgb.bmp");
        (file[22], file[23], file[24], file[25]) = (0, 0, 0, 0x80);
        Assert.Throws<ImageFormatException>(() => ImageHeader.Read(file));
    }
}
