using Microsoft.Win32.SafeHandles;

namespace SK.FasterVlm.Gguf;

/// <summary>Bytes that can be read at any offset: a file that stays open, or memory. Thread-safe; length fixed at the start.</summary>
sealed class ByteSource : IDisposable
{
    readonly ReadOnlyMemory<byte> _memory;

    internal ByteSource(SafeFileHandle file)
    {
        File = file;
        Length = RandomAccess.GetLength(file);
    }

    internal ByteSource(ReadOnlyMemory<byte> memory)
    {
        _memory = memory;
        Length = memory.Length;
    }

    /// <summary>The open file, or null.</summary>
    internal SafeFileHandle? File { get; }

    internal long Length { get; }

    /// <summary>Reads what is there at an offset; 0 at the end.</summary>
    internal int Read(Span<byte> destination, long offset)
    {
        if (offset >= Length) return 0;
        int count = (int)Math.Min(destination.Length, Length - offset);
        if (File is not null) return RandomAccess.Read(File, destination[..count], offset);
        _memory.Span.Slice((int)offset, count).CopyTo(destination);
        return count;
    }

    /// <summary>Fills the span.</summary>
    /// <exception cref="ModelFormatException">The file has become shorter than it was when opened.</exception>
    internal void ReadExactly(Span<byte> destination, long offset)
    {
        while (destination.Length > 0)
        {
            int got = Read(destination, offset);
            if (got == 0) throw new ModelFormatException("The file became shorter while it was being read.");
            destination = destination[got..];
            offset += got;
        }
    }

    public void Dispose() => File?.Dispose();
}
