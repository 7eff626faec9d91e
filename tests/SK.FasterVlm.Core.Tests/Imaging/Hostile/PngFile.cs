using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace SK.FasterVlm.Core.Tests.Imaging;

/// <summary>Writes PNG files chunk by chunk, in every kind the specification knows and in kinds it forbids.</summary>
static class PngFile
{
    /// <summary>Columns and rows of Adam7: where a pass begins and its steps.</summary>
    static readonly (int X, int Y, int StepX, int StepY)[] s_passes =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

    /// <summary>A file of chunks.</summary>
    public static byte[] Of(params byte[][] chunks) => [0x89, .. "PNG\r\n\x1a\n"u8, .. chunks.SelectMany(static c => c)];

    /// <summary>A chunk with its length and its checksum.</summary>
    public static byte[] Chunk(string name, params byte[] data)
    {
        byte[] body = [.. Encoding.Latin1.GetBytes(name), .. data];
        return [.. U32((uint)data.Length), .. body, .. U32(Crc32(body))];
    }

    /// <summary>The first chunk.</summary>
    public static byte[] Header(uint width, uint height, int depth, int colour, int interlace = 0) =>
        Chunk("IHDR", [.. U32(width), .. U32(height), (byte)depth, (byte)colour, 0, 0, (byte)interlace]);

    /// <summary>Scan lines, compressed, as one IDAT chunk.</summary>
    public static byte[] Data(byte[] lines) => Chunk("IDAT", Compress(lines));

    /// <summary>The last chunk.</summary>
    public static byte[] End { get; } = Chunk("IEND");

    /// <summary>Samples of a channel.</summary>
    public static int Channels(int colour) => colour switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };

    /// <summary>Samples to scan lines of filter 0, packed to bits.</summary>
    /// <param name="samples">[height, width, channels].</param>
    /// <param name="width">Pixels of a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="channels">Samples of a pixel.</param>
    /// <param name="depth">Bits of a sample: 1, 2, 4, 8 or 16.</param>
    /// <param name="interlaced">Whether in the seven passes of Adam7.</param>
    public static byte[] Lines(ushort[] samples, int width, int height, int channels, int depth, bool interlaced)
    {
        List<byte> lines = [];
        foreach ((int x0, int y0, int dx, int dy) in interlaced ? s_passes : [(0, 0, 1, 1)])
        {
            for (int y = y0; y < height && x0 < width; y += dy)
            {
                lines.Add(0);
                uint pending = 0;
                int bits = 0;
                for (int x = x0; x < width; x += dx)
                {
                    for (int c = 0; c < channels; c++)
                    {
                        pending = pending << depth | samples[(y * width + x) * channels + c];
                        for (bits += depth; bits >= 8; bits -= 8) lines.Add((byte)(pending >> (bits - 8)));
                    }
                }
                if (bits > 0) lines.Add((byte)(pending << (8 - bits)));
            }
        }
        return [.. lines];
    }

    /// <summary>A zlib stream.</summary>
    public static byte[] Compress(byte[] data)
    {
        using MemoryStream packed = new();
        using (ZLibStream zlib = new(packed, CompressionLevel.Optimal, leaveOpen: true)) zlib.Write(data);
        return packed.ToArray();
    }

    /// <summary>Four bytes, the highest first.</summary>
    public static byte[] U32(uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
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
