namespace SK.FasterVlm.Imaging;

/// <summary>Reads WebP headers (RFC 9649: 2.3 RIFF, 2.5 VP8, 2.6 VP8L, 2.7 VP8X and EXIF; RFC 6386 9.1 for the VP8 frame).</summary>
static class WebPHeader
{
    const int ExifFlag = 0x08;

    public static bool Matches(ReadOnlySpan<byte> bytes) =>
        bytes.Length >= 12 && bytes.StartsWith("RIFF"u8) && bytes.Slice(8, 4).SequenceEqual("WEBP"u8);

    public static ImageHeader Read(HeaderBytes file)
    {
        // Orientation stands last: a file that lost its end would be decoded, and lie on its side. (One pad byte is often forgotten.)
        file.Slice(0, Math.Max(8L + file.U32Le(4) - 1, 0));
        ReadOnlySpan<byte> name = file.Slice(12, 4);
        if (name.SequenceEqual("VP8 "u8)) return Lossy(file);
        if (name.SequenceEqual("VP8L"u8)) return Lossless(file);
        if (!name.SequenceEqual("VP8X"u8)) throw file.Damaged("its first chunk is none of VP8, VP8L and VP8X");
        int orientation = (file.U8(20) & ExifFlag) != 0 ? Orientation(file) : 1;
        return file.Header(ImageFormat.WebP, file.U24Le(24) + 1, file.U24Le(27) + 1, orientation);
    }

    static ImageHeader Lossy(HeaderBytes file)
    {
        if ((file.U8(20) & 1) != 0) throw file.Damaged("its picture is not a key frame");
        if (!file.Slice(23, 3).SequenceEqual((ReadOnlySpan<byte>)[0x9D, 0x01, 0x2A])) throw file.Damaged("the start code of its frame is missing");
        // The two high bits of both sizes are a scaling hint for players.
        return file.Header(ImageFormat.WebP, file.U16Le(26) & 0x3FFF, file.U16Le(28) & 0x3FFF);
    }

    static ImageHeader Lossless(HeaderBytes file)
    {
        if (file.U8(20) != 0x2F) throw file.Damaged("the signature of its lossless stream is missing");
        uint bits = file.U32Le(21);
        return file.Header(ImageFormat.WebP, (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1);
    }

    static int Orientation(HeaderBytes file)
    {
        long at = 12;
        while (at + 8 <= file.Length)
        {
            uint length = file.U32Le(at + 4);
            if (file.Slice(at, 4).SequenceEqual("EXIF"u8)) return ExifOrientation.Read(file.SliceUpTo(at + 8, length));
            at += 8 + (long)length + (length & 1);
        }

        return 1;
    }
}
