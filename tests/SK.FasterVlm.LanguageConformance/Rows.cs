using SK.FasterVlm.Language;

namespace SK.FasterVlm.LanguageConformance;

/// <summary>Rows to evaluate, and comparing logits.</summary>
static class Rows
{
    public static PromptRows Tokens(params int[] tokens) => PromptRows.FromTokens(tokens);

    /// <summary>Rows that look like visual tokens: seeded, of the scale of the synthetic model's own embeddings.</summary>
    public static PromptRows Image(ILanguageModel model, int count, int seed = 1)
    {
        var random = new Random(seed);
        float[] values = new float[count * model.Info.EmbeddingWidth];
        for (int i = 0; i < values.Length; i++) values[i] = (float)(random.NextDouble() - 0.5);
        return PromptRows.FromEmbeddings(values, count);
    }

    public static int[] Text(ILanguageModel model, int count, int seed = 1)
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
