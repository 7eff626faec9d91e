using SK.FasterVlm.Core.Tests.Imaging;
using SK.FasterVlm.Generation;
using SK.FasterVlm.Imaging;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Core.Tests.Generation;

/// <summary>Pictures that share all their bytes of pixels and are other pictures all the same must not find each other in the cache.</summary>
public class ImageKeyTests
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    // Two lines of a filter byte and three others: the compressed pixels of all of these are the same bytes.
    static readonly byte[] s_data = PngFile.Data([0, 10, 20, 30, 0, 40, 50, 60]);

    static readonly (string Kind, byte[] File)[] s_files =
    [
        ("3 x 2 gray", Png(PngFile.Header(3, 2, 8, 0))),
        ("1 x 2 colour", Png(PngFile.Header(1, 2, 8, 2))),
        ("6 x 2 in 4 bits", Png(PngFile.Header(6, 2, 4, 0))),
        ("12 x 2 in 2 bits", Png(PngFile.Header(12, 2, 2, 0))),
        ("24 x 2 in 1 bit", Png(PngFile.Header(24, 2, 1, 0))),
        ("24 x 2 in two colours", Png(PngFile.Header(24, 2, 1, 3), PngFile.Chunk("PLTE", 0, 0, 0, 9, 9, 9))),
        ("24 x 2 in two others", Png(PngFile.Header(24, 2, 1, 3), PngFile.Chunk("PLTE", 9, 9, 9, 0, 0, 0))),
        ("3 x 2 with one transparent shade", Png(PngFile.Header(3, 2, 8, 0), PngFile.Chunk("tRNS", 0, 10))),
        ("3 x 2, to be turned", Png(PngFile.Header(3, 2, 8, 0), PngFile.Chunk("eXIf", [.. "II*\0"u8, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]))),
    ];

    static byte[] Png(params byte[][] head) => PngFile.Of([.. head, s_data, PngFile.End]);

    [Fact]
    public async Task I6_the_same_bytes_of_pixels_as_another_picture_are_another_key()
    {
        string Shown((string Kind, byte[] File) f) => ImageDecoder.Decode(f.File) is var i ? $"{i.Width} x {i.Height} {Convert.ToHexString(i.Pixels)}" : "";
        Assert.Equal(s_files.Length, s_files.Select(Shown).Distinct().Count());
        VisionCache cache = new(1_000_000);
        for (int round = 0; round < 2; round++)
        {
            foreach ((string kind, byte[] file) in s_files)
            {
                VisionKey key = VisionKey.Of(file, Rig.Ask("q"));
                using VisionCache.Lease lease = await cache.GetAsync(key, _ => Task.FromResult(Tokens(kind)), Test);
                Assert.Equal(round == 1, lease.Hit);
                Assert.Equal(kind.Length + kind[0], lease.Image.Tokens.Embeddings.Span[0]);
            }
        }
        Assert.Equal((s_files.Length, s_files.Length), (cache.Misses, cache.Hits));
    }

    // A picture of 2 x 12 rows of tokens and one of 12 x 2 may hold the same numbers; then they are the same rows of the prompt.
    static CachedImage Tokens(string kind) => new(new VisualTokens(new float[] { kind.Length + kind[0] }, 1, 1, [], 1, default, 1, 1), 1);

    [Fact]
    public void I6_the_same_pixels_of_another_width_are_another_picture_before_the_tower()
    {
        // Six pixels in a row, and two rows of three: the decoder gives the same bytes.
        byte[] wide = PngFile.Of(PngFile.Header(6, 1, 8, 0), PngFile.Data([0, 1, 2, 3, 4, 5, 6]), PngFile.End);
        byte[] tall = PngFile.Of(PngFile.Header(3, 2, 8, 0), PngFile.Data([0, 1, 2, 3, 0, 4, 5, 6]), PngFile.End);
        Assert.Equal(ImageDecoder.Decode(wide).Pixels, ImageDecoder.Decode(tall).Pixels);
        Assert.NotEqual(VisionKey.Of(wide, Rig.Ask("q")), VisionKey.Of(tall, Rig.Ask("q")));
    }
}
