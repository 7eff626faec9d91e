using System.Runtime.InteropServices;
using System.Text.Json;
using SK.FasterVlm.Gguf;
using SK.FasterVlm.Imaging;
using SK.FasterVlm.Native;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Core.Tests.Vision;

/// <summary>
/// The trained model against PyTorch's forward pass on ten pictures (models/tiny-llava/README.md, "Golden data"): the independent
/// reference for the whole way from the bytes of a picture to visual tokens.
/// </summary>
public sealed class GoldenTowerTests
{
    static readonly string? s_folder = Folder();

    public static TheoryData<string> Pictures
    {
        get
        {
            if (s_folder is null) return ["missing"];
            using JsonDocument golden = Golden();
            JsonElement pictures = golden.RootElement.GetProperty("pictures");
            return [.. pictures.EnumerateArray().Select(static p => p.GetProperty("image").GetString()!)];
        }
    }

    [Theory, MemberData(nameof(Pictures))]
    public async Task Features_attention_and_visual_tokens_equal_PyTorch(string image)
    {
        Assert.SkipWhen(s_folder is null, "models/tiny-llava/golden is not in this checkout.");
        using GgufFile file = GgufFile.Open(Projector());
        NativeRuntime.Load(new NativeOptions());
        ClipHeader header = ClipHeader.Read(file);
        using var tower = new ClipVisionTower(VisionWeights.Load(file, header, TowerDevice.OnCpu(), TowerPrecision.F32, 1), 1);
        var preprocessor = new ClipPreprocessor(new() { ImageSize = header.ImageSize, Mean = header.ImageMean, Std = header.ImageStd });
        float[] pixels = preprocessor.Process(ImageDecoder.Decode(await Bytes(image))).Pixels;

        using EncodedView view = tower.View(pixels);
        int[] all = [.. Enumerable.Range(0, header.PatchCount)];
        float[] attention = Array("cls_attention", image);
        double attentionError = Compare.Max(attention, view.ClsAttention), featureError = Compare.Max(Array("features", image), tower.Features(view, all)),
            tokenError = Compare.Max(Array("visual_tokens", image), tower.Tokens(view, all));
        TestContext.Current.TestOutputHelper?.WriteLine($"{image}: attention {attentionError:E1}, features {featureError:E1}, visual tokens {tokenError:E1}");
        // Reached with AVX-512: 1.1e-6, 9.7e-5 and 1.6e-5; the tanh form of GELU would be off by 1e-3 in the visual tokens.
        Assert.InRange(attentionError, 0, 5e-6);
        Assert.InRange(featureError, 0, 3e-4);
        Assert.InRange(tokenError, 0, 5e-5);
        Assert.Equal(Kept(attention, header.GridSide, 0.25), Kept(view.ClsAttention, header.GridSide, 0.25));
    }

    // As the engine runs by default on a CPU: matrices in 8 bits.
    [Theory, MemberData(nameof(Pictures))]
    public async Task The_default_precision_keeps_nearly_the_same_patches(string image)
    {
        Assert.SkipWhen(s_folder is null, "models/tiny-llava/golden is not in this checkout.");
        using var encoder = VisionEncoder.Load(Projector(), new FasterVlmOptions { Threads = 1 }, NativeRuntime.Load(new NativeOptions()));
        using EncodedImage encoded = await encoder.EncodeAsync(await Bytes(image), TestContext.Current.CancellationToken);
        VisualTokens tokens = await encoder.SelectAsync(
            encoded, new ClsAttentionSelector(), VisualTokenBudget.All, cancellationToken: TestContext.Current.CancellationToken);
        Assert.True(Compare.Cosine(Array("visual_tokens", image), tokens.Embeddings.ToArray()) > 0.999);
        int side = encoder.Info.GridSide, kept = side * side / 4;
        int same = Kept(Array("cls_attention", image), side, 0.25).Intersect(Kept(encoded.ClsAttention[0], side, 0.25)).Count();
        Assert.InRange(same, kept - 2, kept);
    }

    static int[] Kept(float[] attention, int side, double ratio) => new ClsAttentionSelector().Select(
        new VisualTokenContext(attention, side, side), VisualTokenBudget.Keep(ratio).Resolve(attention));

    static string Projector() => Path.Combine(s_folder!, "..", "mmproj-tiny-llava-f16.gguf");

    static Task<byte[]> Bytes(string image) =>
        File.ReadAllBytesAsync(Path.Combine(s_folder!, "images", image), TestContext.Current.CancellationToken);

    static float[] Array(string name, string image)
    {
        using JsonDocument golden = Golden();
        JsonElement entry = golden.RootElement.GetProperty("pictures").EnumerateArray()
            .Single(p => p.GetProperty("image").GetString() == image).GetProperty(name);
        int length = entry.GetProperty("shape").EnumerateArray().Aggregate(1, static (n, d) => n * d.GetInt32());
        using FileStream data = File.OpenRead(Path.Combine(s_folder!, golden.RootElement.GetProperty("data").GetString()!));
        data.Position = 4L * entry.GetProperty("offset").GetInt32();
        float[] values = new float[length];
        data.ReadExactly(MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    static JsonDocument Golden() => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(s_folder!, "golden.json")));

    static string? Folder()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            string folder = Path.Combine(at.FullName, "models", "tiny-llava", "golden");
            if (File.Exists(Path.Combine(folder, "golden.json"))) return folder;
        }
        return null;
    }
}
