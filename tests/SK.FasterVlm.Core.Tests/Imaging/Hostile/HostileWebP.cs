using System.Buffers.Binary;

namespace SK.FasterVlm.Core.Tests.Imaging;

/// <summary>
/// WebP files that abuse decoders: above all lossless streams whose Huffman codes are over- or underfull in every place (CVE-2023-4863 was
/// a table built from such lengths), and containers whose sizes lie.
/// </summary>
static class HostileWebP
{
    public static IEnumerable<(string Name, byte[] File)> All => [.. Lossless(), .. Lossy(), .. Containers()];

    static byte[] File(params byte[][] chunks)
    {
        byte[] body = [.. "WEBP"u8, .. chunks.SelectMany(static c => c)];
        return [.. "RIFF"u8, .. U32((uint)body.Length), .. body];
    }

    static byte[] Chunk(ReadOnlySpan<byte> name, params byte[] data) => [.. name, .. U32((uint)data.Length), .. data, .. new byte[data.Length & 1]];

    static byte[] U32(uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return bytes;
    }

    /// <summary>A lossless picture of 8 x 8 whose bits after the header are given, the lowest first.</summary>
    static byte[] Vp8L(IEnumerable<bool> bits, int width = 8, int height = 8)
    {
        List<byte> bytes = [0x2F, .. U32((uint)(width - 1) | (uint)(height - 1) << 14)];
        foreach (bool[] eight in bits.Chunk(8)) bytes.Add((byte)eight.Select(static (b, i) => b ? 1 << i : 0).Sum());
        return Chunk("VP8L"u8, [.. bytes]);
    }

    static IEnumerable<bool> Bits(int value, int count) => Enumerable.Range(0, count).Select(i => (value >> i & 1) != 0);

    static IEnumerable<(string, byte[])> Lossless()
    {
        // No transform; a colour cache of any size, also those that must not be; one set of codes whose lengths are drawn.
        for (int seed = 0; seed < 400; seed++)
        {
            Random random = new(seed);
            List<bool> bits = [false];
            int cache = seed % 3 == 0 ? 0 : 1 + random.Next(seed % 2 == 0 ? 11 : 15);
            bits.AddRange(cache == 0 ? Bits(0, 1) : [true, .. Bits(cache, 4)]);
            bits.Add(false); // no groups
            for (int code = 0; code < 5; code++)
                bits.AddRange(seed % 2 == 0 ? Complete(random, code switch { 0 => 280 + (cache == 0 ? 0 : 1 << cache), 4 => 40, _ => 256 }) : Code(random, seed / 2 % 4));
            for (int i = 0; i < 3000; i++) bits.Add(random.Next(2) == 0);
            yield return ($"lossless codes {seed}", File(Vp8L(bits)));
        }
        for (int seed = 0; seed < 100; seed++)
        {
            // Any transforms, one after the other, and noise behind them.
            Random random = new(seed);
            yield return ($"lossless noise {seed}", File(Vp8L([true, .. Bits(seed, 2), .. Enumerable.Range(0, 4000).Select(_ => random.Next(3) == 0)], 1 + seed % 70, 1 + seed % 33)));
        }
        yield return ("a lossless picture of nothing", File(Vp8L([])));
        yield return ("a lossless picture of version 7", File(Chunk("VP8L"u8, [0x2F, .. U32(0xE000_0000), 0, 0])));
        yield return ("a lossless picture of 16384 x 16384 in ten bytes", File(Vp8L(Bits(0, 40), 16_384, 16_384)));
        yield return ("every transform twice", File(Vp8L(Enumerable.Range(0, 200).Select(static i => i % 3 == 0))));
    }

    /// <summary>A Huffman code of every symbol, neither over- nor underfull, with lengths to 15 spread so that tables get as large as they can.</summary>
    static List<bool> Complete(Random random, int symbols)
    {
        List<int> lengths = [0];
        while (lengths.Count < symbols)
        {
            int at = random.Next(4) == 0 ? random.Next(lengths.Count) : lengths.Count - 1;
            if (lengths[at] == 15) at = lengths.FindIndex(static l => l < 15);
            lengths[at]++;
            lengths.Insert(random.Next(2) == 0 ? at : lengths.Count, lengths[at]);
        }
        int[] shuffled = [.. lengths];
        random.Shuffle(shuffled);
        // The lengths themselves are coded in four bits each: 17, 18 and 16, which repeat, have no code. (Order of RFC 9649, 6.2.)
        int[] order = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        List<bool> bits = [false, .. Bits(15, 4), .. order.SelectMany(static o => Bits(o > 15 ? 0 : 4, 3)), false];
        foreach (int length in shuffled) bits.AddRange(Bits(length, 4).Reverse());
        return bits;
    }

    /// <summary>A Huffman code of drawn lengths: simple, overfull, underfull, or with repeats that run over the end.</summary>
    static List<bool> Code(Random random, int how)
    {
        if (how == 0 && random.Next(2) == 0) return [true, random.Next(2) == 0, true, .. Bits(random.Next(256), 8), .. Bits(random.Next(256), 8)];
        List<bool> bits = [false];
        int count = random.Next(16); // 4 more are sent
        bits.AddRange(Bits(count, 4));
        for (int i = 0; i < count + 4; i++)
            bits.AddRange(Bits(how switch { 1 => 1, 2 => random.Next(8), 3 => i < 3 ? 1 + random.Next(2) : 7, _ => i == 3 ? 0 : 1 + random.Next(4) }, 3));
        bool limited = random.Next(2) == 0;
        bits.Add(limited);
        if (limited)
        {
            int width = random.Next(8);
            bits.AddRange([.. Bits(width, 3), .. Bits(random.Next(1 << (2 + 2 * width)), 2 + 2 * width)]);
        }
        for (int i = 0; i < random.Next(600); i++) bits.Add(random.Next(2) == 0);
        return bits;
    }

    /// <summary>A lossy key frame.</summary>
    static byte[] Vp8(int width, int height, uint firstPartition, byte[] data) => Chunk("VP8 "u8,
        [(byte)(0x10 | firstPartition << 5), (byte)(firstPartition >> 3), (byte)(firstPartition >> 11), 0x9D, 1, 0x2A,
        (byte)width, (byte)(width >> 8), (byte)height, (byte)(height >> 8), .. data]);

    static IEnumerable<(string, byte[])> Lossy()
    {
        for (int seed = 0; seed < 100; seed++)
        {
            byte[] noise = new byte[20 + seed * 9];
            new Random(seed).NextBytes(noise);
            yield return ($"lossy noise {seed}", File(Vp8(1 + seed, 100 - seed, (uint)(noise.Length / 2), noise)));
        }
        foreach (uint partition in new[] { 0u, 1u, 300u, 0x7FFFFu })
            yield return ($"a first partition of {partition} bytes", File(Vp8(16, 16, partition, new byte[100])));
        yield return ("eight partitions of which none is there", File(Vp8(16, 16, 20, [.. Enumerable.Repeat((byte)0xFF, 40)])));
        yield return ("a lossy picture of 16383 x 3000 in 30 bytes", File(Vp8(16_383, 3000, 10, new byte[20])));
    }

    static byte[] Extended(int width, int height, byte flags) =>
        Chunk("VP8X"u8, flags, 0, 0, 0, (byte)(width - 1), (byte)((width - 1) >> 8), 0, (byte)(height - 1), (byte)((height - 1) >> 8), 0);

    static IEnumerable<(string, byte[])> Containers()
    {
        byte[] picture = Vp8(16, 16, 60, new byte[100]), frame = [0, 0, 0, 0, 0, 0, 15, 0, 0, 15, 0, 0, 10, 0, 0, 0];
        byte[] animation = Chunk("ANIM"u8, 0, 0, 0, 0, 0, 0);
        yield return ("a canvas larger than its picture", File(Extended(5000, 5000, 0), picture));
        yield return ("a canvas smaller than its picture", File(Extended(4, 4, 0), picture));
        yield return ("a canvas without a picture", File(Extended(16, 16, 0)));
        yield return ("two canvases", File(Extended(16, 16, 0), Extended(4000, 4000, 0x10), picture));
        foreach (byte kind in new byte[] { 0, 1, 2, 3, 0x3C, 0xFF })
        {
            yield return ($"transparency of kind {kind} and no length", File(Extended(16, 16, 0x10), Chunk("ALPH"u8, kind), picture));
            yield return ($"transparency of kind {kind} that is noise", File(Extended(16, 16, 0x10), Chunk("ALPH"u8, [kind, .. Enumerable.Range(0, 90).Select(static i => (byte)(i * 77))]), picture));
        }
        yield return ("an animation of no frame", File(Extended(16, 16, 2), animation));
        yield return ("a frame without a picture", File(Extended(16, 16, 2), animation, Chunk("ANMF"u8, frame)));
        yield return ("a frame off the canvas", File(Extended(16, 16, 2), animation, Chunk("ANMF"u8, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, .. frame[6..], .. picture])));
        yield return ("a frame larger than its picture", File(Extended(16, 16, 2), animation, Chunk("ANMF"u8, [.. frame[..6], 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, .. frame[12..], .. picture])));
        yield return ("five thousand frames", File([Extended(16, 16, 2), animation, .. Enumerable.Repeat(Chunk("ANMF"u8, [.. frame, .. picture]), 5000)]));
        yield return ("a frame in a frame", File(Extended(16, 16, 2), animation, Chunk("ANMF"u8, [.. frame, .. Chunk("ANMF"u8, [.. frame, .. picture])])));
        foreach (uint size in new[] { 0u, 4u, 0x7FFFFFFFu, 0xFFFFFFFEu, 0xFFFFFFFFu })
        {
            yield return ($"a file that says {size} bytes", Sized(File(picture), 4, size));
            yield return ($"a picture that says {size} bytes", Sized(File(picture), 16, size));
            yield return ($"a profile that says {size} bytes", Sized(File(Extended(16, 16, 0x20), Chunk("ICCP"u8, new byte[140]), picture), 34, size));
            yield return ($"an orientation that says {size} bytes", Sized(File(Extended(16, 16, 0x08), Chunk("EXIF"u8, [.. "II*\0"u8]), picture), 34, size));
        }
        yield return ("a profile that is noise", File(Extended(16, 16, 0x20), Chunk("ICCP"u8, [.. Enumerable.Repeat((byte)255, 300)]), picture));
    }

    static byte[] Sized(byte[] file, int at, uint size)
    {
        U32(size).CopyTo(file, at);
        return file;
    }
}
