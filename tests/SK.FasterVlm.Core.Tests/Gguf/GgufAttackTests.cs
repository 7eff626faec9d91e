using System.Text;
using SK.FasterVlm.Gguf;

namespace SK.FasterVlm.Core.Tests.Gguf;

/// <summary>Files made to break the reader or what comes after it. The letters are those of the threat list.</summary>
public sealed class GgufAttackTests
{
    const long AllocationBound = 64 << 20;

    static ModelFormatException Refusal(byte[] file) => Assert.Throws<ModelFormatException>(() => GgufFile.Parse(file));

    [Fact]
    public void F1_TruncatedAtEveryByte_NamesTheField()
    {
        byte[] whole = GgufSample.Bytes;
        for (int length = 0; length < whole.Length; length++)
        {
            var error = Assert.Throws<ModelFormatException>(() => GgufFile.Parse(whole.AsMemory(0, length)));
            Assert.False(string.IsNullOrEmpty(error.Field), $"{length} bytes: {error.Message}");
        }
        GgufFile.Parse(whole);
    }

    [Fact]
    public void F2_EveryIntegerSetToEveryHostileValue_NeverAllocatesForAClaim()
    {
        byte[] whole = GgufSample.Bytes;
        Assert.True(GgufSample.Integers.Count > 80);
        foreach ((int offset, int size, string what) in GgufSample.Integers)
        {
            foreach (ulong value in (ulong[])[0, 1, 1ul << 31, 1ul << 63, ulong.MaxValue, ulong.MaxValue - 7, (ulong)whole.Length])
            {
                byte[] patched = GgufSample.Patch(whole, offset, size, value);
                long before = GC.GetAllocatedBytesForCurrentThread();
                Exception? error = Record.Exception(() => GgufFile.Parse(patched));
                Assert.True(error is null or ModelFormatException, $"{what} at {offset} = {value}: {error}");
                Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, AllocationBound);
            }
        }
    }

    [Fact]
    public void F2_CountsOverTheLimits_AreRefusedEvenWhenTheBytesAreThere()
    {
        var limits = new GgufLimits
        {
            MaxMetadata = 3,
            MaxTensors = 1,
            MaxStringBytes = 8,
            MaxArrayLength = 2,
            MaxArrayBytes = 8,
            MaxKeyBytes = 4,
            MaxNameBytes = 3,
        };
        Refused(new GgufWriter().Add("a", 1u).Add("b", 1u).Add("c", 1u).Add("d", 1u), "metadata count");
        Refused(new GgufWriter().AddTensor("a", GgmlType.F32, [1], [1f]).AddTensor("b", GgmlType.F32, [1], [1f]), "tensor count");
        Refused(new GgufWriter().Add("a", "123456789"), "value of key 'a'");
        Refused(new GgufWriter().Add("a", (int[])[1, 2, 3]), "value of key 'a'");
        Refused(new GgufWriter().Add("a", (string[])["12345", "6789"]), "value of key 'a'[1]");
        Refused(new GgufWriter().Add("abcde", 1u), "key 0");
        Refused(new GgufWriter().AddTensor("abcd", GgmlType.F32, [1], [1f]), "name of tensor 0");

        void Refused(GgufWriter writer, string field) =>
            Assert.Equal(field, Assert.Throws<ModelFormatException>(() => GgufFile.Parse(writer.ToArray().Bytes, limits)).Field);
    }

    [Theory]
    [InlineData(1ul << 32, 1ul << 32, 1ul, 1ul)] // llama.cpp #27203: the product wraps to 0
    [InlineData(1ul << 21, 1ul << 21, 1ul << 22, 1ul)]
    [InlineData(1ul << 30, 1ul << 30, 1ul << 30, 1ul << 30)]
    [InlineData(1ul << 16, 1ul << 16, 1ul << 16, 1ul << 16)] // exactly 2^64 elements
    [InlineData(1ul << 31, 1ul << 31, 1ul, 1ul)]
    [InlineData(1ul << 62, 1ul, 1ul, 1ul)] // 4 bytes each: wraps to 0
    [InlineData((1ul << 62) - 7, 1ul, 1ul, 1ul)] // llama.cpp #26978: the padding wraps to 0
    [InlineData(ulong.MaxValue, 1ul, 1ul, 1ul)]
    [InlineData(1ul << 63, 2ul, 1ul, 1ul)]
    [InlineData(0ul, 4ul, 1ul, 1ul)]
    [InlineData(4ul, 0ul, 1ul, 1ul)]
    [InlineData(4ul, 4ul, 4ul, 0ul)]
    [InlineData(2147483647ul, 2147483647ul, 1ul, 1ul)] // 4 * (2^31-1)^2 bytes fit 64 bits, but not the file
    public void F3_WrappingShapes_AreRefused(ulong ne0, ulong ne1, ulong ne2, ulong ne3)
    {
        byte[] file = GgufSample.OneTensor(dimensions: 4, dims: [ne0, ne1, ne2, ne3]);
        Assert.Contains("tensor 't'", Refusal(file).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(5u)]
    [InlineData(uint.MaxValue)]
    public void F3_DimensionCount(uint dimensions)
    {
        byte[] file = GgufSample.OneTensor(dimensions: dimensions, dims: [.. Enumerable.Repeat(1ul, (int)Math.Min(dimensions, 8))]);
        Assert.Equal("tensor 't' dimension count", Refusal(file).Field);
    }

    [Theory]
    [InlineData(4u)] // Q4_2, removed
    [InlineData(5u)]
    [InlineData(31u)] // Q4_0_4_4, removed
    [InlineData(36u)]
    [InlineData(1000u)]
    [InlineData(uint.MaxValue)]
    public void F4_TypesUnknownOrRemoved(uint type) => Assert.Equal(
        "tensor 't' type", Refusal(GgufSample.OneTensor(type: type)).Field);

    [Fact]
    public void F4_RowsOfBrokenBlocks() => Assert.Contains(
        "blocks of 32 do not divide the row length 33",
        Refusal(GgufSample.OneTensor(dims: [33], type: (uint)GgmlType.Q4_0)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(0u)]
    [InlineData(3u)]
    [InlineData(1u << 31)]
    [InlineData(uint.MaxValue)]
    public void F4_Alignment(uint alignment) => Assert.Contains(
        "general.alignment", Refusal(GgufSample.OneTensor(alignment: alignment)).Message, StringComparison.Ordinal);

    [Fact]
    public void F4_AlignmentOfAnotherType() => Assert.Equal(
        "general.alignment", Refusal(new GgufWriter().Add("general.alignment", 32).ToArray().Bytes).Field);

    [Theory]
    [InlineData(1ul, "multiple of the alignment")]
    [InlineData(32ul, "leaves a hole")]
    [InlineData(1ul << 40, "leaves a hole")]
    [InlineData(ulong.MaxValue - 31, "leaves a hole")]
    public void F4_OffsetOfTheFirstTensor(ulong offset, string problem) => Assert.Contains(
        problem, Refusal(GgufSample.OneTensor(offset: offset)).Message, StringComparison.Ordinal);

    [Fact]
    public void F4_OverlapAndEndOfFile()
    {
        (int at, int size, _) = GgufSample.Integers.Where(static i => i.What == "tensor offset").ElementAt(1);
        byte[] overlap = GgufSample.Patch(GgufSample.Bytes, at, size, 0);
        Assert.Contains("inside the tensor before it", Refusal(overlap).Message, StringComparison.Ordinal);
        byte[] beyond = GgufSample.OneTensor(dims: [33], dataBytes: 128);
        Assert.Contains("but the file ends after", Refusal(beyond).Message, StringComparison.Ordinal);
        GgufFile.Parse(GgufSample.OneTensor(dims: [32], dataBytes: 128));
    }

    [Fact]
    public void F5_MetadataFaults()
    {
        byte[] key = "k"u8.ToArray();
        Refused(GgufSample.OneEntry([], 4, 1, 0, 0, 0), "is empty");
        Refused(GgufSample.OneEntry([0xC3, 0x28], 4, 1, 0, 0, 0), "UTF-8");
        Refused(GgufSample.OneEntry(key, 13, 1, 0, 0, 0), "no type");
        Refused(GgufSample.OneEntry(key, uint.MaxValue, 1, 0, 0, 0), "no type");
        Refused(GgufSample.OneEntry(key, 7, [2, .. new byte[8]]), "neither 0 nor 1");
        Refused(GgufSample.OneEntry(key, 8, [1, 0, 0, 0, 0, 0, 0, 0, 0xFF]), "UTF-8");
        Refused(GgufSample.OneEntry(key, 9, [9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]), "array of arrays");
        Refused(GgufSample.OneEntry(key, 9, [77, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]), "no type");
        Refused(GgufSample.OneEntry(key, 9, [8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xFF]), "UTF-8");
        Refused(new GgufWriter().Add("general.architecture", 7u).ToArray().Bytes, "must be text");

        byte[] twice = new GgufWriter().Add("same", 1u).Add("sam3", 1u).ToArray().Bytes;
        twice[twice.AsSpan().IndexOf("sam3"u8) + 3] = (byte)'e';
        Refused(twice, "occurs twice");

        static void Refused(byte[] file, string problem) =>
            Assert.Contains(problem, Refusal(file).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void F5_TensorNames()
    {
        Refused(GgufSample.OneTensor(name: ""), "is empty");
        Refused(GgufSample.OneTensor(name: "\u00ff"), "UTF-8");
        Refused(GgufSample.OneTensor(name: "a\0b"), "zero byte");
        Refused(GgufSample.OneTensor(name: new string('n', 64)), "at most 63");
        float[] data = new float[8];
        byte[] twice = new GgufWriter().AddTensor("same", GgmlType.F32, [8], data).AddTensor("sam3", GgmlType.F32, [8], data).ToArray().Bytes;
        twice[twice.AsSpan().IndexOf("sam3"u8) + 3] = (byte)'e';
        Refused(twice, "occurs twice");

        static void Refused(byte[] file, string problem) =>
            Assert.Contains(problem, Refusal(file).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void F5_NamesThatCouldSteerATerminal_AreEscapedInMessages()
    {
        byte[] file = GgufSample.OneTensor(name: "\u001b[2J\r\nok \u009b1m", dims: [0]);
        string message = Assert.Throws<ModelFormatException>(() => GgufFile.Parse(Latin1ToUtf8(file))).Message;
        Assert.DoesNotContain(message, char.IsControl);
        Assert.Contains("\\u001B[2J", message, StringComparison.Ordinal);

        // The C1 control as valid UTF-8; the name grows by one byte.
        static byte[] Latin1ToUtf8(byte[] file)
        {
            int at = file.AsSpan().IndexOf((byte)0x9B);
            byte[] result = [.. file[..at], 0xC2, 0x9B, .. file[(at + 1)..]];
            result[24]++;
            return result;
        }
    }

    [Theory]
    [InlineData(0u, "versions 2 and 3")]
    [InlineData(1u, "versions 2 and 3")]
    [InlineData(4u, "versions 2 and 3")]
    [InlineData(0x03000000u, "big-endian")]
    public void Version(uint version, string problem)
    {
        byte[] file = GgufSample.Patch(GgufSample.Bytes, 4, 4, version);
        Assert.Contains(problem, Refusal(file).Message, StringComparison.Ordinal);
        GgufFile.Parse(GgufSample.Patch(GgufSample.Bytes, 4, 4, 2));
    }

    [Fact]
    public void LongNames_AreCutInMessages()
    {
        byte[] file = GgufSample.OneEntry(Encoding.ASCII.GetBytes(new string('k', 10_000)), 99);
        Assert.InRange(Refusal(file).Message.Length, 1, 500);
    }
}
