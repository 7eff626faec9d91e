using SK.FasterVlm.Gguf;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Core.Tests.Language;

public sealed class EvaluationTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    [Fact]
    public void MixedRows_InOneBatch_EqualSeparateBatches()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        PromptRows[] rows = [Rows.Tokens([1, .. Rows.Text(model, 6)]), Rows.Image(model, 29), Rows.Tokens(Rows.Text(model, 34, seed: 2))];
        model.Evaluate(0, rows);
        float[] joined = model.GetLogits(0).ToArray();
        Assert.Equal(70, model.SequenceLength(0));

        model.TrimSequence(0, 0);
        model.JoinLimit = 0;
        model.Evaluate(0, rows);
        float[] apart = model.GetLogits(0).ToArray();
        Assert.Equal(70, model.SequenceLength(0));

        Assert.Equal(Rows.ArgMax(apart), Rows.ArgMax(joined));
        Rows.Close(apart, joined, 0.15f);
    }

    [Theory]
    [InlineData(GgmlType.F32)]
    [InlineData(GgmlType.F16)]
    [InlineData(GgmlType.Q8_0)]
    [InlineData(GgmlType.Q4_0)]
    public void EmbeddingRows_AreWhatTheModelLooksUp(GgmlType type)
    {
        string directory = Directory.CreateTempSubdirectory("fastervlm-rows-").FullName;
        try
        {
            (string path, _) = SyntheticModel.Write(directory, ModelGeometry.Tiny, new() { LanguageType = type });
            using LlamaCppLanguageModel model = tiny.Load(path: path);
            int[] text = Rows.Text(model, 12);
            using LanguageModelFile file = LanguageModelFile.Open(path);
            EmbeddingTable table = EmbeddingTable.Of(file, model.Info.VocabularySize)!;
            float[] embeddings = new float[text.Length * model.Info.EmbeddingWidth];
            table.Read(text, embeddings);

            model.Evaluate(0, [Rows.Tokens(text)]);
            float[] looked = model.GetLogits(0).ToArray();
            model.TrimSequence(0, 0);
            model.Evaluate(0, [PromptRows.FromEmbeddings(embeddings, text.Length)]);
            Rows.Close(looked, model.GetLogits(0).ToArray(), 0.01f);
        }
        finally
        {
            Directory.Delete(directory, true);
        }
    }

    [Theory]
    [InlineData(WeightLoading.Auto)]
    [InlineData(WeightLoading.MemoryMap)]
    [InlineData(WeightLoading.Read)]
    public void LoadModes_GiveTheSameModel(WeightLoading loading)
    {
        using LlamaCppLanguageModel usual = tiny.Load();
        using LlamaCppLanguageModel other = tiny.Load(o => o.Loading = loading);
        usual.Evaluate(0, [Rows.Tokens(1, 2, 3)]);
        other.Evaluate(0, [Rows.Tokens(1, 2, 3)]);
        Assert.Equal(usual.GetLogits(0).ToArray(), other.GetLogits(0).ToArray());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Threads_KeptBetweenEvaluations_ChangeNothingBesideRounding(int threads)
    {
        using LlamaCppLanguageModel one = tiny.Load();
        using LlamaCppLanguageModel many = tiny.Load(o => o.Threads = threads);
        int[] text = Rows.Text(one, 40);
        foreach (LlamaCppLanguageModel model in (LlamaCppLanguageModel[])[one, many])
        {
            model.Evaluate(0, [Rows.Tokens(text)]); // many rows, then one, then many again, by the same threads
            model.Evaluate(0, [Rows.Tokens(7)]);
            model.Evaluate(0, [Rows.Tokens(8, 9, 10)]);
        }
        Rows.Close(one.GetLogits(0).ToArray(), many.GetLogits(0).ToArray(), 0.05f);
    }

    [Theory]
    [InlineData(128, 4, 512, 4096, false)] // heads of 32
    [InlineData(128, 2, 512, 4096, true)] // heads of 64
    [InlineData(128, 4, 512, 1 << 20, true)] // heads of 32, but 8 GB of scores
    public void FlashAttention_IsForHeadsOfWholeSteps(int width, int heads, int batch, int cache, bool suits)
    {
        string directory = Directory.CreateTempSubdirectory("fastervlm-heads-").FullName;
        try
        {
            LanguageGeometry language = ModelGeometry.Tiny.Language with { Width = width, Heads = heads, KeyValueHeads = heads };
            (string path, _) = SyntheticModel.Write(directory, ModelGeometry.Tiny with { Language = language });
            using LanguageModelFile file = LanguageModelFile.Open(path);
            Assert.Equal(suits, file.SuitsFlashAttention(batch, cache));
        }
        finally
        {
            Directory.Delete(directory, true);
        }
    }
}
