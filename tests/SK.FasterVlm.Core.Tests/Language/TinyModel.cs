using SK.FasterVlm.Gguf;
using SK.FasterVlm.Language;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Core.Tests.Language;

/// <summary>A small seeded random model, written once per test class.</summary>
public sealed class TinyModel : IDisposable
{
    readonly string _directory = Directory.CreateTempSubdirectory("fastervlm-tiny-").FullName;

    public TinyModel()
    {
        (ModelPath, ProjectorPath) = SyntheticModel.Write(_directory, ModelGeometry.Tiny);
        Runtime = NativeRuntime.Load(new NativeOptions());
    }

    public string ModelPath { get; }

    public string ProjectorPath { get; }

    public NativeRuntime Runtime { get; }

    public LlamaCppLanguageModel Load(Action<FasterVlmOptions>? configure = null, string? path = null, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        FasterVlmOptions options = new() { ContextLength = 256, Threads = 1 };
        configure?.Invoke(options);
        return LlamaCppLanguageModel.Load(path ?? ModelPath, options, Runtime, progress: progress, cancellationToken: cancellationToken);
    }

    public void Dispose() => Directory.Delete(_directory, true);
}

static class Rows
{
    public static PromptRows Tokens(params int[] tokens) => PromptRows.FromTokens(tokens);

    /// <summary>Rows that look like visual tokens: seeded, of the scale of the synthetic model's own embeddings.</summary>
    public static PromptRows Image(LlamaCppLanguageModel model, int count, int seed = 1)
    {
        var random = new Random(seed);
        float[] values = new float[count * model.Info.EmbeddingWidth];
        for (int i = 0; i < values.Length; i++) values[i] = (float)(random.NextDouble() - 0.5);
        return PromptRows.FromEmbeddings(values, count);
    }

    public static int[] Text(LlamaCppLanguageModel model, int count, int seed = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(3, model.Info.VocabularySize))];
    }

    public static int ArgMax(ReadOnlySpan<float> values) => System.Numerics.Tensors.TensorPrimitives.IndexOfMax(values);

    public static void Close(float[] expected, float[] actual, float tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        float worst = expected.Zip(actual, (a, b) => Math.Abs(a - b)).Max();
        Assert.True(worst <= tolerance, $"The largest difference is {worst}, above {tolerance}.");
    }
}
