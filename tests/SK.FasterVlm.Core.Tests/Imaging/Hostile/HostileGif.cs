namespace SK.FasterVlm.Core.Tests.Imaging;

/// <summary>GIF files that abuse decoders: codes that are not in the dictionary, frames that are not on the screen.</summary>
static class HostileGif
{
    static readonly byte[] s_colours = [0, 0, 0, 255, 255, 255];

    public static IEnumerable<(string Name, byte[] File)> All => [.. Codes(), .. Frames(), .. Blocks()];

    /// <summary>A screen of 8 x 8 with two colours, blocks, and the end.</summary>
    static byte[] File(params byte[][] blocks) => [.. "GIF89a"u8, 8, 0, 8, 0, 0x80, 0, 0, .. s_colours, .. blocks.SelectMany(static b => b), 0x3B];

    /// <summary>A frame with its pixels in sub-blocks.</summary>
    static byte[] Frame(int left, int top, int width, int height, byte flags, byte codeSize, byte[] data) =>
    [
        0x2C, (byte)left, (byte)(left >> 8), (byte)top, (byte)(top >> 8), (byte)width, (byte)(width >> 8), (byte)height, (byte)(height >> 8), flags,
        codeSize, .. data.Chunk(255).SelectMany(static c => new[] { (byte)c.Length }.Concat(c)), 0,
    ];

    /// <summary>LZW codes of 3 bits and more, as a decoder of code size 2 counts them.</summary>
    static byte[] Lzw(params int[] codes)
    {
        List<byte> bytes = [];
        int pending = 0, held = 0, width = 3, known = 6;
        foreach (int code in codes)
        {
            pending |= code << held;
            for (held += width; held >= 8; held -= 8)
            {
                bytes.Add((byte)pending);
                pending >>= 8;
            }
            if (code == 4) (width, known) = (3, 6);
            else if (++known > 1 << width && width < 12) width++;
        }
        return [.. bytes, (byte)pending];
    }

    static readonly byte[] s_pixels = Lzw([.. Enumerable.Range(0, 32).SelectMany(static i => new[] { 4, i & 1, 1 }), 5]);

    static IEnumerable<(string, byte[])> Codes()
    {
        foreach (byte size in new byte[] { 0, 1, 9, 11, 12, 13, 255 })
            yield return ($"codes of {size} bits", File(Frame(0, 0, 8, 8, 0, size, s_pixels)));
        yield return ("a code that is not known yet at the beginning", File(Frame(0, 0, 8, 8, 0, 2, Lzw(4, 7, 7, 7, 5))));
        yield return ("a code far beyond the dictionary", File(Frame(0, 0, 8, 8, 0, 2, [0xFC, 0xFF, 0xFF, 0xFF])));
        yield return ("no clear code", File(Frame(0, 0, 8, 8, 0, 2, Lzw(1, 1, 6, 5))));
        yield return ("nothing but clear codes", File(Frame(0, 0, 8, 8, 0, 2, Lzw([.. Enumerable.Repeat(4, 100_000)]))));
        yield return ("the end at once", File(Frame(0, 0, 8, 8, 0, 2, Lzw(5))));
        yield return ("pixels after the end", File(Frame(0, 0, 8, 8, 0, 2, Lzw([4, 1, 5, .. Enumerable.Repeat(1, 100)]))));
        yield return ("a thousand times the pixels", File(Frame(0, 0, 8, 8, 0, 2, Lzw([.. Enumerable.Range(0, 20_000).Select(static i => i % 3 == 0 ? 4 : 1)]))));
        yield return ("a full dictionary that goes on", File(Frame(0, 0, 8, 8, 0, 2, [.. Enumerable.Range(0, 60_000).Select(static i => (byte)(i * 37))])));
        yield return ("colours beyond the table", File(Frame(0, 0, 8, 8, 0, 8, [.. Enumerable.Range(0, 200).Select(static i => (byte)(i * 91))])));
        yield return ("no pixels", File(Frame(0, 0, 8, 8, 0, 2, [])));
    }

    static IEnumerable<(string, byte[])> Frames()
    {
        yield return ("a frame off the screen", File(Frame(60_000, 60_000, 8, 8, 0, 2, s_pixels)));
        yield return ("a frame over the edge", File(Frame(7, 7, 8, 8, 0, 2, s_pixels)));
        yield return ("a frame larger than the screen", File(Frame(0, 0, 300, 300, 0, 2, s_pixels)));
        yield return ("a frame of 65535 x 65535", File(Frame(0, 0, 65_535, 65_535, 0, 2, s_pixels)));
        yield return ("a frame of no size", File(Frame(0, 0, 0, 0, 0, 2, s_pixels)));
        yield return ("an interlaced frame of one row", File(Frame(0, 0, 8, 1, 0x40, 2, s_pixels)));
        yield return ("an empty frame, then a large one", File(Frame(0, 0, 0, 8, 0, 2, s_pixels), Frame(0, 0, 60_000, 60_000, 0, 2, s_pixels)));
        yield return ("a table of 256 colours of which none is there", File(Frame(0, 0, 8, 8, 0x87, 2, [])));
        byte[] bare = [.. "GIF89a"u8, 8, 0, 8, 0, 0x00, 255, 0, .. Frame(0, 0, 8, 8, 0, 2, s_pixels), 0x3B];
        yield return ("no colours", bare);
        byte[] background = File(Frame(0, 0, 8, 8, 0, 2, s_pixels));
        background[11] = 255;
        yield return ("a background beyond the table", background);
        yield return ("ten thousand frames", File([.. Enumerable.Repeat(Frame(0, 0, 8, 8, 0, 2, s_pixels), 10_000)]));
        yield return ("no frame", File());
    }

    static IEnumerable<(string, byte[])> Blocks()
    {
        byte[] frame = Frame(0, 0, 8, 8, 0, 2, s_pixels);
        foreach (byte length in new byte[] { 0, 1, 3, 5, 255 })
            yield return ($"a control block of {length} bytes", File([0x21, 0xF9, length, .. Enumerable.Repeat((byte)255, length), 0], frame));
        yield return ("a transparent colour that is not there", File([0x21, 0xF9, 4, 0x1D, 0, 0, 255, 0], frame));
        yield return ("a block that does not end", File([0x21, 0xFE, .. Enumerable.Repeat((byte)255, 1000)]));
        yield return ("a block nobody knows", File([0x21, 0x77, 2, 1, 2, 0], [0x99], frame));
        yield return ("a loop count of no length", File([0x21, 0xFF, 11, .. "NETSCAPE2.0"u8, 0], frame));
        yield return ("a hundred thousand empty comments", File([.. Enumerable.Repeat<byte[]>([0x21, 0xFE, 0], 100_000), frame]));
    }
}
