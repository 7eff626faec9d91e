namespace SK.FasterVlm.Imaging;

/// <summary>Reads PNG headers (PNG specification, third edition: 5.2 signature, 5.3 chunks, 11.2.1 IHDR, 11.3.4.5 eXIf).</summary>
static class PngHeader
{
    static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    public static bool Matches(ReadOnlySpan<byte> bytes) => bytes.StartsWith(Signature);

    public static ImageHeader Read(HeaderBytes file)
    {
        if (file.Slice(12, 4).SequenceEqual("CgBI"u8)) throw file.Unsupported("it is of the private kind that Apple's build tools make");
        if (!file.Slice(12, 4).SequenceEqual("IHDR"u8) || file.U32Be(8) != 13) throw file.Damaged("it does not start with an IHDR chunk");
        int depth = file.U8(24), colour = file.U8(25);
        bool possible = colour switch
        {
            0 => depth is 1 or 2 or 4 or 8 or 16,
            3 => depth is 1 or 2 or 4 or 8,
            2 or 4 or 6 => depth is 8 or 16,
            _ => false,
        };
        if (!possible) throw file.Damaged($"colour type {colour} with {depth} bits does not exist");
        return file.Header(ImageFormat.Png, file.U32Be(16), file.U32Be(20), Orientation(file));
    }

    /// <summary>Looks for eXIf, which may stand before or after the pixels, by hopping from chunk to chunk.</summary>
    static int Orientation(HeaderBytes file)
    {
        long at = 8;
        while (at + 12 <= file.Length)
        {
            uint length = file.U32Be(at);
            ReadOnlySpan<byte> name = file.Slice(at + 4, 4);
            if (name.SequenceEqual("eXIf"u8)) return ExifOrientation.Read(file.SliceUpTo(at + 8, length));
            if (name.SequenceEqual("IEND"u8)) break;
            at += 12 + (long)length;
        }

        return 1;
    }
}
