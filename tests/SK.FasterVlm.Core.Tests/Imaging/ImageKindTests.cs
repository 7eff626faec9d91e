using SK.FasterVlm.Imaging;

namespace SK.FasterVlm.Core.Tests.Imaging;

/// <summary>
/// Every kind of pixel a PNG or JPEG can hold comes out in the colours it says, computed here from the two specifications. (Files of
/// other programs, and the other formats: <see cref="ImageDecoderTests"/>.)
/// </summary>
public class ImageKindTests
{
    static readonly RgbColor s_under = RgbColor.ClipMean;

    public static TheoryData<int, int, bool, bool> PngKinds
    {
        get
        {
            TheoryData<int, int, bool, bool> all = [];
            foreach ((int colour, int[] depths) in new[] { (0, new[] { 1, 2, 4, 8, 16 }), (2, [8, 16]), (3, [1, 2, 4, 8]), (4, [8, 16]), (6, [8, 16]) })
                foreach (int depth in depths)
                    foreach (bool interlaced in new[] { false, true })
                        foreach (bool key in colour < 4 ? new[] { false, true } : [false])
                            all.Add(colour, depth, interlaced, key);
            return all;
        }
    }

    [Theory, MemberData(nameof(PngKinds))]
    public void I4_every_kind_of_png_has_the_colours_of_its_samples(int colour, int depth, bool interlaced, bool key)
    {
        foreach ((int width, int height) in new[] { (13, 9), (1, 1), (5, 1), (1, 7), (33, 17) })
        {
            Random random = new(colour + (depth * 10) + width);
            int channels = PngFile.Channels(colour), largest = (1 << depth) - 1;
            byte[] palette = new byte[3 << Math.Min(depth, 8)], alphas = new byte[palette.Length / 3 / 2];
            random.NextBytes(palette);
            random.NextBytes(alphas);
            ushort[] samples = [.. Enumerable.Range(0, width * height * channels).Select(_ => (ushort)random.Next(largest + 1))];
            // A colour key is the first pixel's colour; of 16 bits also the lower eight must be equal, which the second pixel's are not.
            ushort[] keyed = samples[..channels];
            if (samples.Length > channels && depth == 16 && colour < 3)
                for (int c = 0; c < channels; c++) samples[channels + c] = (ushort)(keyed[c] ^ 1);
            List<byte[]> chunks = [PngFile.Header((uint)width, (uint)height, depth, colour, interlaced ? 1 : 0)];
            if (colour == 3) chunks.Add(PngFile.Chunk("PLTE", palette));
            if (key) chunks.Add(PngFile.Chunk("tRNS", colour == 3 ? alphas : [.. keyed.SelectMany(static k => new[] { (byte)(k >> 8), (byte)k })]));
            chunks.Add(PngFile.Data(PngFile.Lines(samples, width, height, channels, depth, interlaced)));
            chunks.Add(PngFile.End);
            RgbImage image = ImageDecoder.Decode(PngFile.Of([.. chunks]));
            Assert.Equal((width, height), (image.Width, image.Height));
            for (int i = 0; i < width * height; i++)
            {
                ushort[] pixel = samples[(i * channels)..((i + 1) * channels)];
                byte[] expected = Png(pixel, colour, depth, palette, key ? alphas : [], key && pixel.AsSpan().SequenceEqual(keyed));
                Assert.Equal(expected, image.Pixels[(3 * i)..(3 * i + 3)]);
            }
        }
    }

    /// <summary>What a pixel must show.</summary>
    static byte[] Png(ushort[] pixel, int colour, int depth, byte[] palette, byte[] alphas, bool keyed)
    {
        byte[] eight = [.. pixel.Select(s => (byte)(depth == 16 ? s >> 8 : s * 255 / ((1 << depth) - 1)))];
        (byte[] rgb, int alpha) = colour switch
        {
            0 => ([eight[0], eight[0], eight[0]], 255),
            2 => (eight, 255),
            3 => (palette[(3 * pixel[0])..(3 * pixel[0] + 3)], pixel[0] < alphas.Length ? alphas[pixel[0]] : 255),
            4 => ([eight[0], eight[0], eight[0]], eight[1]),
            _ => (eight[..3], (int)eight[3]),
        };
        if (colour != 3 && keyed) alpha = 0;
        return [Over(rgb[0], alpha, s_under.R), Over(rgb[1], alpha, s_under.G), Over(rgb[2], alpha, s_under.B)];
    }

    static byte Over(int value, int alpha, int under) => (byte)((value * alpha + under * (255 - alpha) + 127) / 255);

    [Theory]
    [InlineData("gray", 1, -1)]
    [InlineData("ycc", 3, -1)]
    [InlineData("ycc", 3, 1)]
    [InlineData("rgb", 3, 0)]
    [InlineData("cmyk", 4, 0)]
    [InlineData("cmyk", 4, -1)]
    [InlineData("ycck", 4, 2)]
    public void I4_every_kind_of_jpeg_has_the_colours_of_its_channels(string kind, int channels, int adobe)
    {
        foreach (bool progressive in new[] { false, true })
        {
            Random random = new(7);
            byte[][,] colours = [new byte[5, 3], new byte[5, 3], new byte[5, 3], new byte[5, 3]];
            for (int x = 0; x < 5; x++)
                for (int y = 0; y < 3; y++)
                    for (int c = 0; c < 4; c++) colours[c][x, y] = (byte)random.Next(256);
            byte[] At(int x, int y) => [.. Enumerable.Range(0, channels).Select(c => colours[c][x, y])];
            byte[][] extra = adobe < 0 ? [] : [JpegFile.Adobe((byte)adobe)];
            RgbImage image = ImageDecoder.Decode(JpegFile.Picture(5, 3, channels, At, progressive, extra));
            Assert.Equal((40, 24), (image.Width, image.Height));
            for (int y = 0; y < 24; y++)
                for (int x = 0; x < 40; x++)
                {
                    double[] expected = Jpeg(At(x / 8, y / 8), kind);
                    for (int c = 0; c < 3; c++) Assert.InRange(image.Pixels[3 * (y * 40 + x) + c] - expected[c], -2, 2);
                }
        }
    }

    /// <summary>What a block must show. Inks are stored inverted, as Adobe does.</summary>
    static double[] Jpeg(byte[] c, string kind) => kind switch
    {
        "gray" => [c[0], c[0], c[0]],
        "rgb" => [c[0], c[1], c[2]],
        "ycc" => FromYcc(c),
        "cmyk" => [c[0] * c[3] / 255.0, c[1] * c[3] / 255.0, c[2] * c[3] / 255.0],
        // The channels become cyan, magenta and yellow as if they were red, green and blue of the inverted picture.
        _ => [.. FromYcc(c).Select(v => (255 - v) * c[3] / 255.0)],
    };

    static double[] FromYcc(byte[] c)
    {
        double y = c[0], cb = c[1] - 128, cr = c[2] - 128;
        return [.. new[] { y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb }.Select(static v => Math.Clamp(v, 0, 255))];
    }

    [Fact]
    public void I4_the_eight_orientations_put_every_corner_where_it_belongs()
    {
        // Blocks 0 to 5 in two rows of three; by EXIF's definition, where the stored corner (0, 0) lies and which way its row runs.
        byte[] shades = [0, 50, 100, 150, 200, 250];
        int[][] upright =
        [
            [0, 1, 2, 3, 4, 5], [2, 1, 0, 5, 4, 3], [5, 4, 3, 2, 1, 0], [3, 4, 5, 0, 1, 2],
            [0, 3, 1, 4, 2, 5], [3, 0, 4, 1, 5, 2], [5, 2, 4, 1, 3, 0], [2, 5, 1, 4, 0, 3],
        ];
        for (int orientation = 1; orientation <= 8; orientation++)
        {
            byte[] exif = [.. "Exif\0\0II*\0"u8, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, (byte)orientation, 0, 0, 0, 0, 0, 0, 0];
            byte[] file = JpegFile.Picture(3, 2, 1, (x, y) => [shades[3 * y + x]], extra: JpegFile.Segment(0xE1, exif));
            RgbImage image = ImageDecoder.Decode(file);
            int columns = orientation < 5 ? 3 : 2;
            Assert.Equal((columns * 8, 48 / columns), (image.Width, image.Height));
            for (int i = 0; i < 6; i++)
                Assert.Equal(shades[upright[orientation - 1][i]], image.Pixels[3 * ((i / columns * 8 + 4) * image.Width + i % columns * 8 + 4)]);
        }
    }

    [Fact]
    public void I4_a_colour_profile_counts_in_every_format_that_can_carry_one()
    {
        // The profile of the golden file, whose first channel is green: what is stored as red, green, blue shows as blue, red, green.
        byte[] golden = Golden.Fixture("icc.png");
        int at = golden.AsSpan().IndexOf("iCCP"u8);
        int length = (golden[at - 4] << 24) | (golden[at - 3] << 16) | (golden[at - 2] << 8) | golden[at - 1];
        byte[] chunk = golden[(at + 4)..(at + 4 + length)];
        using MemoryStream profile = new();
        using (System.IO.Compression.ZLibStream zlib = new(new MemoryStream(chunk[(Array.IndexOf(chunk, (byte)0) + 2)..]), System.IO.Compression.CompressionMode.Decompress))
            zlib.CopyTo(profile);

        byte[] png = PngFile.Of(PngFile.Header(1, 1, 8, 2), PngFile.Chunk("iCCP", chunk), PngFile.Data([0, 200, 100, 20]), PngFile.End);
        Close([20, 200, 100], ImageDecoder.Decode(png));
        byte[] app2 = JpegFile.Segment(0xE2, [.. "ICC_PROFILE\0"u8, 1, 1, .. profile.ToArray()]);
        byte[] jpeg = JpegFile.Picture(1, 1, 3, static (_, _) => [200, 100, 20], progressive: false, app2, JpegFile.Adobe(0));
        Close([20, 200, 100], ImageDecoder.Decode(jpeg));

        static void Close(byte[] expected, RgbImage image)
        {
            for (int c = 0; c < 3; c++) Assert.InRange(image.Pixels[c] - expected[c], -2, 2);
        }
    }
}
