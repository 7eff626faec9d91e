using System.Buffers.Binary;

namespace SK.FasterVlm.Imaging;

/// <summary>Reads JPEG headers (ITU-T T.81, annex B) and the EXIF orientation of their APP1 segment.</summary>
static class JpegHeader
{
    const int StartOfScan = 0xDA, EndOfImage = 0xD9, App1 = 0xE1;

    /// <summary>A progressive picture in colour has ten scans as a rule. Each is a pass over all of it, and a scan can be some 20 bytes.</summary>
    const int MostScans = 32;

    public static bool Matches(ReadOnlySpan<byte> bytes) => bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]);

    public static ImageHeader Read(HeaderBytes file)
    {
        int orientation = 1;
        ImageHeader? frame = null;
        long at = 2;
        while (true)
        {
            // Decoders skip what does not belong between two segments, and any number of FF bytes before a marker; so do we.
            while (file.U8(at) != 0xFF) at++;
            while (file.U8(at) == 0xFF) at++;
            int marker = file.U8(at++);
            if (marker is 0x00 or 0x01 or (>= 0xD0 and <= 0xD8)) continue;
            if (marker is StartOfScan or EndOfImage)
            {
                if (frame is null) throw file.Damaged("it has no frame header before its pixels");
                CheckScans(file, at - 2);
                return frame with { Orientation = orientation };
            }

            int length = file.U16Be(at);
            if (length < 2) throw file.Damaged($"segment {marker:X2} has the impossible length {length}");
            if (marker == App1 && orientation == 1) orientation = Orientation(file.SliceUpTo(at + 2, length - 2));
            // SOF0 to SOF15 without DHT (C4), JPG (C8) and DAC (CC).
            if (marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC))
            {
                if (frame is not null) throw file.Damaged("it has two frame headers");
                frame = Frame(file, marker, at);
            }

            at += length;
        }
    }

    static void CheckScans(HeaderBytes file, long first)
    {
        // Coded pixels hold no marker but restarts (a zero stands behind each of their 255s); other segments stand between scans and may
        // hold any bytes, so that they are passed over by their length, as decoders do.
        int scans = CountScans(file.Slice(first, file.Length - first));
        if (scans > MostScans) throw file.Unsupported($"it has {scans} scans and {MostScans} are allowed");
    }

    static int CountScans(ReadOnlySpan<byte> rest)
    {
        for (int scans = 0; ;)
        {
            int marker = rest.IndexOf((byte)0xFF);
            if (marker < 0) return scans;
            rest = rest[marker..].TrimStart((byte)0xFF);
            if (rest.IsEmpty || rest[0] == EndOfImage) return scans;
            int code = rest[0];
            rest = rest[1..];
            if (code is 0x00 or 0x01 or (>= 0xD0 and <= 0xD8)) continue;
            if (code == StartOfScan) scans++;
            if (rest.Length < 2) return scans;
            int length = BinaryPrimitives.ReadUInt16BigEndian(rest);
            if (length >= 2) rest = rest[Math.Min(length, rest.Length)..];
        }
    }

    static ImageHeader Frame(HeaderBytes file, int marker, long at)
    {
        if (marker > 0xC2) throw file.Unsupported(marker >= 0xC9 ? "it uses arithmetic coding" : "it is a lossless or hierarchical JPEG");
        int bits = file.U8(at + 2), height = file.U16Be(at + 3), width = file.U16Be(at + 5), channels = file.U8(at + 7);
        if (bits != 8) throw file.Unsupported($"it has {bits} bits per channel instead of 8");
        if (channels is not (1 or 3 or 4)) throw file.Unsupported($"it has {channels} channels instead of 1, 3 or 4");
        return file.Header(ImageFormat.Jpeg, width, height);
    }

    static int Orientation(ReadOnlySpan<byte> segment) =>
        segment.StartsWith("Exif\0\0"u8) ? ExifOrientation.Read(segment) : 1;
}
