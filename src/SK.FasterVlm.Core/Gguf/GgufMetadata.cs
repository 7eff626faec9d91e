using System.Buffers.Binary;
using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace SK.FasterVlm.Gguf;

/// <summary>
/// The key-value part of a GGUF file, in file order. Getters are as strict as llama.cpp: a value of another type is an error, never
/// converted. All errors are <see cref="ModelFormatException"/> and name the key. Immutable.
/// </summary>
public sealed class GgufMetadata
{
    readonly OrderedDictionary<string, GgufValue> _values = new(StringComparer.Ordinal);

    internal GgufMetadata() { }

    /// <summary>Number of entries.</summary>
    public int Count => _values.Count;

    /// <summary>Keys and values in file order.</summary>
    public IReadOnlyCollection<KeyValuePair<string, GgufValue>> Entries => _values;

    /// <summary>The value of a key whatever its type; false when the file lacks it.</summary>
    public bool TryGet(string key, [NotNullWhen(true)] out GgufValue? value) => _values.TryGetValue(key, out value);

    /// <summary>A text that must be there.</summary>
    public string GetString(string key) => Require(key, GgufValueType.Text).Text(0);

    /// <summary>An unsigned 32-bit number that must be there.</summary>
    public uint GetUInt32(string key) => BinaryPrimitives.ReadUInt32LittleEndian(Require(key, GgufValueType.U32).Bytes);

    /// <summary>A 32-bit float that must be there.</summary>
    public float GetFloat(string key) => BinaryPrimitives.ReadSingleLittleEndian(Require(key, GgufValueType.F32).Bytes);

    /// <summary>A boolean that must be there.</summary>
    public bool GetBool(string key) => Require(key, GgufValueType.Bool).Bytes[0] != 0;

    /// <summary>An array of 32-bit floats that must be there.</summary>
    public float[] GetFloats(string key) => Numbers<float>(RequireArray(key, GgufValueType.F32));

    /// <summary>An array of signed 32-bit numbers that must be there.</summary>
    public int[] GetInt32s(string key) => Numbers<int>(RequireArray(key, GgufValueType.I32));

    /// <summary>An array of unsigned 32-bit numbers that must be there.</summary>
    public uint[] GetUInt32s(string key) => Numbers<uint>(RequireArray(key, GgufValueType.U32));

    /// <summary>An array of texts that must be there; each text is decoded when it is asked for.</summary>
    public GgufTexts GetStrings(string key) => new(RequireArray(key, GgufValueType.Text));

    /// <summary>A text, or null when the file lacks the key.</summary>
    public string? FindString(string key) => Find(key, GgufValueType.Text)?.Text(0);

    /// <summary>An unsigned 32-bit number, or null when the file lacks the key.</summary>
    public uint? FindUInt32(string key) =>
        Find(key, GgufValueType.U32) is { } value ? BinaryPrimitives.ReadUInt32LittleEndian(value.Bytes) : null;

    /// <summary>An unsigned 16-bit number, or null when the file lacks the key.</summary>
    public ushort? FindUInt16(string key) =>
        Find(key, GgufValueType.U16) is { } value ? BinaryPrimitives.ReadUInt16LittleEndian(value.Bytes) : null;

    /// <summary>A signed 32-bit number, or null when the file lacks the key.</summary>
    public int? FindInt32(string key) =>
        Find(key, GgufValueType.I32) is { } value ? BinaryPrimitives.ReadInt32LittleEndian(value.Bytes) : null;

    /// <summary>A 32-bit float, or null when the file lacks the key.</summary>
    public float? FindFloat(string key) =>
        Find(key, GgufValueType.F32) is { } value ? BinaryPrimitives.ReadSingleLittleEndian(value.Bytes) : null;

    /// <summary>A boolean, or null when the file lacks the key.</summary>
    public bool? FindBool(string key) => Find(key, GgufValueType.Bool) is { } value ? value.Bytes[0] != 0 : null;

    /// <summary>An array of 32-bit floats, or null when the file lacks the key.</summary>
    public float[]? FindFloats(string key) => FindArray(key, GgufValueType.F32) is { } value ? Numbers<float>(value) : null;

    /// <summary>An array of signed 32-bit numbers, or null when the file lacks the key.</summary>
    public int[]? FindInt32s(string key) => FindArray(key, GgufValueType.I32) is { } value ? Numbers<int>(value) : null;

    /// <summary>An array of texts, or null when the file lacks the key.</summary>
    public GgufTexts? FindStrings(string key) => FindArray(key, GgufValueType.Text) is { } value ? new GgufTexts(value) : null;

    internal bool TryAdd(string key, GgufValue value) => _values.TryAdd(key, value);

    GgufValue Require(string key, GgufValueType type) => Find(key, type) ?? throw Missing(key, GgufValue.Describe(type, type));

    GgufValue RequireArray(string key, GgufValueType element) =>
        FindArray(key, element) ?? throw Missing(key, GgufValue.Describe(GgufValueType.Array, element));

    GgufValue? Find(string key, GgufValueType type)
    {
        if (!_values.TryGetValue(key, out GgufValue? value)) return null;
        return value.Type == type ? value : throw WrongType(key, GgufValue.Describe(type, type), value);
    }

    GgufValue? FindArray(string key, GgufValueType element)
    {
        if (!_values.TryGetValue(key, out GgufValue? value)) return null;
        if (value.Type == GgufValueType.Array && value.ElementType == element) return value;
        throw WrongType(key, GgufValue.Describe(GgufValueType.Array, element), value);
    }

    static T[] Numbers<T>(GgufValue value) where T : unmanaged => MemoryMarshal.Cast<byte, T>(value.Bytes).ToArray();

    static ModelFormatException Missing(string key, string kind) =>
        new($"The metadata key '{key}' ({kind}) is missing; the file is incomplete or of a kind this library does not read.", key);

    static ModelFormatException WrongType(string key, string kind, GgufValue value) =>
        new($"The metadata key '{key}' must be {kind} but is {value.Kind}.", key);
}

/// <summary>The texts of a metadata array; each is decoded from UTF-8 when it is asked for.</summary>
public sealed class GgufTexts : IReadOnlyList<string>
{
    readonly GgufValue _value;

    internal GgufTexts(GgufValue value) => _value = value;

    /// <summary>Number of texts.</summary>
    public int Count => _value.Count;

    /// <summary>A text.</summary>
    /// <param name="index">0 to <see cref="Count"/> - 1.</param>
    public string this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(index);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
            return _value.Text(index);
        }
    }

    /// <summary>The UTF-8 bytes of a text, without a copy.</summary>
    /// <param name="index">0 to <see cref="Count"/> - 1.</param>
    public ReadOnlySpan<byte> Utf8(int index) => _value.TextBytes(index);

    /// <inheritdoc/>
    public IEnumerator<string> GetEnumerator()
    {
        for (int i = 0; i < Count; i++) yield return _value.Text(i);
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
