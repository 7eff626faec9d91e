using SK.FasterVlm.Imaging;

namespace SK.FasterVlm.Core.Tests.Imaging;

/// <summary>Files made to break decoders give the one declared error or a picture; never another error, never the end of the process.</summary>
public class ImageAbuseTests
{
    public static TheoryData<string> Formats => [.. HostileImages.Formats];

    static readonly ImageLimits s_limits = new() { MaxPixels = 40_000_000 };

    [Theory, MemberData(nameof(Formats))]
    public void I5_files_made_to_break_a_decoder_give_a_picture_or_the_typed_error(string format)
    {
        int files = 0;
        foreach ((string name, byte[] file) in HostileImages.Of(format))
        {
            files++;
            (RgbImage? first, string? error) = Decode(name, file);
            TestContext.Current.TestOutputHelper?.WriteLine($"{format}, {name}: {error ?? $"{first!.Width} x {first.Height}"}");
            // What is shown must come from the file: twice the same, whatever lay in memory.
            (RgbImage? second, string? again) = Decode(name, file);
            Assert.Equal(error, again);
            if (first is null) continue;
            Assert.True(first.Pixels.AsSpan().SequenceEqual(second!.Pixels), $"{format}, {name}: two decodings differ");
            Assert.Equal(first.Width * first.Height * 3, first.Pixels.Length);
        }
        Assert.True(files >= 30, $"only {files} files of {format}");
    }

    [Fact]
    public void I5_a_jpeg_of_very_many_scans_is_refused_by_its_header()
    {
        // Every scan is a pass of the decoder over the whole picture, and may be 20 bytes: 200 KB that cost seconds.
        byte[] scan = JpegFile.Scan([1], 1, 63, 0, JpegFile.Bits((0, 1)));
        byte[] File(int scans) => JpegFile.Of(
            [JpegFile.Quantisation, JpegFile.DcTable, JpegFile.AcTable, JpegFile.Frame(0xC2, 8, 8, 0x11),
            JpegFile.Scan([1], 0, 0, 0, JpegFile.Bits((0, 4))), .. Enumerable.Repeat(scan, scans - 1)]);
        Assert.Equal(8, ImageDecoder.Decode(File(32)).Width);
        Assert.Contains("33 scans", Assert.Throws<ImageFormatException>(() => ImageHeader.Read(File(33))).Message, StringComparison.Ordinal);
        // A segment between two scans may hold the end's bytes, which end nothing.
        byte[] FileWithComments(int scans) => JpegFile.Of(
            [JpegFile.Quantisation, JpegFile.DcTable, JpegFile.AcTable, JpegFile.Frame(0xC2, 8, 8, 0x11), JpegFile.Scan([1], 0, 0, 0, JpegFile.Bits((0, 4))),
            .. Enumerable.Repeat<byte[]>([0xFF, 0xFE, 0, 4, 0xFF, 0xD9, .. scan], scans - 1)]);
        Assert.Equal(8, ImageDecoder.Decode(FileWithComments(32)).Width);
        Assert.Contains("33 scans", Assert.Throws<ImageFormatException>(() => ImageHeader.Read(FileWithComments(33))).Message, StringComparison.Ordinal);
        // What stands behind the end, such as a second picture, is none of them.
        Assert.Equal(8, ImageHeader.Read([.. File(32), .. File(32)]).Width);
    }

    static (RgbImage?, string?) Decode(string name, byte[] file)
    {
        try
        {
            return (ImageDecoder.Decode(file, s_limits), null);
        }
        catch (ImageFormatException e)
        {
            return (null, e.Message);
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{name}: {e.Message}", e);
        }
    }
}
