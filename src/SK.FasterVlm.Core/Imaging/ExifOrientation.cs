using System.Buffers.Binary;

namespace SK.FasterVlm.Imaging;

/// <summary>Reads the orientation from EXIF metadata (EXIF 3.0, 4.6.2 and 4.6.4: tag 0x0112 of the first directory).</summary>
static class ExifOrientation
{
    const int Tag = 0x0112, ShortType = 3;

    /// <summary>
    /// Finds the orientation. Damaged metadata counts as none: a picture is not refused for a broken note about it.
    /// </summary>
    /// <param name="exif">A TIFF structure, with or without the prefix "Exif\0\0".</param>
    /// <returns>1 to 8.</returns>
    public static int Read(ReadOnlySpan<byte> exif)
    {
        if (exif.StartsWith("Exif\0\0"u8)) exif = exif[6..];
        if (exif.Length < 8) return 1;
        bool little = exif.StartsWith("II*\0"u8);
        if (!little && !exif.StartsWith("MM\0*"u8)) return 1;
        uint directory = little ? BinaryPrimitives.ReadUInt32LittleEndian(exif[4..]) : BinaryPrimitives.ReadUInt32BigEndian(exif[4..]);
        if (directory > exif.Length - 2) return 1;
        int count = U16(exif[(int)directory..], little);
        ReadOnlySpan<byte> entries = exif[((int)directory + 2)..];
        for (; count > 0 && entries.Length >= 12; count--, entries = entries[12..])
        {
            if (U16(entries, little) != Tag || U16(entries[2..], little) != ShortType) continue;
            int value = U16(entries[8..], little);
            return value is >= 1 and <= 8 ? value : 1;
        }

        return 1;
    }

    static int U16(ReadOnlySpan<byte> at, bool little) =>
        little ? BinaryPrimitives.ReadUInt16LittleEndian(at) : BinaryPrimitives.ReadUInt16BigEndian(at);
}
