using System.Net;
using SK.FasterVlm.Core.Tests.Imaging;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Threats;

/// <summary>Rows I4 and I5 over HTTP: what the decoder's own tests see, sent to the server.</summary>
public sealed class ImageDecoderThreatTests(EmbeddedServer embedded) : CanaryServer(embedded)
{
    const string Parameter = "messages[0].content[0].image_url.url";

    [Fact]
    public async Task I4_every_kind_of_picture_is_answered()
    {
        List<(string Name, byte[] File)> files = [];
        string folder = Path.Combine(Folder(), "tests", "SK.FasterVlm.Core.Tests", "Imaging", "golden", "fixtures");
        foreach (string path in Directory.GetFiles(folder).Where(static p => !p.EndsWith(".expected.png", StringComparison.Ordinal)))
            files.Add((Path.GetFileName(path), File.ReadAllBytes(path)));
        foreach (int adobe in new[] { 0, 2 })
            foreach (bool progressive in new[] { false, true })
                files.Add(($"inks {adobe} {progressive}", JpegFile.Picture(2, 2, 4, static (x, y) => [10, 20, (byte)(100 * x), (byte)(100 * y)], progressive, JpegFile.Adobe((byte)adobe))));
        Assert.True(files.Count > 30);
        foreach ((string name, byte[] file) in files)
        {
            Reply reply = await Server.ChatAsync(About(DataUri(file)));
            Assert.True(reply.Status == HttpStatusCode.OK, $"{name}: {reply.Text}");
        }
    }

    [Fact]
    public async Task I4_a_kind_that_cannot_be_decoded_is_400()
    {
        byte[] twelve = JpegFile.Of(JpegFile.Quantisation, JpegFile.Segment(0xC1, 12, 0, 8, 0, 8, 1, 1, 0x11, 0), JpegFile.Scan([1], 0, 63, 0, []));
        byte[] arithmetic = JpegFile.Of(JpegFile.Frame(0xC9, 8, 8, 0x11), JpegFile.Scan([1], 0, 63, 0, []));
        byte[] lossless = JpegFile.Of(JpegFile.Frame(0xC3, 8, 8, 0x11), JpegFile.Scan([1], 0, 63, 0, []));
        byte[] two = JpegFile.Of(JpegFile.Frame(0xC0, 8, 8, 0x11, 0x11), JpegFile.Scan([1, 2], 0, 63, 0, []));
        foreach (byte[] file in new[] { twelve, arithmetic, lossless, two })
            (await Server.ChatAsync(About(DataUri(file)))).AssertError(400, Parameter, "invalid_image");
    }

    public static TheoryData<string> Formats => [.. HostileImages.Formats];

    [Theory, MemberData(nameof(Formats))]
    public async Task I5_files_made_to_break_a_decoder_are_400_or_answered(string format)
    {
        int refused = 0, number = 0;
        foreach ((string name, byte[] file) in HostileImages.Of(format))
        {
            // Of those that differ only in a number, some.
            if (char.IsAsciiDigit(name[^1]) && ++number % (format == "WebP" ? 20 : 5) != 0) continue;
            Reply reply = await Server.ChatAsync(About(DataUri(file), "What?"));
            if (reply.Status == HttpStatusCode.OK) continue;
            refused++;
            Assert.True((int)reply.Status is 400 or 413, $"{name}: {reply.Text}");
            string? parameter = (string?)reply.Error["param"];
            Assert.True(parameter is Parameter or "messages", name);
            reply.AssertError((int)reply.Status, parameter, (int)reply.Status == 413 ? "image_too_large" : "invalid_image");
        }
        Assert.True(refused >= 10, $"only {refused} files of {format} were refused");
    }

    static string Folder()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
            if (File.Exists(Path.Combine(at.FullName, "SK.FasterVlm.sln"))) return at.FullName;
        throw new InvalidOperationException("The tests do not run inside the repository.");
    }
}
