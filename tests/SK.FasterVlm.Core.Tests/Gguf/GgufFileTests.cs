using System.Runtime.InteropServices;
using System.Text;
using SK.FasterVlm.Gguf;

namespace SK.FasterVlm.Core.Tests.Gguf;

public sealed class GgufFileTests
{
    [Fact]
    public void Parse_EveryValueType_ComesBack()
    {
        GgufFile file = GgufFile.Parse(GgufSample.Bytes);
        GgufMetadata keys = file.Metadata;

        Assert.Equal((3u, 32u), (file.Version, file.Alignment));
        Assert.Equal("sample", keys.GetString("general.architecture"));
        Assert.Equal(4_000_000_000u, keys.GetUInt32("u32"));
        Assert.Equal(0.5f, keys.GetFloat("f32"));
        Assert.True(keys.GetBool("bool"));
        Assert.Equal("Grüße, 世界", keys.GetString("text"));
        Assert.Equal("", keys.GetString("empty text"));
        Assert.Equal(["", "▁a", "b"], keys.GetStrings("texts"));
        Assert.Equal("▁a"u8, keys.GetStrings("texts").Utf8(1));
        Assert.Equal([-1, 2], keys.GetInt32s("ints"));
        Assert.Equal([1f, 2, 3], keys.GetFloats("floats"));
        Assert.Empty(keys.GetFloats("no floats"));
        string shown = string.Join(" ", keys.Entries.Select(static e => $"{e.Key}={e.Value}"));
        Assert.Contains("u8=200 i8=-56 u16=513 i16=-255 u32=4000000000 i32=-5 u64=18446744073709551615 i64=-2 f32=0.5 f64=0.25 bool=true",
            shown, StringComparison.Ordinal);
        Assert.Contains("floats=[1, 2, 3]", shown, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_Tensors_HaveShapesPlacesAndData()
    {
        GgufFile file = GgufFile.Parse(GgufSample.Bytes);
        GgufTensorInfo first = file.GetTensor("first"), second = file.GetTensor("second"), third = file.GetTensor("third");

        Assert.Equal([first, second, third], file.Tensors);
        Assert.Equal(("2 x 3", 24L, 6L, 8L), (first.Shape, first.ByteSize, first.ElementCount, first.RowBytes));
        Assert.Equal((file.DataOffset, file.DataOffset + 32, file.DataOffset + 96), (first.Offset, second.Offset, third.Offset));
        Assert.Equal((4L, 1L, 2L, 2L), (third.Ne(0), third.Ne(1), third.Ne(2), third.Ne(3)));
        Assert.Equal([1f, 2, 3, 4, 5, 6], file.ReadFloats(first));
        byte[] row = new byte[8];
        file.ReadTensor(first, row, start: 8);
        Assert.Equal([3f, 4f], MemoryMarshal.Cast<byte, float>(row).ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => file.ReadTensor(first, new byte[9], 16));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.ReadTensor(first, new byte[1], -1));
        Assert.False(file.TryGetTensor("fourth", out _));
        Assert.Equal("fourth", Assert.Throws<ModelFormatException>(() => file.GetTensor("fourth")).Field);
    }

    [Fact]
    public void Getters_OfAnotherType_NameKeyAndBothTypes()
    {
        GgufMetadata keys = GgufFile.Parse(GgufSample.Bytes).Metadata;
        Assert.Equal(
            "The metadata key 'i32' must be u32 but is i32.",
            Assert.Throws<ModelFormatException>(() => keys.GetUInt32("i32")).Message);
        Assert.Equal(
            "The metadata key 'ints' must be array of f32 but is array of i32.",
            Assert.Throws<ModelFormatException>(() => keys.FindFloats("ints")).Message);
        Assert.Equal("nothing", Assert.Throws<ModelFormatException>(() => keys.GetString("nothing")).Field);
        Assert.Null(keys.FindString("nothing"));
        Assert.Null(keys.FindUInt32("nothing"));
        Assert.Null(keys.FindBool("nothing"));
        Assert.Null(keys.FindFloat("nothing"));
        Assert.Null(keys.FindInt32s("nothing"));
        Assert.Null(keys.FindStrings("nothing"));
        Assert.Throws<ArgumentOutOfRangeException>(() => keys.GetStrings("texts")[3]);
    }

    [Fact]
    public void Open_MapsWhatReadTensorReads()
    {
        using var folder = new TemporaryDirectory();
        string path = folder.File("sample.gguf");
        File.WriteAllBytes(path, GgufSample.Bytes);
        using GgufFile file = GgufFile.Open(path);
        GgufTensorInfo second = file.GetTensor("second");
        byte[] read = new byte[second.ByteSize], mapped = new byte[second.ByteSize];
        file.ReadTensor(second, read);
        GgufMapping mapping = file.Map();
        file.Dispose();
        Marshal.Copy(mapping.AddressOf(second), mapped, 0, mapped.Length);
        mapping.Dispose();
        mapping.Dispose();

        Assert.Equal(read, mapped);
        Assert.Throws<ObjectDisposedException>(() => mapping.Address);
        Assert.False(GgufFile.Parse(GgufSample.Bytes).CanMap);
    }

    [Fact]
    public void Open_WhatIsNoFile_SaysWhy()
    {
        using var folder = new TemporaryDirectory();
        File.WriteAllBytes(folder.File("empty.gguf"), []);
        Assert.Contains("does not exist", Message(folder.File("missing.gguf")), StringComparison.Ordinal);
        Assert.Contains("is a directory", Message(folder.Path), StringComparison.Ordinal);
        Assert.Contains("is empty", Message(folder.File("empty.gguf")), StringComparison.Ordinal);
        if (OperatingSystem.IsLinux()) Assert.Contains("not a regular file", Message("/dev/zero"), StringComparison.Ordinal);

        static string Message(string path) => Assert.Throws<ModelFormatException>(() => GgufFile.Open(path)).Message;
    }

    public static TheoryData<byte[], string> OtherFormats => new()
    {
        { [0xFF, 0xD8, 0xFF, 0xE0, 0, 16], "JPEG" },
        { [0x89, 0x50, 0x4E, 0x47, 13, 10], "PNG" },
        { "GIF89a"u8.ToArray(), "GIF" },
        { "RIFF\0\0\0\0WEBP"u8.ToArray(), "WebP" },
        { "PK\u0003\u0004"u8.ToArray(), "ZIP" },
        { [0x1F, 0x8B, 8], "gzip" },
        { "%PDF-1.7"u8.ToArray(), "PDF" },
        { "version https://git-lfs.github.com/spec/v1"u8.ToArray(), "LFS" },
        { "  <!DOCTYPE html>"u8.ToArray(), "HTML" },
        { Encoding.UTF8.GetBytes(new string('ä', 100)), "text" },
        { "Hello"u8.ToArray(), "text" },
        { [8, 0, 0, 0, 0, 0, 0, 0, (byte)'{', (byte)'}'], "safetensors" },
        { "FUGG"u8.ToArray(), "big-endian" },
        { "GG"u8.ToArray(), "ends after 2 bytes" },
        { [1, 2, 3, 4], "another format" },
    };

    [Theory]
    [MemberData(nameof(OtherFormats))]
    public void Open_AnotherFormat_IsNamed(byte[] bytes, string expected)
    {
        using var folder = new TemporaryDirectory();
        string path = folder.File("model.gguf");
        File.WriteAllBytes(path, bytes);
        var error = Assert.Throws<ModelFormatException>(() => GgufFile.Open(path));
        Assert.StartsWith("model.gguf: Not a GGUF file", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_LargeVocabulary_IsCheap()
    {
        string[] tokens = [.. Enumerable.Range(0, 128_000).Select(static i => $"piece {i}")];
        byte[] bytes = new GgufWriter().Add("tokens", tokens).ToArray().Bytes;
        long before = GC.GetAllocatedBytesForCurrentThread();
        GgufTexts read = GgufFile.Parse(bytes).Metadata.GetStrings("tokens");
        // One object per piece would be 6 MB of strings besides the bytes.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 * bytes.Length);
        Assert.Equal((128_000, "piece 127999"), (read.Count, read[127_999]));
    }
}
