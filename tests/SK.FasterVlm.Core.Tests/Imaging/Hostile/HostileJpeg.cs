namespace SK.FasterVlm.Core.Tests.Imaging;

/// <summary>JPEG files that abuse decoders: tables, samplings, scans and lengths no encoder writes.</summary>
static class HostileJpeg
{
    static readonly byte[] s_one = [1], s_three = [1, 2, 3];
    static readonly byte[] s_frame = JpegFile.Frame(0xC0, 16, 16, 0x11), s_entropy = JpegFile.Bits([.. Enumerable.Repeat((0, 5), 4)]);
    static readonly byte[] s_scan = JpegFile.Scan(s_one, 0, 63, 0, s_entropy);
    static readonly byte[][] s_tables = [JpegFile.Quantisation, JpegFile.DcTable, JpegFile.AcTable];

    public static IEnumerable<(string Name, byte[] File)> All => [.. Tables(), .. Frames(), .. Scans(), .. Progressive(), .. Segments()];

    static byte[] File(params byte[][] segments) => JpegFile.Of([.. s_tables, .. segments]);

    static IEnumerable<(string, byte[])> Tables()
    {
        byte[] sixteen = new byte[16];
        yield return ("no tables", JpegFile.Of(s_frame, s_scan));
        yield return ("no quantisation", JpegFile.Of(JpegFile.DcTable, JpegFile.AcTable, s_frame, s_scan));
        yield return ("no Huffman tables", JpegFile.Of(JpegFile.Quantisation, s_frame, s_scan));
        yield return ("quantisation by zero", JpegFile.Of(JpegFile.Segment(0xDB, [0, .. new byte[64]]), JpegFile.DcTable, JpegFile.AcTable, s_frame, s_scan));
        yield return ("16-bit quantisation", JpegFile.Of(JpegFile.Segment(0xDB, [0x10, .. Enumerable.Repeat((byte)255, 128)]), JpegFile.DcTable, JpegFile.AcTable, s_frame, s_scan));
        foreach (byte id in new byte[] { 4, 0x20, 0xFF })
        {
            yield return ($"quantisation table {id}", File(JpegFile.Segment(0xDB, [id, .. new byte[64]]), s_frame, s_scan));
            yield return ($"Huffman table {id}", File(JpegFile.Segment(0xC4, [id, 1, .. sixteen[1..], 0]), s_frame, s_scan));
        }
        yield return ("half a quantisation table", File(JpegFile.Segment(0xDB, [0, .. new byte[20]]), s_frame, s_scan));
        yield return ("17 Huffman codes of one bit", File(JpegFile.Segment(0xC4, [0, 17, .. sixteen[1..], .. new byte[17]]), s_frame, s_scan));
        yield return ("Huffman codes of 255 in every length", File(JpegFile.Segment(0xC4, [0, .. Enumerable.Repeat((byte)255, 16), .. new byte[255]]), s_frame, s_scan));
        yield return ("256 Huffman codes of 16 bits, all ones too", File(JpegFile.Segment(0xC4, [0, .. sixteen[..7], 255, 2, .. new byte[7], .. new byte[257]]), s_frame, s_scan));
        yield return ("a Huffman table without codes", File(JpegFile.Segment(0xC4, [0, .. sixteen]), s_frame, s_scan));
        yield return ("a Huffman table without its symbols", File(JpegFile.Segment(0xC4, [0, 0, 0, 0, 12, .. sixteen[4..]]), s_frame, s_scan));
        foreach (byte category in new byte[] { 12, 16, 31, 255 })
            yield return ($"first coefficients of {category} bits", JpegFile.Of(
                JpegFile.Quantisation, JpegFile.Segment(0xC4, [0, 1, .. sixteen[1..], category]), JpegFile.AcTable, s_frame,
                JpegFile.Scan(s_one, 0, 63, 0, JpegFile.Bits([.. Enumerable.Repeat((0x5555, 16), 20)]))));
        foreach (byte symbol in new byte[] { 0xF0, 0xF1, 0x0F, 0x1B, 0xFF })
            yield return ($"coefficients beyond the block by {symbol}", JpegFile.Of(
                JpegFile.Quantisation, JpegFile.DcTable, JpegFile.Segment(0xC4, [0x10, 1, .. sixteen[1..], symbol]), s_frame,
                JpegFile.Scan(s_one, 0, 63, 0, JpegFile.Bits([.. Enumerable.Repeat((0, 16), 40)]))));
    }

    static IEnumerable<(string, byte[])> Frames()
    {
        foreach (byte sampling in new byte[] { 0x00, 0x01, 0x10, 0x44, 0x51, 0x15, 0xFF })
            yield return ($"sampling {sampling:X2}", File(JpegFile.Frame(0xC0, 16, 16, sampling), s_scan));
        byte[][] wide = [[0x44, 0x44, 0x44], [0x44, 0x11, 0x11], [0x11, 0x44, 0x22], [0x31, 0x21, 0x13], [0x41, 0x14, 0x11], [0x22, 0x22, 0x22, 0x22], [0x12, 0x21, 0x44, 0x33]];
        foreach (byte[] sampling in wide)
        {
            byte[] ids = [.. Enumerable.Range(1, sampling.Length).Select(static i => (byte)i)];
            byte[] data = JpegFile.Bits([.. Enumerable.Repeat((0, 5), 400)]);
            yield return ($"sampling {Convert.ToHexString(sampling)}", File(JpegFile.Frame(0xC0, 17, 19, sampling), JpegFile.Scan(ids, 0, 63, 0, data)));
            yield return ($"sampling {Convert.ToHexString(sampling)} without pixels", File(JpegFile.Frame(0xC0, 17, 19, sampling), JpegFile.Scan(ids, 0, 63, 0, [])));
        }
        byte[] twice = JpegFile.Frame(0xC0, 16, 16, 0x11, 0x11, 0x11);
        (twice[13], twice[16]) = (1, 1);
        yield return ("three channels of one id", File(twice, JpegFile.Scan([1, 1, 1], 0, 63, 0, s_entropy)));
        byte[] table = JpegFile.Frame(0xC0, 16, 16, 0x11);
        table[^1] = 200;
        yield return ("a quantisation table that cannot be", File(table, s_scan));
        byte[] more = JpegFile.Frame(0xC0, 16, 16, 0x11);
        more[9] = 4;
        yield return ("four channels said, one there", File(more, s_scan));
        yield return ("a second frame of another size after the first scan", File(s_frame, s_scan, JpegFile.Frame(0xC0, 60_000, 60_000, 0x11, 0x11, 0x11), s_scan));
        yield return ("a second start", File([0xFF, 0xD8], s_frame, s_scan));
        yield return ("Adobe's kind 9", File(JpegFile.Adobe(9), JpegFile.Frame(0xC0, 16, 16, 0x11, 0x11, 0x11, 0x11), JpegFile.Scan([1, 2, 3, 4], 0, 63, 0, JpegFile.Bits([.. Enumerable.Repeat((0, 5), 16)]))));
        yield return ("inks and no ink", File(JpegFile.Adobe(2), s_frame, s_scan));
    }

    static IEnumerable<(string, byte[])> Scans()
    {
        yield return ("no scan", File(s_frame));
        yield return ("a scan of no channels", File(s_frame, JpegFile.Scan([], 0, 63, 0, s_entropy)));
        yield return ("a scan of five channels", File(s_frame, JpegFile.Scan([1, 1, 1, 1, 1], 0, 63, 0, s_entropy)));
        yield return ("a scan of another channel", File(s_frame, JpegFile.Scan([7], 0, 63, 0, s_entropy)));
        yield return ("a scan with tables that cannot be", File(s_frame, [.. JpegFile.Segment(0xDA, 1, 1, 0xFF, 0, 63, 0), .. s_entropy]));
        yield return ("a scan whose header is cut", File(s_frame, [0xFF, 0xDA, 0, 3, 1, .. s_entropy]));
        yield return ("one of three channels", File(JpegFile.Frame(0xC0, 16, 16, 0x11, 0x11, 0x11), s_scan));
        yield return ("nothing in the scan", File(s_frame, JpegFile.Scan(s_one, 0, 63, 0, [])));
        yield return ("only fill bytes in the scan", File(s_frame, JpegFile.Scan(s_one, 0, 63, 0, [.. Enumerable.Repeat((byte)255, 5000)])));
        foreach ((byte first, byte last, byte approximation) in new (byte, byte, byte)[] { (1, 63, 0), (5, 2, 0), (0, 64, 0), (0, 255, 0), (0, 63, 0xDD), (255, 255, 255) })
            yield return ($"a baseline scan from {first} to {last}, {approximation}", File(s_frame, JpegFile.Scan(s_one, first, last, approximation, s_entropy)));
        foreach (int interval in new[] { 1, 2, 3, 65_535 })
        {
            byte[] restart = JpegFile.Segment(0xDD, (byte)(interval >> 8), (byte)interval);
            yield return ($"restarts every {interval} that do not come", File(restart, s_frame, s_scan));
            yield return ($"restarts every {interval} in the wrong order", File(restart, s_frame, JpegFile.Scan(s_one, 0, 63, 0, [0x07, 0xFF, 0xD5, 0x07, 0xFF, 0xD0, 0x07, 0xFF, 0xD7, 0x07])));
        }
        yield return ("a line count after the scan", File(s_frame, s_scan, JpegFile.Segment(0xDC, 0xFF, 0xFF)));
        yield return ("a new table in the middle", File(s_frame, s_scan, JpegFile.Segment(0xC4, [0, 17, .. new byte[15], .. new byte[17]]), s_scan));
    }

    static IEnumerable<(string, byte[])> Progressive()
    {
        byte[] frame = JpegFile.Frame(0xC2, 16, 16, 0x11), colour = JpegFile.Frame(0xC2, 16, 16, 0x11, 0x11, 0x11);
        byte[] first = JpegFile.Scan(s_one, 0, 0, 0, JpegFile.Bits([.. Enumerable.Repeat((0, 4), 4)])), rest = JpegFile.Scan(s_one, 1, 63, 0, JpegFile.Bits((0, 4)));
        yield return ("progressive without first coefficients", File(frame, rest));
        yield return ("progressive, only refined", File(frame, JpegFile.Scan(s_one, 1, 63, 0x10, s_entropy)));
        yield return ("progressive, refined from nowhere", File(frame, first, JpegFile.Scan(s_one, 1, 63, 0x43, s_entropy)));
        yield return ("progressive, shifted by 13", File(frame, JpegFile.Scan(s_one, 0, 0, 0x0D, s_entropy), JpegFile.Scan(s_one, 0, 0, 0xDC, s_entropy)));
        yield return ("progressive, all channels' other coefficients at once", File(colour, JpegFile.Scan(s_three, 0, 0, 0, JpegFile.Bits([.. Enumerable.Repeat((0, 4), 12)])), JpegFile.Scan(s_three, 1, 63, 0, s_entropy)));
        yield return ("progressive, first and other coefficients at once", File(frame, JpegFile.Scan(s_one, 0, 63, 0, s_entropy)));
        yield return ("progressive, a run of blocks beyond the picture", File(frame, first, JpegFile.Scan(s_one, 1, 63, 0, JpegFile.Bits((0x2, 2), (7, 3), (0x2, 2), (7, 3)))));
        yield return ("progressive, the same scan twice", File(frame, first, rest, rest));
        yield return ("progressive in two channels of three", File(colour, JpegFile.Scan([1, 3], 0, 0, 0, JpegFile.Bits([.. Enumerable.Repeat((0, 4), 8)]))));
        // Each scan is 20 bytes here and a pass over the whole picture in the decoder.
        byte[] large = JpegFile.Frame(0xC2, 6000, 6000, 0x11), scan = JpegFile.Scan(s_one, 1, 63, 0, JpegFile.Bits([.. Enumerable.Repeat((0x2 << 3 | 7, 5), 8)]));
        yield return ("ten thousand scans over a large picture", File([large, .. Enumerable.Repeat(scan, 10_000)]));
    }

    static IEnumerable<(string, byte[])> Segments()
    {
        byte[] exif = [.. "Exif\0\0II*\0"u8, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0];
        yield return ("an orientation that points to itself", File(JpegFile.Segment(0xE1, [.. exif, 8, 0, 0, 0]), s_frame, s_scan));
        yield return ("65,535 entries of metadata", File(JpegFile.Segment(0xE1, [.. exif[..14], 0xFF, 0xFF, .. exif[16..]]), s_frame, s_scan));
        yield return ("metadata far away", File(JpegFile.Segment(0xE1, [.. exif[..10], 0xFF, 0xFF, 0xFF, 0xFF, .. exif[14..]]), s_frame, s_scan));
        yield return ("a preview larger than its segment", File(JpegFile.Segment(0xE0, [.. "JFIF\0"u8, 1, 2, 0, 0, 1, 0, 1, 255, 255, 1, 2, 3]), s_frame, s_scan));
        yield return ("half of Adobe's segment", File(JpegFile.Segment(0xEE, [.. "Adobe"u8, 0]), s_frame, s_scan));
        foreach ((byte number, byte count) in new (byte, byte)[] { (0, 0), (1, 255), (255, 1), (2, 1) })
            yield return ($"profile part {number} of {count}", File(JpegFile.Segment(0xE2, [.. "ICC_PROFILE\0"u8, number, count, .. new byte[300]]), s_frame, s_scan));
        byte[] part = JpegFile.Segment(0xE2, [.. "ICC_PROFILE\0"u8, 1, 1, 0xFF, 0xFF, 0xFF, 0xFF, .. new byte[124], 0x7F, 0xFF, 0xFF, 0xFF, .. new byte[100]]);
        yield return ("a profile whose sizes lie", File(part, s_frame, s_scan));
        yield return ("the same part of a profile 200 times", File([.. Enumerable.Repeat(part, 200), s_frame, s_scan]));
        yield return ("a comment of no length", File([0xFF, 0xFE, 0, 0], s_frame, s_scan));
        yield return ("a comment beyond the end", File(s_frame, [0xFF, 0xFE, 0xFF, 0xFF, 1, 2]));
        byte[] gain = JpegFile.Segment(0xE2, [.. "MPF\0II*\0"u8, 8, 0, 0, 0, 0xFF, 0xFF, .. new byte[60]]);
        yield return ("several pictures in one, none of them there", File(gain, s_frame, s_scan));
    }
}
