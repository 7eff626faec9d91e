using System.Text;

namespace SK.FasterVlm.Imaging;

/// <summary>Says what a file is that is none of the supported images, and what to do about it.</summary>
static class ForeignFormat
{
    const string Supported = "Supported are PNG, JPEG, WebP, GIF and BMP.";
    const int TextSample = 1024;

    /// <summary>The error for bytes that no reader knows.</summary>
    public static ImageFormatException Refusal(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty) return new ImageFormatException("The image is empty: it has no bytes. " + Supported);
        if (OtherImage(bytes) is { } image) return new ImageFormatException($"{image} images are not supported; convert the picture to PNG or JPEG first.");
        string guess = NoImage(bytes) ?? (LooksLikeText(bytes) ? Text(bytes) : "its first bytes belong to no known kind of file");
        return new ImageFormatException($"This is not an image: {guess}. {Supported}");
    }

    static string? OtherImage(ReadOnlySpan<byte> bytes)
    {
        if (bytes.StartsWith("II*\0"u8) || bytes.StartsWith("MM\0*"u8) || bytes.StartsWith("II+\0"u8) || bytes.StartsWith("MM\0+"u8)) return "TIFF (or camera raw)";
        if (bytes.StartsWith("8BPS"u8)) return "Photoshop";
        if (bytes.StartsWith((ReadOnlySpan<byte>)[0, 0, 1, 0])) return "Windows icon";
        if (bytes.StartsWith("\0\0\0\x0CjP  "u8) || bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0x4F, 0xFF, 0x51])) return "JPEG 2000";
        if (bytes.StartsWith("\0\0\0\x0CJXL "u8) || bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0x0A])) return "JPEG XL";
        if (bytes.StartsWith("qoif"u8)) return "QOI";
        if (bytes.Length < 12 || !bytes.Slice(4, 4).SequenceEqual("ftyp"u8)) return LooksLikeText(bytes) && Contains(bytes, "<svg"u8) ? "SVG" : null;
        ReadOnlySpan<byte> brand = bytes.Slice(8, 4);
        if (brand.StartsWith("avi"u8)) return "AVIF";
        return brand.StartsWith("hei"u8) || brand.StartsWith("hev"u8) || brand.SequenceEqual("mif1"u8) || brand.SequenceEqual("msf1"u8) ? "HEIC" : null;
    }

    static string? NoImage(ReadOnlySpan<byte> bytes)
    {
        if (bytes.StartsWith("%PDF"u8)) return "it is a PDF document; export its page as PNG";
        if (bytes.StartsWith("GGUF"u8)) return "it is a GGUF model file";
        if (bytes.StartsWith("PK\x03\x04"u8)) return "it is a ZIP archive or an Office document";
        if (bytes.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B])) return "it is compressed with gzip";
        if (bytes.StartsWith((ReadOnlySpan<byte>)[0x1A, 0x45, 0xDF, 0xA3])) return "it is a Matroska or WebM video";
        if (bytes.StartsWith("RIFF"u8)) return "it is a RIFF file (sound or video)";
        if (bytes.Length >= 8 && bytes.Slice(4, 4).SequenceEqual("ftyp"u8)) return "it is an MP4 or QuickTime video";
        if (bytes.StartsWith("version https://git-lfs"u8)) return "it is a Git LFS pointer; fetch the file itself with 'git lfs pull'";
        return null;
    }

    static string Text(ReadOnlySpan<byte> bytes) =>
        Contains(bytes, "<html"u8) || Contains(bytes, "<!doctype html"u8) ? "it looks like a web page"
        : Contains(bytes, "data:image/"u8) ? "it looks like a data URL; decode its base64 part first"
        : "it looks like text";

    /// <summary>Valid UTF-8 without control characters other than white space, judged by the first kilobyte.</summary>
    static bool LooksLikeText(ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<byte> left = Sample(bytes);
        bool cut = left.Length < bytes.Length;
        while (!left.IsEmpty)
        {
            // The sample may end inside a character.
            if (Rune.DecodeFromUtf8(left, out Rune rune, out int used) != System.Buffers.OperationStatus.Done) return cut && left.Length < 4;
            if (Rune.IsControl(rune) && rune.Value is not ('\t' or '\n' or '\r' or '\f')) return false;
            left = left[used..];
        }

        return true;
    }

    static bool Contains(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> lowerCase)
    {
        ReadOnlySpan<byte> sample = Sample(bytes);
        for (; sample.Length >= lowerCase.Length; sample = sample[1..])
            if (Ascii.EqualsIgnoreCase(sample[..lowerCase.Length], lowerCase)) return true;
        return false;
    }

    static ReadOnlySpan<byte> Sample(ReadOnlySpan<byte> bytes) => bytes[..Math.Min(bytes.Length, TextSample)];
}
