using System.Buffers.Binary;
using System.Text;

namespace SK.FasterVlm.Gguf;

/// <summary>Type of a metadata value; numbers as in the file.</summary>
public enum GgufValueType : uint
{
    /// <summary>Unsigned 8 bits.</summary>
    U8 = 0,

    /// <summary>Signed 8 bits.</summary>
    I8 = 1,

    /// <summary>Unsigned 16 bits.</summary>
    U16 = 2,

    /// <summary>Signed 16 bits.</summary>
    I16 = 3,

    /// <summary>Unsigned 32 bits.</summary>
    U32 = 4,

    /// <summary>Signed 32 bits.</summary>
    I32 = 5,

    /// <summary>32-bit float.</summary>
    F32 = 6,

    /// <summary>One byte, 0 or 1.</summary>
    Bool = 7,

    /// <summary>UTF-8 text with its length before it.</summary>
    Text = 8,

    /// <summary>Values of one type, not arrays themselves.</summary>
    Array = 9,

    /// <summary>Unsigned 64 bits.</summary>
    U64 = 10,

    /// <summary>Signed 64 bits.</summary>
    I64 = 11,

    /// <summary>64-bit float.</summary>
    F64 = 12,
}

/// <summary>
/// A metadata value, held as the bytes it has in the file; an array of texts is one block of bytes and the places where texts end, so
/// that a vocabulary of 128,000 pieces is two allocations and not 128,000. Immutable.
/// </summary>
public sealed class GgufValue
{
    readonly byte[] _bytes;
    readonly int[] _ends;

    internal GgufValue(GgufValueType type, GgufValueType elementType, int count, byte[] bytes, int[]? ends = null)
    {
        Type = type;
        ElementType = elementType;
        Count = count;
        _bytes = bytes;
        _ends = ends ?? [];
    }

    /// <summary>Type of the value.</summary>
    public GgufValueType Type { get; }

    /// <summary>Type of an array's elements; for other values the same as <see cref="Type"/>.</summary>
    public GgufValueType ElementType { get; }

    /// <summary>Elements of an array; 1 for other values.</summary>
    public int Count { get; }

    /// <summary>For messages: <c>u32</c>, <c>text</c>, <c>array of f32</c>.</summary>
    public string Kind => Describe(Type, ElementType);

    /// <summary>The value's bytes: little-endian elements, or texts one after the other.</summary>
    internal ReadOnlySpan<byte> Bytes => _bytes;

    internal static string Describe(GgufValueType type, GgufValueType elementType) =>
        type == GgufValueType.Array ? $"array of {Describe(elementType, elementType)}" : type switch
        {
            GgufValueType.U8 => "u8",
            GgufValueType.I8 => "i8",
            GgufValueType.U16 => "u16",
            GgufValueType.I16 => "i16",
            GgufValueType.U32 => "u32",
            GgufValueType.I32 => "i32",
            GgufValueType.F32 => "f32",
            GgufValueType.Bool => "bool",
            GgufValueType.Text => "text",
            GgufValueType.Array => "array",
            GgufValueType.U64 => "u64",
            GgufValueType.I64 => "i64",
            GgufValueType.F64 => "f64",
            _ => $"type {(uint)type}",
        };

    /// <summary>Bytes of a fixed-size value; 0 for texts, arrays and numbers that are no type.</summary>
    internal static int SizeOf(GgufValueType type) => type switch
    {
        GgufValueType.U8 or GgufValueType.I8 or GgufValueType.Bool => 1,
        GgufValueType.U16 or GgufValueType.I16 => 2,
        GgufValueType.U32 or GgufValueType.I32 or GgufValueType.F32 => 4,
        GgufValueType.U64 or GgufValueType.I64 or GgufValueType.F64 => 8,
        _ => 0,
    };

    /// <summary>UTF-8 bytes of a text.</summary>
    /// <param name="index">0 to <see cref="Count"/> - 1.</param>
    internal ReadOnlySpan<byte> TextBytes(int index)
    {
        int start = index == 0 ? 0 : _ends[index - 1];
        return _bytes.AsSpan(start, _ends[index] - start);
    }

    /// <summary>A text, decoded now.</summary>
    /// <param name="index">0 to <see cref="Count"/> - 1.</param>
    internal string Text(int index) => Encoding.UTF8.GetString(TextBytes(index));

    /// <summary>An integer of any width, when it is one that fits 64 signed bits.</summary>
    internal bool TryInteger(int index, out long value)
    {
        int size = SizeOf(ElementType);
        ReadOnlySpan<byte> at = size == 0 ? default : _bytes.AsSpan(index * size, size);
        value = ElementType switch
        {
            GgufValueType.U8 => at[0],
            GgufValueType.I8 => (sbyte)at[0],
            GgufValueType.U16 => BinaryPrimitives.ReadUInt16LittleEndian(at),
            GgufValueType.I16 => BinaryPrimitives.ReadInt16LittleEndian(at),
            GgufValueType.U32 => BinaryPrimitives.ReadUInt32LittleEndian(at),
            GgufValueType.I32 => BinaryPrimitives.ReadInt32LittleEndian(at),
            GgufValueType.I64 => BinaryPrimitives.ReadInt64LittleEndian(at),
            GgufValueType.U64 => (long)BinaryPrimitives.ReadUInt64LittleEndian(at),
            _ => 0,
        };
        return ElementType is not (GgufValueType.F32 or GgufValueType.F64 or GgufValueType.Bool or GgufValueType.Text)
            && (ElementType != GgufValueType.U64 || value >= 0);
    }

    /// <summary>For people: the value, or the first elements of an array.</summary>
    public override string ToString()
    {
        if (Type != GgufValueType.Array) return Element(0);
        var shown = Enumerable.Range(0, Math.Min(Count, 4)).Select(Element);
        return $"[{string.Join(", ", shown)}{(Count > 4 ? $", ... {Count} in all" : "")}]";
    }

    string Element(int index) => ElementType switch
    {
        GgufValueType.Text => Printable.Escape(Text(index)),
        GgufValueType.Bool => _bytes[index] != 0 ? "true" : "false",
        GgufValueType.F32 => BinaryPrimitives.ReadSingleLittleEndian(_bytes.AsSpan(index * 4)).ToString("R", null),
        GgufValueType.F64 => BinaryPrimitives.ReadDoubleLittleEndian(_bytes.AsSpan(index * 8)).ToString("R", null),
        GgufValueType.U64 => BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(index * 8)).ToString((IFormatProvider?)null),
        _ => TryInteger(index, out long value) ? value.ToString((IFormatProvider?)null) : "?",
    };
}
