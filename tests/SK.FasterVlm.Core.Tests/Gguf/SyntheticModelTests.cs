using System.Security.Cryptography;
using SK.FasterVlm.Gguf;

namespace SK.FasterVlm.Core.Tests.Gguf;

public sealed class SyntheticModelTests
{
    [Fact]
    public void Write_Tiny_GivesTwoReadableFiles()
    {
        using var folder = new TemporaryDirectory();
        (string modelPath, string projectorPath) = SyntheticModel.Write(folder.Path, ModelGeometry.Tiny,
            cancellationToken: TestContext.Current.CancellationToken);

        using GgufFile model = GgufFile.Open(modelPath), projector = GgufFile.Open(projectorPath);

        Assert.Equal("llama", model.Metadata.GetString("general.architecture"));
        Assert.Equal(768, model.Metadata.GetStrings("tokenizer.ggml.tokens").Count);
        Assert.Equal([64L, 768L], model.GetTensor("token_embd.weight").Dims.ToArray());
        Assert.Equal("clip", projector.Metadata.GetString("general.architecture"));
        Assert.Equal([64L, 37L], projector.GetTensor("v.position_embd.weight").Dims.ToArray());
        Assert.True(model.Length + projector.Length < 1_000_000, $"{model.Length} and {projector.Length} bytes");
    }

    [Fact]
    public void Write_SameSeed_GivesSameBytes_OtherSeed_Others()
    {
        Assert.Equal(HashOf(7), HashOf(7));
        Assert.NotEqual(HashOf(7), HashOf(8));

        static string HashOf(int seed)
        {
            using var folder = new TemporaryDirectory();
            (string model, string projector) = SyntheticModel.Write(folder.Path, ModelGeometry.Tiny,
                new SyntheticModelOptions { Seed = seed });
            return Convert.ToHexString(SHA256.HashData([.. File.ReadAllBytes(model), .. File.ReadAllBytes(projector)]));
        }
    }

    [Theory]
    [InlineData(GgmlType.F32)]
    [InlineData(GgmlType.F16)]
    [InlineData(GgmlType.Q8_0)]
    [InlineData(GgmlType.Q4_0)]
    [InlineData(GgmlType.Q6_K)]
    public void Weights_HaveTheDeviationAskedFor_AndNoMean(GgmlType type)
    {
        const int elements = 256 * 1024;
        byte[] bytes = new byte[type.RowBytes(elements)];
        new SyntheticWeights(1).Random("w", type, 0.25f)(bytes, 0);
        float[] values = new float[elements];
        GgmlBlocks.Dequantize(type, bytes, values);

        double mean = values.Average(), deviation = Math.Sqrt(values.Average(v => (v - mean) * (v - mean)));
        Assert.InRange(deviation, 0.245, 0.255);
        Assert.InRange(mean, -0.005, 0.005);
    }

    [Fact]
    public void Weights_DoNotDependOnThePieces()
    {
        const int elements = 96 * 1024;
        TensorFill fill = new SyntheticWeights(1).Random("w", GgmlType.Q8_0, 1);
        byte[] whole = new byte[GgmlType.Q8_0.RowBytes(elements)], pieces = new byte[whole.Length];
        fill(whole, 0);
        const int step = 34 * 1000;
        for (int at = 0; at < pieces.Length; at += step) fill(pieces.AsMemory(at, Math.Min(step, pieces.Length - at)), at);
        Assert.Equal(whole, pieces);
    }

    [Fact]
    public void Write_Cancelled_LeavesNoFile()
    {
        using var folder = new TemporaryDirectory();
        using var source = new CancellationTokenSource();
        source.Cancel();
        Assert.Throws<OperationCanceledException>(() => SyntheticModel.Write(folder.Path, ModelGeometry.Tiny,
            cancellationToken: source.Token));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }
}
