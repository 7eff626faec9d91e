namespace SK.FasterVlm.Core.Tests.Imaging;

/// <summary>
/// Writes JPEG files segment by segment (ITU-T T.81). Pictures are made of blocks of one colour: with a quantisation of 1 the first
/// coefficient of a block is 8 times its value less 128, so what a decoder must show is known exactly.
/// </summary>
static class JpegFile
{
    const byte StartOfScan = 0xDA, Baseline = 0xC0, Progressive = 0xC2;

    /// <summary>Quantisation by 1.</summary>
    public static byte[] Quantisation { get; } = Segment(0xDB, [0, .. Enumerable.Repeat((byte)1, 64)]);

    /// <summary>Huffman table DC 0: categories 0 to 11 as codes of 4 bits, each its own number.</summary>
    public static byte[] DcTable { get; } = Segment(0xC4, [0x00, 0, 0, 0, 12, .. new byte[12], .. Enumerable.Range(0, 12).Select(static i => (byte)i)]);

    /// <summary>Huffman table AC 0: the end of a block is one bit, 0; a run of blocks without coefficients (EOB3) is 10.</summary>
    public static byte[] AcTable { get; } = Segment(0xC4, [0x10, 1, 1, .. new byte[14], 0x00, 0x30]);

    /// <summary>A file: start, segments, end.</summary>
    public static byte[] Of(params byte[][] segments) => [0xFF, 0xD8, .. segments.SelectMany(static s => s), 0xFF, 0xD9];

    /// <summary>A marker with its length and content.</summary>
    public static byte[] Segment(byte marker, params byte[] content)
    {
        int length = content.Length + 2;
        return [0xFF, marker, (byte)(length >> 8), (byte)length, .. content];
    }

    /// <summary>A frame header whose channels have ids from 1.</summary>
    /// <param name="marker">SOF0 to SOF2.</param>
    /// <param name="width">Pixels.</param>
    /// <param name="height">Pixels.</param>
    /// <param name="sampling">Of each channel, horizontal in the upper four bits.</param>
    public static byte[] Frame(byte marker, int width, int height, params byte[] sampling) => Segment(marker,
        [8, (byte)(height >> 8), (byte)height, (byte)(width >> 8), (byte)width, (byte)sampling.Length,
        .. sampling.SelectMany(static (s, i) => new byte[] { (byte)(i + 1), s, 0 })]);

    /// <summary>A scan of channels by their ids, with tables 0.</summary>
    public static byte[] Scan(byte[] channels, int first, int last, int approximation, byte[] data) =>
        [.. Segment(StartOfScan, [(byte)channels.Length, .. channels.SelectMany(static c => new byte[] { c, 0 }), (byte)first, (byte)last, (byte)approximation]), .. data];

    /// <summary>A segment that says how the channels are to be understood.</summary>
    public static byte[] Adobe(byte transform) => Segment(0xEE, [.. "Adobe"u8, 0, 100, 0, 0, 0, 0, transform]);

    /// <summary>A picture of 8 x 8 blocks.</summary>
    /// <param name="columns">Blocks.</param>
    /// <param name="rows">Blocks.</param>
    /// <param name="channels">1, 3 or 4.</param>
    /// <param name="colour">Values of the channels by column and row.</param>
    /// <param name="progressive">In one scan, or first coefficients first.</param>
    /// <param name="extra">Segments before the frame, such as <see cref="Adobe"/>.</param>
    public static byte[] Picture(int columns, int rows, int channels, Func<int, int, byte[]> colour, bool progressive = false, params byte[][] extra)
    {
        byte[] all = [.. Enumerable.Range(1, channels).Select(static c => (byte)c)];
        byte[] frame = Frame(progressive ? Progressive : Baseline, columns * 8, rows * 8, [.. all.Select(static _ => (byte)0x11)]);
        List<byte[]> scans = [Scan(all, 0, progressive ? 0 : 63, 0, Blocks(columns, rows, channels, colour, alone: progressive))];
        if (progressive)
        {
            // Every channel's other coefficients: none, a bit per block.
            byte[] none = Bits([.. Enumerable.Repeat((0, 1), columns * rows)]);
            scans.AddRange(all.Select(c => Scan([c], 1, 63, 0, none)));
        }
        return Of([.. extra, Quantisation, DcTable, AcTable, frame, .. scans]);
    }

    /// <summary>First coefficients of blocks, channel by channel.</summary>
    static byte[] Blocks(int columns, int rows, int channels, Func<int, int, byte[]> colour, bool alone)
    {
        List<(int, int)> codes = [];
        int[] before = new int[channels];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                byte[] values = colour(column, row);
                for (int c = 0; c < channels; c++)
                {
                    int coefficient = 8 * (values[c] - 128), difference = coefficient - before[c];
                    before[c] = coefficient;
                    int category = 32 - int.LeadingZeroCount(Math.Abs(difference));
                    codes.Add((category, 4));
                    codes.Add((difference < 0 ? difference - 1 : difference, category));
                    if (!alone) codes.Add((0, 1)); // the end of the block
                }
            }
        }
        return Bits([.. codes]);
    }

    /// <summary>Values of some bits each, the highest first; filled up with ones; a zero behind every 255.</summary>
    public static byte[] Bits(params (int Value, int Count)[] codes)
    {
        List<byte> bytes = [];
        int pending = 0, held = 0;
        foreach ((int value, int count) in codes.Append((0x7F, 7)))
        {
            for (int bit = count - 1; bit >= 0; bit--)
            {
                pending = pending << 1 | value >> bit & 1;
                if (++held < 8) continue;
                bytes.Add((byte)pending);
                if (pending == 0xFF) bytes.Add(0);
                (pending, held) = (0, 0);
            }
        }
        return [.. bytes];
    }
}
