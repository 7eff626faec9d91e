using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace SK.FasterVlm.Gguf;

/// <summary>Makes a piece of a tensor's data.</summary>
/// <param name="destination">To be filled: whole rows.</param>
/// <param name="start">Place of the first byte within the tensor.</param>
public delegate void TensorFill(Memory<byte> destination, long start);

/// <summary>
/// Writes GGUF version 3: collect metadata and tensors, then <see cref="Write"/>. Data is asked for piece by piece while writing, so
/// that a file of 4 GB needs a few MB of memory. The same calls give the same bytes. Not thread-safe.
/// </summary>
public sealed class GgufWriter
{
    const int Alignment = 32;
    const int PieceBytes = 8 << 20;

    readonly List<(string Key, Action<HeaderBytes> Value)> _entries = [];
    readonly List<(string Name, GgmlType Type, long[] Dims, long Bytes, TensorFill Fill)> _tensors = [];
    readonly HashSet<string> _names = new(StringComparer.Ordinal);

    /// <summary>Bytes of tensor data collected so far, without padding.</summary>
    public long DataBytes => _tensors.Sum(static t => t.Bytes);

    /// <summary>Adds a text.</summary>
    public GgufWriter Add(string key, string value) => Entry(key, GgufValueType.Text, h => h.Text(value));

    /// <summary>Adds an unsigned 32-bit number.</summary>
    public GgufWriter Add(string key, uint value) => Entry(key, GgufValueType.U32, h => h.U32(value));

    /// <summary>Adds an unsigned 16-bit number.</summary>
    public GgufWriter Add(string key, ushort value) => Add(key, new GgufValue(GgufValueType.U16, GgufValueType.U16, 1, BitConverter.GetBytes(value)));

    /// <summary>Adds a signed 32-bit number.</summary>
    public GgufWriter Add(string key, int value) => Entry(key, GgufValueType.I32, h => h.U32((uint)value));

    /// <summary>Adds an unsigned 64-bit number.</summary>
    public GgufWriter Add(string key, ulong value) => Entry(key, GgufValueType.U64, h => h.U64(value));

    /// <summary>Adds a 32-bit float.</summary>
    public GgufWriter Add(string key, float value) => Entry(key, GgufValueType.F32, h => h.U32(BitConverter.SingleToUInt32Bits(value)));

    /// <summary>Adds a boolean.</summary>
    public GgufWriter Add(string key, bool value) => Entry(key, GgufValueType.Bool, h => h.U8(value ? (byte)1 : (byte)0));

    /// <summary>Adds an array of texts.</summary>
    public GgufWriter Add(string key, IReadOnlyList<string> values) => Array(key, GgufValueType.Text, values, static (h, v) => h.Text(v));

    /// <summary>Adds an array of signed 32-bit numbers.</summary>
    public GgufWriter Add(string key, IReadOnlyList<int> values) => Array(key, GgufValueType.I32, values, static (h, v) => h.U32((uint)v));

    /// <summary>Adds an array of 32-bit floats.</summary>
    public GgufWriter Add(string key, IReadOnlyList<float> values) =>
        Array(key, GgufValueType.F32, values, static (h, v) => h.U32(BitConverter.SingleToUInt32Bits(v)));

    /// <summary>Adds a value read from another file.</summary>
    internal GgufWriter Add(string key, GgufValue value) => Entry(key, value.Type, header =>
    {
        if (value.Type == GgufValueType.Array)
        {
            header.U32((uint)value.ElementType, "element type");
            header.U64((ulong)value.Count, "array length");
        }
        if (value.ElementType != GgufValueType.Text) header.Raw(value.Bytes);
        else for (int i = 0; i < value.Count; i++) header.Text(value.Text(i));
    });

    /// <summary>Adds a tensor.</summary>
    /// <param name="name">Unique, 1 to 63 UTF-8 bytes.</param>
    /// <param name="type">How its elements are stored.</param>
    /// <param name="dims">1 to 4 sizes, the row length first; the row consists of whole blocks of the type.</param>
    /// <param name="fill">Asked for the data piece by piece, in order, when the file is written.</param>
    /// <exception cref="ArgumentException">Name or sizes break the rules of the format.</exception>
    public GgufWriter AddTensor(string name, GgmlType type, ReadOnlySpan<long> dims, TensorFill fill)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(fill);
        if (Encoding.UTF8.GetByteCount(name) is 0 or > 63)
            throw new ArgumentException($"'{name}' is not a tensor name of 1 to 63 bytes.", nameof(name));
        if (dims.Length is 0 or > 4) throw new ArgumentException("A tensor has 1 to 4 dimensions.", nameof(dims));
        if (!_names.Add($"tensor {name}")) throw new ArgumentException($"The tensor '{name}' was added before.", nameof(name));
        long bytes = type.RowBytes(dims[0]);
        foreach (long dim in dims[1..]) bytes = checked(bytes * dim);
        if (bytes <= 0) throw new ArgumentException("Every dimension must be positive.", nameof(dims));
        _tensors.Add((name, type, dims.ToArray(), bytes, fill));
        return this;
    }

    /// <summary>Adds a tensor whose data is at hand.</summary>
    /// <param name="name">Unique, 1 to 63 UTF-8 bytes.</param>
    /// <param name="type">F32, F16, BF16, Q8_0 or Q4_0.</param>
    /// <param name="dims">1 to 4 sizes, the row length first.</param>
    /// <param name="values">One value per element; converted now.</param>
    public GgufWriter AddTensor(string name, GgmlType type, ReadOnlySpan<long> dims, ReadOnlySpan<float> values)
    {
        byte[] bytes = new byte[type.RowBytes(values.Length)];
        GgmlBlocks.Quantize(type, values, bytes);
        AddTensor(name, type, dims, (destination, start) => bytes.AsMemory((int)start, destination.Length).CopyTo(destination));
        if (_tensors[^1].Bytes != bytes.Length)
            throw new ArgumentException($"'{name}' has {values.Length} values, which do not fit its sizes.", nameof(values));
        return this;
    }

    /// <summary>Writes the file.</summary>
    /// <param name="stream">Written from its position on, which counts as offset 0.</param>
    /// <param name="progress">Told the share of data written, 0 to 1.</param>
    /// <param name="cancellationToken">Checked between pieces of 8 MB.</param>
    public void Write(Stream stream, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(stream);
        var header = new HeaderBytes();
        WriteHeader(header);
        stream.Write(header.Padded(Alignment).Span);
        long written = 0, total = Math.Max(1, DataBytes);
        byte[] piece = [];
        foreach ((string _, GgmlType type, long[] dims, long bytes, TensorFill fill) in _tensors)
        {
            long row = type.RowBytes(dims[0]);
            long step = Math.Min(bytes, Math.Max(1, PieceBytes / row) * row);
            for (long start = 0; start < bytes; start += step)
            {
                cancellationToken.ThrowIfCancellationRequested();
                int length = checked((int)Math.Min(step, bytes - start));
                if (piece.Length < length) piece = new byte[length];
                fill(piece.AsMemory(0, length), start);
                stream.Write(piece, 0, length);
                progress?.Report((double)(written += length) / total);
            }
            stream.Write(new byte[Padding(bytes)]);
        }
    }

    /// <summary>The file in memory, for tests; every integer of its header by place, size in bytes and meaning.</summary>
    internal (byte[] Bytes, IReadOnlyList<(int Offset, int Size, string What)> Integers) ToArray()
    {
        using var stream = new MemoryStream();
        Write(stream);
        var header = new HeaderBytes();
        WriteHeader(header);
        return (stream.ToArray(), header.Integers);
    }

    void WriteHeader(HeaderBytes header)
    {
        header.Raw("GGUF"u8);
        header.U32(3, "version");
        header.U64((ulong)_tensors.Count, "tensor count");
        header.U64((ulong)_entries.Count, "metadata count");
        foreach ((string _, Action<HeaderBytes> value) in _entries) value(header);
        long offset = 0;
        foreach ((string name, GgmlType type, long[] dims, long bytes, TensorFill _) in _tensors)
        {
            header.Text(name);
            header.U32((uint)dims.Length, "dimension count");
            foreach (long dim in dims) header.U64((ulong)dim, "dimension");
            header.U32((uint)type, "tensor type");
            header.U64((ulong)offset, "tensor offset");
            offset += bytes + Padding(bytes);
        }
    }

    GgufWriter Entry(string key, GgufValueType type, Action<HeaderBytes> value)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        if (!_names.Add($"key {key}")) throw new ArgumentException($"The key '{key}' was added before.", nameof(key));
        _entries.Add((key, WriteEntry));
        return this;

        void WriteEntry(HeaderBytes header)
        {
            header.Text(key);
            header.U32((uint)type, "value type");
            value(header);
        }
    }

    GgufWriter Array<T>(string key, GgufValueType element, IReadOnlyList<T> values, Action<HeaderBytes, T> write) =>
        Entry(key, GgufValueType.Array, header =>
        {
            header.U32((uint)element, "element type");
            header.U64((ulong)values.Count, "array length");
            foreach (T value in values) write(header, value);
        });

    static int Padding(long bytes) => (int)(-bytes & (Alignment - 1));

    /// <summary>The header while it grows.</summary>
    sealed class HeaderBytes
    {
        readonly ArrayBufferWriter<byte> _bytes = new();

        internal List<(int Offset, int Size, string What)> Integers { get; } = [];

        internal void Raw(ReadOnlySpan<byte> bytes) => _bytes.Write(bytes);

        internal void U8(byte value) => Raw([value]);

        internal void U32(uint value, string what = "value")
        {
            Span<byte> bytes = stackalloc byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
            Integer(bytes, what);
        }

        internal void U64(ulong value, string what = "value")
        {
            Span<byte> bytes = stackalloc byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
            Integer(bytes, what);
        }

        internal void Text(string value)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(value);
            U64((ulong)bytes.Length, "text length");
            Raw(bytes);
        }

        internal ReadOnlyMemory<byte> Padded(int alignment)
        {
            Raw(new byte[-_bytes.WrittenCount & (alignment - 1)]);
            return _bytes.WrittenMemory;
        }

        void Integer(ReadOnlySpan<byte> bytes, string what)
        {
            Integers.Add((_bytes.WrittenCount, bytes.Length, what));
            Raw(bytes);
        }
    }
}
