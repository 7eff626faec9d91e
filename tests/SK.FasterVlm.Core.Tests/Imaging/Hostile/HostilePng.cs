namespace SK.FasterVlm.Core.Tests.Imaging;

/// <summary>
/// PNG files that abuse decoders, after what libpng's advisories were about: palette entries that do not exist (CVE-2025-64505), palettes
/// with transparency (CVE-2025-64720), interlaced 16-bit rows (CVE-2025-65018), and chunks that lie about lengths, order and number.
/// </summary>
static class HostilePng
{
    const int Side = 12;

    static readonly byte[] s_header = PngFile.Header(Side, Side, 8, 2), s_lines = Lines(8, 2), s_data = PngFile.Data(s_lines);
    static readonly byte[] s_palette = PngFile.Header(Side, Side, 8, 3), s_entries = PngFile.Chunk("PLTE", 1, 2, 3, 4, 5, 6);

    public static IEnumerable<(string Name, byte[] File)> All =>
    [
        .. Palettes(), .. Interlaced(), .. Headers(), .. Streams(), .. Chunks(),
    ];

    /// <summary>Random scan lines of one kind.</summary>
    static byte[] Lines(int depth, int colour, bool interlaced = false, int side = Side)
    {
        Random random = new(depth + colour);
        ushort[] samples = [.. Enumerable.Range(0, side * side * PngFile.Channels(colour)).Select(_ => (ushort)random.Next(1 << depth))];
        return PngFile.Lines(samples, side, side, PngFile.Channels(colour), depth, interlaced);
    }

    static IEnumerable<(string, byte[])> Palettes()
    {
        byte[] beyond = PngFile.Data(Lines(8, 3)), transparency = PngFile.Chunk("tRNS", 0, 128);
        yield return ("pixels beyond the palette", PngFile.Of(s_palette, s_entries, beyond, PngFile.End));
        yield return ("pixels beyond the palette, transparent", PngFile.Of(s_palette, s_entries, transparency, beyond, PngFile.End));
        foreach (int depth in new[] { 1, 2, 4 })
        {
            yield return ($"{depth}-bit pixels beyond the palette", PngFile.Of(
                PngFile.Header(Side, Side, depth, 3), PngFile.Chunk("PLTE", 9, 9, 9), PngFile.Data(Lines(depth, 3)), PngFile.End));
            yield return ($"{depth}-bit interlaced pixels beyond the palette", PngFile.Of(
                PngFile.Header(Side, Side, depth, 3, 1), PngFile.Chunk("PLTE", 9, 9, 9), PngFile.Chunk("tRNS", 7), PngFile.Data(Lines(depth, 3, true)), PngFile.End));
            yield return ($"a palette of 256 for {depth} bits", PngFile.Of(
                PngFile.Header(Side, Side, depth, 3), PngFile.Chunk("PLTE", new byte[768]), PngFile.Data(Lines(depth, 3)), PngFile.End));
        }
        yield return ("no palette", PngFile.Of(s_palette, beyond, PngFile.End));
        foreach (int bytes in new[] { 0, 1, 4, 769, 771, 30_000 })
            yield return ($"a palette of {bytes} bytes", PngFile.Of(s_palette, PngFile.Chunk("PLTE", new byte[bytes]), beyond, PngFile.End));
        yield return ("two palettes", PngFile.Of(s_palette, s_entries, PngFile.Chunk("PLTE", new byte[768]), beyond, PngFile.End));
        yield return ("the palette after the pixels", PngFile.Of(s_palette, beyond, s_entries, PngFile.End));
        yield return ("a palette in a gray picture", PngFile.Of(PngFile.Header(Side, Side, 8, 0), s_entries, PngFile.Data(Lines(8, 0)), PngFile.End));
        foreach (int bytes in new[] { 0, 3, 256, 257, 30_000 })
            yield return ($"transparency of {bytes} entries for 2", PngFile.Of(s_palette, s_entries, PngFile.Chunk("tRNS", new byte[bytes]), beyond, PngFile.End));
        yield return ("transparency before the palette", PngFile.Of(s_palette, transparency, s_entries, beyond, PngFile.End));
        yield return ("transparency after the pixels", PngFile.Of(s_palette, s_entries, beyond, transparency, PngFile.End));
        yield return ("transparency beside alpha", PngFile.Of(PngFile.Header(Side, Side, 8, 6), PngFile.Chunk("tRNS", new byte[6]), PngFile.Data(Lines(8, 6)), PngFile.End));
        yield return ("half a colour key", PngFile.Of(s_header, PngFile.Chunk("tRNS", 0, 1, 0), s_data, PngFile.End));
        yield return ("a histogram without a palette", PngFile.Of(s_header, PngFile.Chunk("hIST", new byte[512]), s_data, PngFile.End));
        yield return ("a background beyond the palette", PngFile.Of(s_palette, s_entries, PngFile.Chunk("bKGD", 255), beyond, PngFile.End));
    }

    static IEnumerable<(string, byte[])> Interlaced()
    {
        byte[] gamma = PngFile.Chunk("gAMA", 0, 0, 0x30, 0x39);
        foreach (int colour in new[] { 0, 2, 4, 6 })
        {
            byte[] header = PngFile.Header(Side, Side, 16, colour, 1), lines = Lines(16, colour, true);
            yield return ($"16-bit interlaced kind {colour} with gamma", PngFile.Of(header, gamma, PngFile.Data(lines), PngFile.End));
            yield return ($"16-bit interlaced kind {colour}, two passes missing", PngFile.Of(header, PngFile.Data(lines[..(lines.Length / 3)]), PngFile.End));
            yield return ($"16-bit interlaced kind {colour}, twice the rows", PngFile.Of(header, PngFile.Data([.. lines, .. lines]), PngFile.End));
        }
        foreach (uint side in new uint[] { 1, 2, 3, 5 })
            yield return ($"interlaced, {side} pixels high, where passes are empty", PngFile.Of(
                PngFile.Header(side, 1, 16, 2, 1), PngFile.Data(PngFile.Lines(new ushort[3 * side], (int)side, 1, 3, 16, true)), PngFile.End));
        yield return ("lines of an interlaced picture as a plain one", PngFile.Of(s_header, PngFile.Data(Lines(8, 2, true)), PngFile.End));
        yield return ("lines of a plain picture as an interlaced one", PngFile.Of(PngFile.Header(Side, Side, 8, 2, 1), s_data, PngFile.End));
    }

    static IEnumerable<(string, byte[])> Headers()
    {
        foreach (int at in new[] { 10, 11, 12 })
            foreach (byte value in new byte[] { 1, 2, 255 })
                yield return ($"header byte {at} is {value}", PngFile.Of(Header(h => h[at] = value), s_data, PngFile.End));
        yield return ("a second header of another size", PngFile.Of(s_header, PngFile.Header(60_000, 60_000, 8, 6), s_data, PngFile.End));
        yield return ("a second header after the pixels", PngFile.Of(s_header, s_data, PngFile.Header(60_000, 60_000, 8, 6), s_data, PngFile.End));
        yield return ("a header of 14 bytes", PngFile.Of(PngFile.Chunk("IHDR", new byte[14]), s_data, PngFile.End));
        yield return ("a header with a wrong checksum", PngFile.Of(Damaged(s_header), s_data, PngFile.End));

        static byte[] Header(Action<byte[]> change)
        {
            byte[] content = s_header[8..^4];
            change(content);
            return PngFile.Chunk("IHDR", content);
        }
    }

    static IEnumerable<(string, byte[])> Streams()
    {
        byte[] packed = PngFile.Compress(s_lines);
        foreach (byte filter in new byte[] { 5, 200, 255 })
            yield return ($"filter {filter}", PngFile.Of(s_header, PngFile.Data([filter, .. s_lines[1..]]), PngFile.End));
        foreach (byte filter in new byte[] { 1, 2, 3, 4 })
            yield return ($"filter {filter} in the first line", PngFile.Of(s_header, PngFile.Data([filter, .. s_lines[1..]]), PngFile.End));
        yield return ("no pixels", PngFile.Of(s_header, PngFile.End));
        yield return ("pixels of no length", PngFile.Of(s_header, PngFile.Chunk("IDAT"), PngFile.End));
        yield return ("pixels that are not zlib", PngFile.Of(s_header, PngFile.Chunk("IDAT", s_lines), PngFile.End));
        yield return ("a preset dictionary", PngFile.Of(s_header, PngFile.Chunk("IDAT", [0x78, 0xBB, 0, 0, 0, 1, .. packed[2..]]), PngFile.End));
        yield return ("a window of 64 KB", PngFile.Of(s_header, PngFile.Chunk("IDAT", [0x88, 0x1C, .. packed[2..]]), PngFile.End));
        yield return ("a block of no kind", PngFile.Of(s_header, PngFile.Chunk("IDAT", 0x78, 0x9C, 0x07, 0, 0, 0), PngFile.End));
        yield return ("a stored block whose length lies", PngFile.Of(s_header, PngFile.Chunk("IDAT", 0x78, 0x01, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3), PngFile.End));
        yield return ("a copy from before the beginning", PngFile.Of(s_header, PngFile.Chunk("IDAT", 0x78, 0x9C, 0x63, 0x00, 0x42, 0xFF, 0xFF, 0xFF), PngFile.End));
        yield return ("a wrong Adler sum", PngFile.Of(s_header, PngFile.Chunk("IDAT", [.. packed[..^1], (byte)~packed[^1]]), PngFile.End));
        yield return ("ten thousand lines too many", PngFile.Of(s_header, PngFile.Data([.. s_lines, .. new byte[10_000 * 37]]), PngFile.End));
        yield return ("half of the lines", PngFile.Of(s_header, PngFile.Data(s_lines[..(s_lines.Length / 2)]), PngFile.End));
        yield return ("a byte per chunk", PngFile.Of([s_header, .. packed.Select(static b => PngFile.Chunk("IDAT", b)), PngFile.End]));
        yield return ("empty chunks among the pixels", PngFile.Of(
            s_header, PngFile.Chunk("IDAT", packed[..9]), PngFile.Chunk("IDAT"), PngFile.Chunk("IDAT"), PngFile.Chunk("IDAT", packed[9..]), PngFile.End));
        yield return ("a text among the pixels", PngFile.Of(
            s_header, PngFile.Chunk("IDAT", packed[..9]), PngFile.Chunk("tEXt", 65, 0, 66), PngFile.Chunk("IDAT", packed[9..]), PngFile.End));
        yield return ("a wrong checksum of the pixels", PngFile.Of(s_header, Damaged(s_data), PngFile.End));
        // 20 MB of zeros in 20 KB.
        yield return ("a bomb behind the last line", PngFile.Of(s_header, PngFile.Data([.. s_lines, .. new byte[20_000_000]]), PngFile.End));
    }

    static IEnumerable<(string, byte[])> Chunks()
    {
        foreach (uint length in new[] { 0x7FFFFFFFu, 0x80000000u, 0xFFFFFFFFu, 0xFFFFFFF4u })
        {
            byte[] lies = [.. PngFile.U32(length), .. "tEXt"u8, 1, 2, 3, 4];
            yield return ($"a text of {length} bytes", PngFile.Of(s_header, lies, s_data, PngFile.End));
            yield return ($"pixels of {length} bytes", PngFile.Of(s_header, [.. PngFile.U32(length), .. s_data[4..]], PngFile.End));
            yield return ($"an orientation of {length} bytes", PngFile.Of(s_header, s_data, [.. PngFile.U32(length), .. "eXIf"u8, .. "II*\0"u8]));
        }
        yield return ("a critical chunk nobody knows", PngFile.Of(s_header, PngFile.Chunk("EVIL", 1), s_data, PngFile.End));
        yield return ("a chunk whose name is no name", PngFile.Of(s_header, PngFile.Chunk("\0\u0001\u00FF\n", 1), s_data, PngFile.End));
        yield return ("no end", PngFile.Of(s_header, s_data));
        yield return ("ten thousand texts", PngFile.Of([s_header, .. Enumerable.Repeat(PngFile.Chunk("tEXt", 65, 0, 66), 10_000), s_data, PngFile.End]));
        byte[] zeros = PngFile.Compress(new byte[20_000_000]);
        yield return ("a profile that unpacks to 20 MB", PngFile.Of(s_header, PngFile.Chunk("iCCP", [65, 0, 0, .. zeros]), s_data, PngFile.End));
        yield return ("a text that unpacks to 20 MB", PngFile.Of(s_header, PngFile.Chunk("zTXt", [65, 0, 0, .. zeros]), s_data, PngFile.End));
        yield return ("an international text that unpacks to 20 MB", PngFile.Of(s_header, PngFile.Chunk("iTXt", [65, 0, 1, 0, 0, 0, .. zeros]), s_data, PngFile.End));
        byte[] profile = new byte[200];
        PngFile.U32(0xFFFFFFFF).CopyTo(profile, 0);
        PngFile.U32(0x40000000).CopyTo(profile, 128);
        yield return ("a profile whose sizes lie", PngFile.Of(s_header, PngFile.Chunk("iCCP", [65, 0, 0, .. PngFile.Compress(profile)]), s_data, PngFile.End));
        yield return ("a profile without an end of its name", PngFile.Of(s_header, PngFile.Chunk("iCCP", [.. Enumerable.Repeat((byte)65, 90)]), s_data, PngFile.End));
        foreach (string name in new[] { "gAMA", "cHRM", "sBIT", "sRGB", "pHYs", "tIME", "oFFs", "sPLT", "bKGD", "eXIf", "acTL", "fcTL", "cICP", "mDCV", "cLLI" })
            foreach (byte filler in new byte[] { 0, 255 })
                foreach (int length in new[] { 0, 1, 40 })
                    yield return ($"{name} of {length} bytes {filler}", PngFile.Of(s_header, PngFile.Chunk(name, [.. Enumerable.Repeat(filler, length)]), s_data, PngFile.End));
        foreach (uint frames in new[] { 0u, 1u, 0xFFFFFFFFu })
        {
            byte[] control = PngFile.Chunk("acTL", [.. PngFile.U32(frames), .. PngFile.U32(0)]);
            byte[] outside = PngFile.Chunk("fcTL", [.. PngFile.U32(0), .. PngFile.U32(60_000), .. PngFile.U32(60_000), .. PngFile.U32(60_000), .. PngFile.U32(60_000), 0, 1, 0, 1, 2, 1]);
            yield return ($"an animation of {frames} frames outside the picture", PngFile.Of(
                s_header, control, outside, s_data, outside, PngFile.Chunk("fdAT", [0, 0, 0, 1, .. s_data[8..^4]]), PngFile.End));
        }
    }

    static byte[] Damaged(byte[] chunk) => [.. chunk[..^1], (byte)~chunk[^1]];
}
