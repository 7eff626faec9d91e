using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace SK.FasterVlm.Core.Tests.Imaging;

/// <summary>Hand-made files for attacks: right in form, extreme in content.</summary>
static class Crafted
{
    /// <summary>A gray PNG of any claimed size whose pixels are rows of zeros, as far as <paramref name="rows"/> says.</summary>
    public static byte[] Png(uint width, uint height, int rows = 0)
    {
        var file = new MemoryStream();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10]);
        byte[] header = new byte[13];
        BinaryPrimitives.WriteUInt32BigEndian(header, width);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(4), height);
        header[8] = 8;
        Chunk(file, "IHDR", header);
        var pixels = new MemoryStream();
        using (var zlib = new ZLibStream(pixels, CompressionLevel.Optimal, leaveOpen: true))
        {
            byte[] row = rows > 0 ? new byte[width + 1] : [];
            for (int y = 0; y < rows; y++) zlib.Write(row);
        }

        Chunk(file, "IDAT", pixels.ToArray());
        Chunk(file, "IEND", []);
        return file.ToArray();
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

    static void Chunk(MemoryStream file, string name, byte[] data)
    {
        byte[] number = new byte[4], body = [.. Encoding.ASCII.GetBytes(name), .. data];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        file.Write(number);
        file.Write(body);
        BinaryPrimitives.WriteUInt32BigEndian(number, Crc32(body));
        file.Write(number);
    }

    static uint Crc32(byte[] bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in bytes)
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1) * 0xEDB88320;
        }

        return ~crc;
    }
}
