using System.Buffers.Binary;

namespace SK.FasterVlm.Native;

/// <summary>
/// Looks at a library before the system's loader does. The loader of Linux maps what the header promises and dies of the first page that is
/// not there, so a file that a full disk or a broken download cut off would end the process.
/// </summary>
internal static class LibraryFile
{
    const int HeaderBytes = 64, SegmentBytes = 56, Loadable = 1;

    /// <summary>Refuses a 64-bit ELF file that is shorter than its segments. Every other file is the loader's to judge.</summary>
    /// <exception cref="NativeRuntimeException">Truncated.</exception>
    internal static void CheckWhole(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            if (!IsWhole(file)) throw new NativeRuntimeException($"{path} was found but does not load: it is truncated. Restore or copy it anew.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new NativeRuntimeException($"{path} was found but does not load: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    static bool IsWhole(FileStream file)
    {
        Span<byte> header = stackalloc byte[HeaderBytes], segment = stackalloc byte[SegmentBytes];
        // Magic, 64 bits, little endian; System V ABI, chapter 4 (ELF header) and 5 (program header).
        if (file.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false) < 6 || !header.StartsWith("\u007FELF\u0002\u0001"u8)) return true;
        ulong table = BinaryPrimitives.ReadUInt64LittleEndian(header[32..]);
        int size = BinaryPrimitives.ReadUInt16LittleEndian(header[54..]), count = BinaryPrimitives.ReadUInt16LittleEndian(header[56..]);
        ulong length = (ulong)file.Length;
        if (size != SegmentBytes || table > length || (ulong)(size * count) > length - table) return false;
        file.Position = (long)table;
        for (int i = 0; i < count; i++)
        {
            file.ReadExactly(segment);
            ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(segment[8..]), bytes = BinaryPrimitives.ReadUInt64LittleEndian(segment[32..]);
            if (BinaryPrimitives.ReadUInt32LittleEndian(segment) == Loadable && (offset > length || bytes > length - offset)) return false;
        }
        return true;
    }
}
