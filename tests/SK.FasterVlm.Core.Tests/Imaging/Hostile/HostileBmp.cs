using System.Buffers.Binary;

namespace SK.FasterVlm.Core.Tests.Imaging;

/// <summary>BMP files that abuse decoders: runs that leave the picture, masks that overlap, places that are not in the file.</summary>
static class HostileBmp
{
    public static IEnumerable<(string Name, byte[] File)> All => [.. Runs(), .. Masks(), .. Places()];

    /// <summary>A picture of 8 x 8.</summary>
    static byte[] File(int bits, uint compression, byte[] extra, byte[] pixels, uint colours = 0, uint? offset = null, uint headerSize = 40, int width = 8, int height = 8, int planes = 1)
    {
        byte[] file = [.. "BM"u8, .. new byte[12], .. new byte[40], .. extra, .. pixels];
        Span<byte> f = file;
        Write(f, 2, (uint)file.Length);
        Write(f, 10, offset ?? (uint)(54 + extra.Length));
        Write(f, 14, headerSize);
        Write(f, 18, (uint)width);
        Write(f, 22, (uint)height);
        (f[26], f[28]) = ((byte)planes, (byte)bits);
        Write(f, 30, compression);
        Write(f, 34, (uint)pixels.Length);
        Write(f, 46, colours);
        return file;
    }

    static void Write(Span<byte> file, int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(file[at..], value);

    static readonly byte[] s_colours = new byte[1024], s_pixels = [.. Enumerable.Range(0, 256).Select(static i => (byte)(i * 29))];

    static IEnumerable<(string, byte[])> Runs()
    {
        foreach ((int bits, uint kind) in new[] { (8, 1u), (4, 2u) })
        {
            yield return ($"{bits}-bit runs over the row's end", File(bits, kind, s_colours, [255, 7, 255, 7, 255, 7, 0, 1]));
            yield return ($"{bits}-bit runs without an end", File(bits, kind, s_colours, [.. Enumerable.Repeat((byte)200, 5001)]));
            yield return ($"{bits}-bit jumps out of the picture", File(bits, kind, s_colours, [0, 2, 255, 255, 9, 9, 0, 2, 255, 255, 9, 9, 0, 1]));
            yield return ($"{bits}-bit literal run that is not there", File(bits, kind, s_colours, [0, 250, 1, 2]));
            yield return ($"{bits}-bit, a thousand ends of rows", File(bits, kind, s_colours, new byte[2000]));
            yield return ($"{bits}-bit, the end at once", File(bits, kind, s_colours, [0, 1]));
            yield return ($"{bits}-bit runs from top to bottom", File(bits, kind, s_colours, [8, 7, 0, 0, 0, 1], height: -8));
        }
        yield return ("runs in 24 bits", File(24, 1, [], s_pixels));
    }

    static IEnumerable<(string, byte[])> Masks()
    {
        foreach (int bits in new[] { 16, 32 })
        {
            foreach ((string name, uint[] masks) in new (string, uint[])[]
            {
                ("no bits", [0, 0, 0]), ("all bits thrice", [uint.MaxValue, uint.MaxValue, uint.MaxValue]), ("scattered bits", [0x55555555, 0xAAAAAAAA, 0x0F0F0F0F]),
                ("bits beyond the pixel", [0xFF000000, 0x00FF0000, 0x80000000]), ("one bit each", [1, 2, 4]),
            })
                yield return ($"{bits}-bit masks of {name}", File(bits, 3, [.. masks.SelectMany(BitConverter.GetBytes)], s_pixels));
            yield return ($"{bits}-bit masks that are not there", File(bits, 3, [], []));
        }
        foreach (int bits in new[] { 0, 3, 5, 33, 64, 255 }) yield return ($"{bits} bits per pixel", File(bits, 0, s_colours, s_pixels));
        foreach (uint kind in new uint[] { 4, 5, 6, 11, 255, uint.MaxValue }) yield return ($"compression {kind}", File(8, kind, s_colours, s_pixels));
    }

    static IEnumerable<(string, byte[])> Places()
    {
        foreach (uint at in new[] { 0u, 1u, 20u, 54u, 1000u, 0x7FFFFFFFu, uint.MaxValue }) yield return ($"pixels at {at}", File(8, 0, s_colours, s_pixels, offset: at));
        foreach (uint colours in new[] { 1u, 2u, 257u, 0x7FFFFFFFu, uint.MaxValue }) yield return ($"{colours} colours", File(8, 0, s_colours, s_pixels, colours));
        foreach (uint size in new uint[] { 12, 16, 52, 56, 64, 108, 124 }) yield return ($"a header of {size} bytes", File(24, 0, [], s_pixels, headerSize: size));
        yield return ("a header of 124 bytes whose profile is far away", File(24, 0, [.. Enumerable.Repeat((byte)255, 84)], s_pixels, headerSize: 124));
        yield return ("no colours at all", File(8, 0, [], [1, 2, 3]));
        yield return ("pixels that end early", File(24, 0, [], s_pixels[..50]));
        yield return ("0 planes", File(24, 0, [], s_pixels, planes: 0));
        yield return ("255 planes", File(24, 0, [], s_pixels, planes: 255));
        yield return ("a width below zero", File(24, 0, [], s_pixels, width: -8));
        yield return ("5000 x 5000 without pixels", File(24, 0, [], [1], width: 5000, height: 5000));
    }
}
