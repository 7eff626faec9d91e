using System.Buffers.Binary;
using SK.FasterVlm.Cli.Bench;
using SK.FasterVlm.Gguf;

namespace SK.FasterVlm.Cli.Tests;

/// <summary>A synthetic model (36 visual tokens) and files that are wrong in every way the program must survive; shared by a class.</summary>
public sealed class TinyModel : IDisposable
{
    readonly TemporaryDirectory _directory = new();

    public TinyModel()
    {
        (Model, Projector) = SyntheticModel.Write(_directory.At("tiny"), ModelGeometry.Tiny, cancellationToken: TestContext.Current.CancellationToken);
        Picture = _directory.Write("picture.jpg", BenchImage.Create(seed: 3));
    }

    public string Model { get; }

    public string Projector { get; }

    public string Picture { get; }

    /// <summary>The options that name this model.</summary>
    public string[] Options => ["--model", Model, "--projector", Projector, "--threads", "1"];

    public string At(string name) => _directory.At(name);

    /// <summary>A text file that calls itself a picture.</summary>
    public string TextCalledJpeg() => _directory.Write("text.jpg", "This is not a picture."u8.ToArray());

    /// <summary>The first half of the language model.</summary>
    public string TruncatedModel()
    {
        byte[] whole = File.ReadAllBytes(Model);
        return _directory.Write("truncated.gguf", whole[..(whole.Length / 2)]);
    }

    /// <summary>A projector whose visual tokens are twice as wide.</summary>
    public string ForeignProjector()
    {
        ModelGeometry other = ModelGeometry.Tiny with { Name = "other", Language = ModelGeometry.Tiny.Language with { Width = 128 } };
        return SyntheticModel.Write(_directory.At("other"), other, cancellationToken: TestContext.Current.CancellationToken).ProjectorPath;
    }

    /// <summary>A PNG that claims 30,000 x 30,000 pixels.</summary>
    public string HugePng()
    {
        byte[] png = [0x89, .. "PNG\r\n\x1a\n"u8, 0, 0, 0, 13, .. "IHDR"u8, 0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30, 8, 2, 0, 0, 0, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(29), Crc32(png.AsSpan(12, 17)));
        return _directory.Write("huge.png", png);
    }

    public void Dispose() => _directory.Dispose();

    static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in bytes)
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) * 0xEDB88320);
        }

        return ~crc;
    }
}
