using System.IO.Compression;

namespace SK.FasterVlm.Core.Tests.Imaging;

/// <summary>Hand-made files for attacks: right in form, extreme in content.</summary>
static class Crafted
{
    /// <summary>A gray PNG of any claimed size whose pixels are rows of zeros, as far as <paramref name="rows"/> says.</summary>
    public static byte[] Png(uint width, uint height, int rows = 0)
    {
        byte[] row = rows > 0 ? new byte[width + 1] : [];
        var pixels = new MemoryStream();
        using (var zlib = new ZLibStream(pixels, CompressionLevel.Optimal, leaveOpen: true))
        {
            for (int y = 0; y < rows; y++) zlib.Write(row);
        }

        return PngFile.Of(PngFile.Header(width, height, 8, 0), PngFile.Chunk("IDAT", pixels.ToArray()), PngFile.End);
    }

    /// <summary>A JPEG header up to its first scan, without pixels.</summary>
    public static byte[] Jpeg(ushort width, ushort height, byte frame) =>
        [0xFF, 0xD8, 0xFF, frame, 0, 11, 8, (byte)(height >> 8), (byte)height, (byte)(width >> 8), (byte)width, 1, 1, 0x11, 0, 0xFF, 0xDA, 0, 2];

    /// <summary>As <see cref="Jpeg"/>, with an APP1 segment.</summary>
    public static byte[] WithApp1(byte[] content)
    {
        byte[] file = Jpeg(16, 8, 0xC0);
        int length = content.Length + 2;
        return [.. file[..2], 0xFF, 0xE1, (byte)(length >> 8), (byte)length, .. content, .. file[2..]];
    }

    /// <summary>A WebP header of the extended kind without pixels.</summary>
    public static byte[] WebP(int width, int height)
    {
        (int w, int h) = (width - 1, height - 1);
        return [.. "RIFF"u8, 22, 0, 0, 0, .. "WEBPVP8X"u8, 10, 0, 0, 0, 0, 0, 0, 0, (byte)w, (byte)(w >> 8), (byte)(w >> 16), (byte)h, (byte)(h >> 8), (byte)(h >> 16)];
    }

    /// <summary>A GIF header without pixels.</summary>
    public static byte[] Gif(ushort width, ushort height) =>
        [.. "GIF89a"u8, (byte)width, (byte)(width >> 8), (byte)height, (byte)(height >> 8), 0, 0, 0];
}
