namespace SK.FasterVlm.Gguf;

/// <summary>
/// The header of a GGUF file, versions 2 and 3: magic, version, tensor count, metadata count, metadata, tensor infos, padding, data.
/// Stricter than ggml where ggml is open (wrapped sizes are accepted there), never more lenient: what passes here passes there.
/// </summary>
sealed class GgufHeader
{
    // Smallest encodings: an entry is key length + 1 byte + type + 1 byte, a tensor info is name length + 1 + dims + 8 + type + offset.
    const int MinimumEntryBytes = 8 + 1 + 4 + 1;
    const int MinimumTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;
    const uint DefaultAlignment = 32;

    readonly GgufReader _reader;
    readonly GgufLimits _limits;
    readonly long _fileLength;

    GgufHeader(ByteSource source, GgufLimits limits)
    {
        _reader = new GgufReader(source);
        _limits = limits;
        _fileLength = source.Length;
    }

    internal uint Version { get; private set; }

    internal uint Alignment { get; private set; } = DefaultAlignment;

    internal long DataOffset { get; private set; }

    internal GgufMetadata Metadata { get; } = new();

    internal OrderedDictionary<string, GgufTensorInfo> Tensors { get; } = new(StringComparer.Ordinal);

    internal static GgufHeader Parse(ByteSource source, GgufLimits limits)
    {
        FileKind.RequireGguf(source);
        var header = new GgufHeader(source, limits);
        header.Parse();
        return header;
    }

    void Parse()
    {
        _reader.Field = "magic";
        _reader.U32();
        ParseVersion();
        _reader.Field = "tensor count";
        int tensors = _reader.Length("tensors", _limits.MaxTensors, MinimumTensorBytes);
        _reader.Field = "metadata count";
        int entries = _reader.Length("entries", _limits.MaxMetadata, MinimumEntryBytes);
        for (int i = 0; i < entries; i++) ParseEntry(i);
        ParseAlignment();
        var placed = new List<(string Name, GgmlType Type, long[] Dims, ulong Offset, UInt128 Bytes)>();
        for (int i = 0; i < tensors; i++) placed.Add(ParseTensor(i));
        PlaceTensors(placed);
    }

    void ParseVersion()
    {
        _reader.Field = "version";
        Version = _reader.U32();
        if (Version is 2 or 3) return;
        if (Version is 0x0200_0000 or 0x0300_0000) throw _reader.Error("shows a big-endian file; only little-endian files are supported");
        throw _reader.Error($"is {Version}; versions 2 and 3 are supported");
    }

    void ParseEntry(int index)
    {
        _reader.Field = $"key {index}";
        string key = _reader.Text(_limits.MaxKeyBytes);
        if (key.Length == 0) throw _reader.Error("is empty");
        _reader.Field = $"type of key '{key}'";
        var type = (GgufValueType)_reader.U32();
        if (type > GgufValueType.F64) throw _reader.Error($"is {(uint)type}, which is no type");
        _reader.Field = $"value of key '{key}'";
        GgufValue value = type switch
        {
            GgufValueType.Array => ParseArray(),
            GgufValueType.Text => ParseText(),
            _ => new GgufValue(type, type, 1, ParseNumbers(type, 1)),
        };
        _reader.Field = $"key '{key}'";
        if (!Metadata.TryAdd(key, value)) throw _reader.Error("occurs twice");
        if (key == "general.architecture" && value.Type != GgufValueType.Text) throw _reader.Error($"must be text but is {value.Kind}");
    }

    GgufValue ParseText()
    {
        byte[] bytes = _reader.Utf8(_limits.MaxStringBytes);
        return new GgufValue(GgufValueType.Text, GgufValueType.Text, 1, bytes, [bytes.Length]);
    }

    GgufValue ParseArray()
    {
        var element = (GgufValueType)_reader.U32();
        if (element == GgufValueType.Array) throw _reader.Error("is an array of arrays, which llama.cpp does not read either");
        if (element > GgufValueType.F64) throw _reader.Error($"has elements of type {(uint)element}, which is no type");
        int size = GgufValue.SizeOf(element);
        int count = _reader.Length("elements", _limits.MaxArrayLength, size == 0 ? sizeof(ulong) : size);
        if (element == GgufValueType.Text) return ParseTexts(count);
        if ((long)count * size > _limits.MaxArrayBytes) throw _reader.Error($"takes more than {_limits.MaxArrayBytes} bytes");
        return new GgufValue(GgufValueType.Array, element, count, ParseNumbers(element, count));
    }

    byte[] ParseNumbers(GgufValueType type, int count)
    {
        byte[] bytes = new byte[count * GgufValue.SizeOf(type)];
        _reader.CopyTo(bytes);
        if (type == GgufValueType.Bool && bytes.AsSpan().ContainsAnyExceptInRange((byte)0, (byte)1))
            throw _reader.Error("is a bool that is neither 0 nor 1");
        return bytes;
    }

    // One growing block for all texts; it grows with the bytes that were really there, never with a claim.
    GgufValue ParseTexts(int count)
    {
        byte[] bytes = new byte[Math.Min(16L * count, 64 * 1024)];
        int[] ends = new int[count];
        int used = 0;
        for (int i = 0; i < count; i++)
        {
            _reader.Element = i;
            int length = _reader.Length("bytes", _limits.MaxStringBytes, 1);
            if ((long)used + length > _limits.MaxArrayBytes) throw _reader.Error($"takes the array over {_limits.MaxArrayBytes} bytes");
            if (used + length > bytes.Length)
                Array.Resize(ref bytes, (int)Math.Min(Math.Max(2L * bytes.Length, used + length), Array.MaxLength));
            Span<byte> text = bytes.AsSpan(used, length);
            _reader.CopyTo(text);
            if (!System.Text.Unicode.Utf8.IsValid(text)) throw _reader.Error("is not valid UTF-8");
            ends[i] = used += length;
        }
        _reader.Element = -1;
        return new GgufValue(GgufValueType.Array, GgufValueType.Text, count, bytes.AsSpan(0, used).ToArray(), ends);
    }

    void ParseAlignment()
    {
        const string key = "general.alignment";
        _reader.Field = $"key '{key}'";
        Alignment = Metadata.FindUInt32(key) ?? DefaultAlignment;
        if (!uint.IsPow2(Alignment) || Alignment > 1 << 20) throw _reader.Error($"is {Alignment}; it must be a power of two up to 1048576");
    }

    (string Name, GgmlType Type, long[] Dims, ulong Offset, UInt128 Bytes) ParseTensor(int index)
    {
        _reader.Field = $"name of tensor {index}";
        string name = _reader.Text(_limits.MaxNameBytes);
        if (name.Length == 0) throw _reader.Error("is empty");
        // ggml keeps names as zero-ended strings; a zero inside would make two names one.
        if (name.Contains('\0', StringComparison.Ordinal)) throw _reader.Error("contains a zero byte");
        long[] dims = ParseDims(name);
        _reader.Field = $"tensor '{name}' type";
        var type = (GgmlType)_reader.U32();
        if (!type.IsKnown()) throw _reader.Error($"is {(uint)type}, an unknown or removed type");
        if (dims[0] % type.BlockSize() != 0)
            throw _reader.Error($"is {type}, whose blocks of {type.BlockSize()} do not divide the row length {dims[0]}");
        UInt128 elements = UInt128.One;
        foreach (long dim in dims) elements *= (UInt128)dim; // at most 4 * 31 bits
        _reader.Field = $"tensor '{name}' offset";
        return (name, type, dims, _reader.U64(), elements / (uint)type.BlockSize() * (uint)type.BlockBytes());
    }

    long[] ParseDims(string name)
    {
        _reader.Field = $"tensor '{name}' dimension count";
        uint count = _reader.U32();
        if (count is 0 or > 4) throw _reader.Error($"is {count}; 1 to 4 are allowed");
        long[] dims = new long[count];
        for (int i = 0; i < dims.Length; i++)
        {
            _reader.Field = $"tensor '{name}' dims[{i}]";
            ulong dim = _reader.U64();
            if (dim == 0 || dim > (ulong)_limits.MaxDimension) throw _reader.Error($"is {dim}; 1 to {_limits.MaxDimension} are allowed");
            dims[i] = (long)dim;
        }
        return dims;
    }

    // ggml wants the data of the tensors in the order of their infos, each padded to the alignment, with no holes between them.
    void PlaceTensors(List<(string Name, GgmlType Type, long[] Dims, ulong Offset, UInt128 Bytes)> placed)
    {
        UInt128 start = Padded((UInt128)_reader.Position);
        UInt128 expected = UInt128.Zero;
        foreach ((string name, GgmlType type, long[] dims, ulong offset, UInt128 bytes) in placed)
        {
            _reader.Field = $"tensor '{name}' offset";
            if (offset % Alignment != 0) throw _reader.Error($"is {offset}, not a multiple of the alignment {Alignment}");
            if (offset < expected) throw _reader.Error($"is {offset}, inside the tensor before it, which ends at {expected}");
            if (offset > expected) throw _reader.Error($"is {offset} and leaves a hole; {expected} was expected");
            if (start + offset + bytes > (UInt128)_fileLength)
            {
                _reader.Field = $"tensor '{name}' data";
                throw _reader.Error($"ends at byte {start + offset + bytes} but the file ends after {_fileLength}");
            }
            expected = Padded(expected + bytes);
            _reader.Field = $"tensor '{name}'";
            if (!Tensors.TryAdd(name, new GgufTensorInfo(name, type, dims, (long)(start + offset), (long)bytes)))
                throw _reader.Error("occurs twice");
        }
        DataOffset = (long)UInt128.Min(start, (UInt128)_fileLength);
    }

    UInt128 Padded(UInt128 size) => (size + (Alignment - 1)) & ~(UInt128)(Alignment - 1);
}
