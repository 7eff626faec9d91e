using System.Buffers.Binary;

namespace SK.FasterVlm.Imaging;

/// <summary>Bytes of an untrusted file. Every read is checked: past the end there is an <see cref="ImageFormatException"/>, nothing else.</summary>
/// <param name="bytes">The whole file.</param>
/// <param name="format">Name of the format for messages.</param>
readonly ref struct HeaderBytes(ReadOnlySpan<byte> bytes, string format)
{
    readonly ReadOnlySpan<byte> _bytes = bytes;

    public int Length => _bytes.Length;

    public int U8(long at) => Slice(at, 1)[0];

    public int U16Be(long at) => BinaryPrimitives.ReadUInt16BigEndian(Slice(at, 2));

    public int U16Le(long at) => BinaryPrimitives.ReadUInt16LittleEndian(Slice(at, 2));

    public int U24Le(long at) => U16Le(at) | U8(at + 2) << 16;

    public uint U32Be(long at) => BinaryPrimitives.ReadUInt32BigEndian(Slice(at, 4));

    public uint U32Le(long at) => BinaryPrimitives.ReadUInt32LittleEndian(Slice(at, 4));

    public int I32Le(long at) => BinaryPrimitives.ReadInt32LittleEndian(Slice(at, 4));

    public ReadOnlySpan<byte> Slice(long at, long count)
    {
        if (at < 0 || count < 0 || at > _bytes.Length - count)
            throw new ImageFormatException($"The {format} file is truncated: its header goes on past the last of its {_bytes.Length} bytes. Send the whole file.");
        return _bytes.Slice((int)at, (int)count);
    }

    /// <summary>As <see cref="Slice"/>, but shorter where the file ends; for metadata that may be damaged without harm.</summary>
    public ReadOnlySpan<byte> SliceUpTo(long at, long count) =>
        at >= _bytes.Length ? default : _bytes.Slice((int)at, (int)Math.Min(count, _bytes.Length - at));

    public ImageFormatException Damaged(string what) => new($"The {format} file is damaged: {what}.");

    public ImageFormatException Unsupported(string what) => new($"The {format} file cannot be read: {what}. Save it as an ordinary PNG or JPEG.");

    /// <summary>Turns sizes of any origin into a header, refusing what is no picture.</summary>
    public ImageHeader Header(ImageFormat kind, long width, long height, int orientation = 1)
    {
        if (width is < 1 or > int.MaxValue || height is < 1 or > int.MaxValue) throw Damaged($"a picture of {width} x {height} pixels is impossible");
        return new ImageHeader(kind, (int)width, (int)height, orientation);
    }
}
