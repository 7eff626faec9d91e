using System.Diagnostics.CodeAnalysis;
using Microsoft.Win32.SafeHandles;

namespace SK.FasterVlm.Gguf;

/// <summary>
/// A GGUF file: header read and checked, data read or mapped on demand from the same open file, so that nobody can swap it between
/// the check and the use. Everything in a file is untrusted until it has passed here; native code sees nothing else. A model split
/// into several files (<c>-00001-of-00003.gguf</c>) is opened by its first and reads as one. Thread-safe.
/// </summary>
public sealed class GgufFile : IDisposable
{
    readonly ByteSource _source;
    readonly GgufHeader _header;
    readonly List<GgufFile> _rest = [];

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

    /// <summary>Bytes of the file, of all parts of a split model.</summary>
    public long Length => _source.Length + _rest.Sum(static part => part.Length);

    /// <summary>Files the model is split into; 1 when it is whole.</summary>
    public int PartCount => 1 + _rest.Count;

    /// <summary>Keys and values.</summary>
    public GgufMetadata Metadata => _header.Metadata;

    /// <summary>Tensors in the order of the file, part after part.</summary>
    public IReadOnlyList<GgufTensorInfo> Tensors { get; private set; }

    /// <summary>Opens a file and reads its header. The file stays open until <see cref="Dispose"/>.</summary>
    /// <param name="path">A regular file; of a split model the first.</param>
    /// <param name="limits">What the header may claim; default <see cref="GgufLimits.Default"/>.</param>
    /// <exception cref="ModelFormatException">
    /// No such file, not a GGUF file, damaged, or over the limits; the message says which field.
    /// </exception>
    public static GgufFile Open(string path, GgufLimits? limits = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        limits ??= GgufLimits.Default;
        GgufFile file = OpenOne(path, limits, static _ => { });
        try
        {
            file.OpenRest(path, limits);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Opens one file of a model that may be split, without looking for the others; whatever its name is.</summary>
    /// <param name="path">A regular file.</param>
    /// <param name="number">Which part it should be, from 0.</param>
    /// <param name="count">Of how many; 1 for a whole file.</param>
    /// <exception cref="ModelFormatException">No such file, not a GGUF file, damaged, or another part.</exception>
    internal static GgufFile OpenPart(string path, int number, int count) =>
        OpenOne(path, GgufLimits.Default, keys => GgufSplit.CheckPart(keys, number, count));

    void OpenRest(string path, GgufLimits limits)
    {
        string[] rest = Named(Name, () => GgufSplit.Rest(path, Metadata));
        if (rest.Length == 0) return;
        foreach (string partPath in rest)
        {
            int number = _rest.Count + 1;
            _rest.Add(OpenOne(partPath, limits, keys => GgufSplit.CheckPart(keys, number, rest.Length + 1)));
        }
        Tensors = Named(Name, Join);
    }

    GgufTensorInfo[] Join()
    {
        for (int i = 0; i < _rest.Count; i++)
        {
            foreach (GgufTensorInfo tensor in _rest[i].Tensors)
            {
                if (!_header.Tensors.TryAdd(tensor.Name, tensor.InPart(i + 1)))
                    throw new ModelFormatException($"The tensor '{Printable.Escape(tensor.Name)}' occurs in two parts of the model.", tensor.Name);
            }
        }
        GgufSplit.CheckTensors(Metadata, _header.Tensors.Count);
        return [.. _header.Tensors.Values];
    }

    static GgufFile OpenOne(string path, GgufLimits limits, Action<GgufMetadata> check)
    {
        string name = Path.GetFileName(path);
        ByteSource source = new(OpenHandle(path));
        try
        {
            return Named(name, () =>
            {
                GgufFile file = new(source, limits, name);
                check(file.Metadata);
                return file;
            });
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
        (tensor.Part == 0 ? _source : _rest[tensor.Part - 1]._source).ReadExactly(destination, tensor.Offset + start);
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

    /// <summary>False when the file was given as memory or is split.</summary>
    public bool CanMap => _source.File is not null && _rest.Count == 0;

    /// <summary>Maps the file read-only, for weights that are used where they lie. The mapping outlives this object if need be.</summary>
    /// <exception cref="InvalidOperationException">The file was given as memory or is split.</exception>
    public GgufMapping Map() => CanMap
        ? new(_source.File!, Length)
        : throw new InvalidOperationException("Only a whole file can be mapped; this one was given as memory or is split.");

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        _source.Dispose();
        foreach (GgufFile part in _rest) part.Dispose();
    }

    // Errors begin with the name of the file they are about.
    static T Named<T>(string name, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (ModelFormatException e)
        {
            throw new ModelFormatException($"{Printable.Escape(name)}: {e.Message}", e.Field, e.InnerException);
        }
    }

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
