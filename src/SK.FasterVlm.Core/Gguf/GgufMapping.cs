using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace SK.FasterVlm.Gguf;

/// <summary>
/// A file mapped read-only into memory, of any size. Pages come in when they are touched. The pointer is valid until <see cref="Dispose"/>;
/// truncating the file while it is mapped ends the process when a lost page is touched, as with every mapped file.
/// </summary>
public sealed unsafe class GgufMapping : IDisposable
{
    readonly MemoryMappedFile _file;
    readonly MemoryMappedViewAccessor _view;
    readonly SafeMemoryMappedViewHandle _handle;
    byte* _pointer;

    internal GgufMapping(SafeFileHandle file, long length)
    {
        Length = length;
        _file = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        _view = _file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        _handle = _view.SafeMemoryMappedViewHandle;
        _handle.AcquirePointer(ref _pointer);
    }

    /// <summary>Bytes mapped: the whole file.</summary>
    public long Length { get; }

    /// <summary>First byte of the file.</summary>
    /// <exception cref="ObjectDisposedException">The mapping was disposed.</exception>
    public nint Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(_pointer == null, this);
            return (nint)_pointer;
        }
    }

    /// <summary>First byte of a tensor of the mapped file.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The tensor does not lie in this file.</exception>
    public nint AddressOf(GgufTensorInfo tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tensor.Offset, Length - tensor.ByteSize);
        return Address + (nint)tensor.Offset;
    }

    /// <summary>Unmaps the file. Every pointer from here is invalid afterwards.</summary>
    public void Dispose()
    {
        if (_pointer == null) return;
        _pointer = null;
        _handle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }
}
