using SK.FasterVlm.Gguf;

namespace SK.FasterVlm.Core.Tests.Gguf;

/// <summary>A small well-formed file with every value type, and where its integers lie.</summary>
static class GgufSample
{
    static readonly (byte[] Bytes, IReadOnlyList<(int Offset, int Size, string What)> Integers) Made = Writer().ToArray();

    internal static byte[] Bytes => [.. Made.Bytes];

    internal static IReadOnlyList<(int Offset, int Size, string What)> Integers => Made.Integers;

    internal static GgufWriter Writer() => new GgufWriter()
        .Add("general.architecture", "sample")
        .Add("general.alignment", 32u)
        .Add("u8", new GgufValue(GgufValueType.U8, GgufValueType.U8, 1, [200]))
        .Add("i8", new GgufValue(GgufValueType.I8, GgufValueType.I8, 1, [200]))
        .Add("u16", new GgufValue(GgufValueType.U16, GgufValueType.U16, 1, [1, 2]))
        .Add("i16", new GgufValue(GgufValueType.I16, GgufValueType.I16, 1, [1, 0xFF]))
        .Add("u32", 4_000_000_000u)
        .Add("i32", -5)
        .Add("u64", ulong.MaxValue)
        .Add("i64", new GgufValue(GgufValueType.I64, GgufValueType.I64, 1, [0xFE, 255, 255, 255, 255, 255, 255, 255]))
        .Add("f32", 0.5f)
        .Add("f64", new GgufValue(GgufValueType.F64, GgufValueType.F64, 1, BitConverter.GetBytes(0.25)))
        .Add("bool", true)
        .Add("text", "Grüße, 世界")
        .Add("empty text", "")
        .Add("texts", (string[])["", "▁a", "b"])
        .Add("ints", (int[])[-1, 2])
        .Add("floats", (float[])[1, 2, 3])
        .Add("no floats", (float[])[])
        .AddTensor("first", GgmlType.F32, [2, 3], [1, 2, 3, 4, 5, 6])
        .AddTensor("second", GgmlType.Q8_0, [32], [.. Enumerable.Range(0, 32).Select(static i => (float)i)])
        .AddTensor("third", GgmlType.F16, [4, 1, 2, 2], new float[16]);

    /// <summary>A copy of <paramref name="file"/> with an integer replaced, cut to its size.</summary>
    internal static byte[] Patch(byte[] file, int offset, int size, ulong value)
    {
        byte[] patched = [.. file];
        BitConverter.GetBytes(value).AsSpan(0, size).CopyTo(patched.AsSpan(offset));
        return patched;
    }

    /// <summary>A header with one tensor, for shapes no writer makes.</summary>
    internal static byte[] OneTensor(
        string name = "t", uint dimensions = 1, ulong[]? dims = null, uint type = 0, ulong offset = 0, int dataBytes = 128,
        uint? alignment = null)
    {
        using var stream = new MemoryStream();
        using var w = new BinaryWriter(stream);
        w.Write("GGUF"u8);
        w.Write(3u);
        w.Write(1ul);
        w.Write(alignment is null ? 0ul : 1ul);
        if (alignment is not null)
        {
            Text("general.alignment");
            w.Write((uint)GgufValueType.U32);
            w.Write(alignment.Value);
        }
        Text(name);
        w.Write(dimensions);
        foreach (ulong dim in dims ?? [4]) w.Write(dim);
        w.Write(type);
        w.Write(offset);
        w.Write(new byte[-stream.Length & 31]);
        w.Write(new byte[dataBytes]);
        w.Flush();
        return stream.ToArray();

        void Text(string text)
        {
            byte[] bytes = System.Text.Encoding.Latin1.GetBytes(text);
            w.Write((ulong)bytes.Length);
            w.Write(bytes);
        }
    }

    /// <summary>A header with one metadata entry given as its raw bytes after the key.</summary>
    internal static byte[] OneEntry(byte[] key, uint type, params byte[] value)
    {
        using var stream = new MemoryStream();
        using var w = new BinaryWriter(stream);
        w.Write("GGUF"u8);
        w.Write(3u);
        w.Write(0ul);
        w.Write(1ul);
        w.Write((ulong)key.Length);
        w.Write(key);
        w.Write(type);
        w.Write(value);
        w.Flush();
        return stream.ToArray();
    }
}
