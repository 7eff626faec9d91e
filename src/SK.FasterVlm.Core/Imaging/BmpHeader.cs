using System.Buffers.Binary;

namespace SK.FasterVlm.Imaging;

/// <summary>Reads BMP headers (BITMAPFILEHEADER and BITMAPCOREHEADER to BITMAPV5HEADER of the Windows SDK).</summary>
static class BmpHeader
{
    const uint CoreHeader = 12;

    // Two letters are a weak magic number ("BMW ..." is a text), so the size of the second header must be a known one as well.
    public static bool Matches(ReadOnlySpan<byte> bytes) =>
        bytes.Length >= 18 && bytes.StartsWith("BM"u8)
        && BinaryPrimitives.ReadUInt32LittleEndian(bytes.Slice(14, 4)) is CoreHeader or 16 or 40 or 52 or 56 or 64 or 108 or 124;

    public static ImageHeader Read(HeaderBytes file)
    {
        uint size = file.U32Le(14);
        if (size == CoreHeader) return file.Header(ImageFormat.Bmp, file.U16Le(18), file.U16Le(20));
        if (size > 16 && file.U32Le(30) is 4 or 5) throw file.Unsupported("it only wraps a JPEG or PNG for a printer");
        // A negative height says that rows go from top to bottom.
        return file.Header(ImageFormat.Bmp, file.I32Le(18), Math.Abs((long)file.I32Le(22)));
    }
}
