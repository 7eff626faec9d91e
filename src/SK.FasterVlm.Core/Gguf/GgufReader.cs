using System.Buffers.Binary;
using System.Text;

namespace SK.FasterVlm.Gguf;

/// <summary>
/// Reads little-endian values one after the other and never past the end. <see cref="Field"/> says what is being read, so that every
/// error names it. Lengths are compared with the bytes that are left before a single byte is allocated for them.
/// </summary>
sealed class GgufReader(ByteSource source)
{
    readonly byte[] _buffer = new byte[(int)Math.Min(64 * 1024, Math.Max(source.Length, 16))];
    int _start;
    int _end;
    long _read;

    /// <summary>What is being read, for messages: <c>tensor 'v.class_embd' dims[0]</c>.</summary>
    internal string Field { get; set; } = "header";

    /// <summary>Element of the array being read, or -1.</summary>
    internal long Element { get; set; } = -1;

    internal long Position => _read - (_end - _start);

    internal long Remaining => source.Length - Position;

    internal byte U8() => Take(1)[0];

    internal uint U32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    internal ulong U64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    /// <summary>Fills <paramref name="destination"/>, which the caller has sized after <see cref="Length"/>.</summary>
    internal void CopyTo(Span<byte> destination)
    {
        if (destination.Length > Remaining) throw Truncated(destination.Length);
        while (destination.Length > 0)
        {
            ReadOnlySpan<byte> piece = Take(Math.Min(destination.Length, _buffer.Length));
            piece.CopyTo(destination);
            destination = destination[piece.Length..];
        }
    }

    /// <summary>
    /// A count of things that take at least <paramref name="minimumBytes"/> each; checked against the limit and the bytes left.
    /// </summary>
    internal int Length(string what, long limit, int minimumBytes)
    {
        ulong count = U64();
        if (count > (ulong)limit) throw Error($"claims {count} {what}; at most {limit} are allowed");
        if (count > (ulong)(Remaining / minimumBytes)) throw Error($"claims {count} {what} but only {Remaining} bytes follow");
        return (int)count;
    }

    /// <summary>UTF-8 text with its length before it.</summary>
    internal byte[] Utf8(int limit)
    {
        byte[] bytes = new byte[Length("bytes", limit, 1)];
        CopyTo(bytes);
        if (!System.Text.Unicode.Utf8.IsValid(bytes)) throw Error("is not valid UTF-8");
        return bytes;
    }

    internal string Text(int limit) => Encoding.UTF8.GetString(Utf8(limit));

    internal ModelFormatException Error(string problem)
    {
        string field = Printable.Escape(Element < 0 ? Field : $"{Field}[{Element}]");
        return new ModelFormatException($"Damaged GGUF file: {field} {problem}.", field);
    }

    ReadOnlySpan<byte> Take(int count)
    {
        if (_end - _start < count) Fill(count);
        ReadOnlySpan<byte> taken = _buffer.AsSpan(_start, count);
        _start += count;
        return taken;
    }

    void Fill(int count)
    {
        if (count > Remaining) throw Truncated(count);
        _buffer.AsSpan(_start.._end).CopyTo(_buffer);
        _end -= _start;
        _start = 0;
        while (_end < count)
        {
            int got = source.Read(_buffer.AsSpan(_end), _read);
            if (got == 0) throw Truncated(count);
            _end += got;
            _read += got;
        }
    }

    ModelFormatException Truncated(long needed) =>
        Error($"needs {needed} bytes at offset {Position} but the file ends after {source.Length}");
}
