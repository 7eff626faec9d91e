using System.Diagnostics.CodeAnalysis;
using Microsoft.Win32.SafeHandles;

namespace SK.FasterVlm.Gguf;

/// <summary>
/// A GGUF file: header read and checked, data read or mapped on demand from the same open file, so that nobody can swap it between
/// the check and the use. Everything in a file is untrusted until it has passed here; native code sees nothing else. Thread-safe.
/// </summary>
public sealed class GgufFile : IDisposable
{
    readonly ByteSource _source;
    readonly GgufHeader _header;

    GgufFile(ByteSource source, GgufLimits limits, string name)
    {
        _source = source;
        Name = name;
        _header = GgufHeader.Parse(source, limits);
        Tensors = [.. _header.Tensors.Values];
    }

    /// <summary>File name without its folder, for messages.</summary>
    public string Name { get; }

    /// <summary>Format version, 2 or 3.</summary>
    public uint Version => _header.Version;

    /// <summary>Bytes every tensor's offset is a multiple of, counted from <see cref="DataOffset"/>; a power of two.</summary>
    public uint Alignment => _header.Alignment;

    /// <summary>First byte of the data section.</summary>
    public long DataOffset => _header.DataOffset;

    /// <summary>Bytes of the file.</summary>
    public long Length => _source.Length;

    /// <summary>Keys and values.</summary>
    public GgufMetadata Metadata => _header.Metadata;

    /// <summary>Tensors in the order of the file.</summary>
    public IReadOnlyList<GgufTensorInfo> Tensors { get; }

    /// <summary>Opens a file and reads its header. The file stays open until <see cref="Dispose"/>.</summary>
    /// <param name="path">A regular file.</param>
    /// <param name="limits">What the header may claim; default <see cref="GgufLimits.Default"/>.</param>
    /// <exception cref="ModelFormatException">
    /// No such file, not a GGUF file, damaged, or over the limits; the message says which field.
    /// </exception>
    public static GgufFile Open(string path, GgufLimits? limits = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string name = Path.GetFileName(path);
        ByteSource source = new(OpenHandle(path));
        try
        {
            return new GgufFile(source, limits ?? GgufLimits.Default, name);
        }
        catch (ModelFormatException e)
        {
            source.Dispose();
            throw new ModelFormatException($"{Printable.Escape(name)}: {e.Message}", e.Field, e.InnerException);
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    /// <summary>Reads the header of a file held in memory.</summary>
    /// <param name="bytes">The whole file; must not change while this object is in use.</param>
    /// <param name="limits">What the header may claim; default <see cref="GgufLimits.Default"/>.</param>
    /// <exception cref="ModelFormatException">Not a GGUF file, damaged, or over the limits; the message says which field.</exception>
    public static GgufFile Parse(ReadOnlyMemory<byte> bytes, GgufLimits? limits = null) =>
        new(new ByteSource(bytes), limits ?? GgufLimits.Default, "memory");

    /// <summary>A tensor by name; false when the file lacks it.</summary>
    public bool TryGetTensor(string name, [NotNullWhen(true)] out GgufTensorInfo? tensor) => _header.Tensors.TryGetValue(name, out tensor);

    /// <summary>A tensor that must be there.</summary>
    /// <exception cref="ModelFormatException">The file lacks it.</exception>
    public GgufTensorInfo GetTensor(string name) => TryGetTensor(name, out GgufTensorInfo? tensor)
        ? tensor
        : throw new ModelFormatException($"The tensor '{Printable.Escape(name)}' is missing.", name);

    /// <summary>Reads bytes of a tensor as stored.</summary>
    /// <param name="tensor">From this file.</param>
    /// <param name="destination">Filled; at most the tensor's bytes after <paramref name="start"/>.</param>
    /// <param name="start">First byte, counted from the tensor's own start.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range lies outside the tensor.</exception>
    public void ReadTensor(GgufTensorInfo tensor, Span<byte> destination, long start = 0)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, tensor.ByteSize - destination.Length);
        _source.ReadExactly(destination, tensor.Offset + start);
    }

    /// <summary>Reads a tensor as floats, whatever its type.</summary>
    /// <param name="tensor">From this file, of fewer than 2^31 elements.</param>
    /// <exception cref="NotSupportedException"><see cref="GgmlBlocks.Dequantize"/> does not know the type.</exception>
    public float[] ReadFloats(GgufTensorInfo tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        float[] floats = new float[tensor.ElementCount];
        long row = tensor.RowBytes;
        byte[] bytes = new byte[row];
        int width = (int)tensor.Ne(0);
        for (int i = 0; i < floats.Length / width; i++)
        {
            ReadTensor(tensor, bytes, i * row);
            GgmlBlocks.Dequantize(tensor.Type, bytes, floats.AsSpan(i * width, width));
        }
        return floats;
    }

    /// <summary>False when the file was given as memory.</summary>
    public bool CanMap => _source.File is not null;

    /// <summary>Maps the file read-only, for weights that are used where they lie. The mapping outlives this object if need be.</summary>
    /// <exception cref="InvalidOperationException">The file was given as memory.</exception>
    public GgufMapping Map() =>
        new(_source.File ?? throw new InvalidOperationException("Only a file can be mapped; this one was given as memory."), Length);

    /// <summary>Closes the file.</summary>
    public void Dispose() => _source.Dispose();

    static SafeFileHandle OpenHandle(string path)
    {
        if (Directory.Exists(path)) throw NotAFile("is a directory; give the .gguf file in it");
        var info = new FileInfo(path);
        if (!info.Exists) throw NotAFile("does not exist");
        // Pipes and devices report length 0; opening a pipe would wait for a writer.
        if (info.ResolveLinkTarget(returnFinalTarget: true) is FileInfo target) info = target;
        if (info.Length == 0) throw NotAFile("is empty or not a regular file");
        try
        {
            return File.OpenHandle(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelFormatException($"The model file '{Printable.Escape(path)}' cannot be opened: {e.Message}", innerException: e);
        }

        ModelFormatException NotAFile(string problem) => new($"The model file '{Printable.Escape(path)}' {problem}.");
    }
}
