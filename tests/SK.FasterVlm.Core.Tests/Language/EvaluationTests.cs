using SK.FasterVlm.Gguf;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Core.Tests.Language;

public sealed class EvaluationTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    [Fact]
    public void Info_TellsTheGeometry()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        LanguageModelInfo info = model.Info;
        Assert.Equal("llama", info.Architecture);
        Assert.Equal(ModelGeometry.Tiny.Language.Width, info.EmbeddingWidth);
        Assert.Equal(ModelGeometry.Tiny.Language.Layers, info.LayerCount);
        Assert.Equal(ModelGeometry.Tiny.Language.Vocabulary, info.VocabularySize);
        Assert.Equal((1, 2, true), (info.BosToken, info.EosToken, info.AddBos));
        LanguageGeometry g = ModelGeometry.Tiny.Language;
        Assert.Equal((long)g.Layers * 2 * (g.Width / g.Heads * g.KeyValueHeads) * 2, info.KvBytesPerToken);
        Assert.True(info.WeightBytes > 0);
        Assert.Equal((256, 256, 4), (model.ContextLength, model.CacheLength, model.SequenceCount));
    }

    [Fact]
    public void ContextLength_DefaultsToWhatTheModelWasTrainedFor_AtMost4096()
    {
        using LlamaCppLanguageModel model = tiny.Load(o => o.ContextLength = 0);
        Assert.Equal(Math.Min(4096, model.Info.TrainedContext), model.ContextLength);
    }

    [Fact]
    public void Evaluate_CountsPositionsAndGivesLogitsOfTheLastRow()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        Assert.Equal(0, model.SequenceLength(0));
        model.Evaluate(0, [Rows.Tokens(1, 5, 6)]);
        Assert.Equal(3, model.SequenceLength(0));
        Assert.Equal(model.Info.VocabularySize, model.GetLogits(0).Length);
        float[] together = model.GetLogits(0).ToArray();

        model.TrimSequence(0, 0);
        foreach (int token in (int[])[1, 5, 6]) model.Evaluate(0, [Rows.Tokens(token)]);
        Rows.Close(together, model.GetLogits(0).ToArray(), 0.05f);
    }

    [Fact]
    public void Logits_BeforeAnEvaluation_AreRefused()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        Assert.Throws<InvalidOperationException>(() => model.GetLogits(0).Length);
        using ITokenSampler sampler = model.CreateSampler(SamplingSettings.Greedy);
        Assert.Throws<InvalidOperationException>(() => sampler.Sample(0));
    }

    [Fact]
    public void TrimAndContinue_EqualsAFreshPrefill()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        int[] prefix = Rows.Text(model, 20), other = Rows.Text(model, 10, seed: 2), rest = Rows.Text(model, 7, seed: 3);
        model.Evaluate(0, [Rows.Tokens(prefix)]);
        model.Evaluate(0, [Rows.Tokens(rest)]);
        float[] fresh = model.GetLogits(0).ToArray();

        model.TrimSequence(0, 0);
        model.Evaluate(0, [Rows.Tokens(prefix)]);
        model.Evaluate(0, [Rows.Tokens(other)]);
        model.TrimSequence(0, prefix.Length);
        Assert.Equal(prefix.Length, model.SequenceLength(0));
        model.Evaluate(0, [Rows.Tokens(rest)]);
        Assert.Equal(fresh, model.GetLogits(0).ToArray());
    }

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

    [Fact]
    public void MoreRowsThanABatch_AreSplit()
    {
        using LlamaCppLanguageModel whole = tiny.Load();
        using LlamaCppLanguageModel split = tiny.Load(o => (o.BatchSize, o.MicroBatchSize) = (8, 4));
        PromptRows[] rows = [Rows.Tokens(Rows.Text(whole, 30)), Rows.Image(whole, 21), Rows.Tokens(Rows.Text(whole, 9, seed: 2))];
        whole.Evaluate(0, rows);
        split.Evaluate(0, rows);
        Assert.Equal(60, split.SequenceLength(0));
        Assert.Equal(Rows.ArgMax(whole.GetLogits(0)), Rows.ArgMax(split.GetLogits(0)));
        Rows.Close(whole.GetLogits(0).ToArray(), split.GetLogits(0).ToArray(), 0.15f);
    }

    [Fact]
    public void MoreRowsThanTheContext_AreRefusedWithTheNumbers_AndNothingIsEvaluated()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        model.Evaluate(0, [Rows.Tokens(1, 5)]);
        var e = Assert.Throws<ContextLengthException>(
            () => model.Evaluate(0, [Rows.Tokens(Rows.Text(model, 200)), Rows.Image(model, 60)]));
        Assert.Equal((262, 256, 60), (e.Required, e.Available, e.VisualTokens));
        Assert.Equal(2, model.SequenceLength(0));
        Assert.Equal(model.Info.VocabularySize, model.GetLogits(0).Length);
    }

    [Fact]
    public void TheContext_CanBeFilledToTheLastPosition()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        model.Evaluate(0, [Rows.Tokens(Rows.Text(model, 256))]);
        Assert.Equal(256, model.SequenceLength(0));
        Assert.Throws<ContextLengthException>(() => model.Evaluate(0, [Rows.Tokens(5)]));
    }

    [Fact]
    public void BadRows_AreRefusedInManagedCode()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        Assert.Throws<ArgumentException>(() => model.Evaluate(0, []));
        Assert.Throws<ArgumentException>(() => model.Evaluate(0, [Rows.Tokens()]));
        Assert.Throws<ArgumentException>(() => model.Evaluate(0, [PromptRows.FromEmbeddings(new float[7], 1)]));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.Evaluate(0, [Rows.Tokens(-1)]));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.Evaluate(0, [Rows.Tokens(model.Info.VocabularySize)]));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.Evaluate(4, [Rows.Tokens(5)]));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.Evaluate(-1, [Rows.Tokens(5)]));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.TrimSequence(0, -1));
        Assert.Equal(0, model.SequenceLength(0));
    }

    [Fact]
    public void CancelledBefore_NothingHappens()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        model.Evaluate(0, [Rows.Tokens(1, 5)]);
        Assert.Throws<OperationCanceledException>(() => model.Evaluate(0, [Rows.Tokens(6)], new CancellationToken(true)));
        Assert.Equal(2, model.SequenceLength(0));
    }

    [Fact]
    public async Task CancelledInPrefill_TheSequenceIsAsItWas()
    {
        using LlamaCppLanguageModel model = tiny.Load(o => (o.ContextLength, o.MicroBatchSize) = (20_000, 64));
        model.Evaluate(0, [Rows.Tokens(1, 5, 6)]);
        using var cancel = new CancellationTokenSource();
        // Far more rows than are evaluated before the cancellation arrives.
        Task run = Task.Run(() => model.Evaluate(0, [Rows.Tokens(Rows.Text(model, 19_000))], cancel.Token), CancellationToken.None);
        await Task.Delay(100, TestContext.Current.CancellationToken);
        await cancel.CancelAsync();
        await Assert.ThrowsAsync<OperationCanceledException>(() => run);

        Assert.Equal(3, model.SequenceLength(0));
        model.Evaluate(0, [Rows.Tokens(7, 8)], TestContext.Current.CancellationToken);
        float[] after = model.GetLogits(0).ToArray();
        model.TrimSequence(0, 0);
        model.Evaluate(0, [Rows.Tokens(1, 5, 6)], TestContext.Current.CancellationToken);
        model.Evaluate(0, [Rows.Tokens(7, 8)], TestContext.Current.CancellationToken);
        Assert.Equal(model.GetLogits(0).ToArray(), after);
    }

    [Fact]
    public void Sequences_AreIndependent_AndAPrefixCanBeShared()
    {
        using LlamaCppLanguageModel model = tiny.Load(o => o.MaxSequences = 3);
        Assert.Equal(3, model.SequenceCount);
        int[] prefix = Rows.Text(model, 20), rest = Rows.Text(model, 5, seed: 2);
        model.Evaluate(0, [Rows.Tokens(prefix)]);
        model.Evaluate(1, [Rows.Tokens(Rows.Text(model, 30, seed: 3))]);
        model.Evaluate(0, [Rows.Tokens(rest)]);
        float[] expected = model.GetLogits(0).ToArray();

        model.CopySequence(0, 2, prefix.Length);
        Assert.Equal((25, 30, 20), (model.SequenceLength(0), model.SequenceLength(1), model.SequenceLength(2)));
        model.TrimSequence(0, 0);
        model.Evaluate(2, [Rows.Tokens(rest)]);
        Assert.Equal(Rows.ArgMax(expected), Rows.ArgMax(model.GetLogits(2)));
        Rows.Close(expected, model.GetLogits(2).ToArray(), 0.05f);
        Assert.Throws<ArgumentOutOfRangeException>(() => model.CopySequence(0, 1, 1));
    }

    [Fact]
    public void OneBatchOfSeveralSequences_GivesEachItsLogits()
    {
        using LlamaCppLanguageModel model = tiny.Load(o => o.MaxSequences = 4);
        int[][] texts = [.. Enumerable.Range(0, 4).Select(i => Rows.Text(model, 5 + (7 * i), seed: i))];
        float[][] alone = [.. texts.Select((text, i) =>
        {
            model.Evaluate(i, [Rows.Tokens(text)]);
            model.Evaluate([new(i, Rows.Tokens(9))]);
            float[] logits = model.GetLogits(i).ToArray();
            model.TrimSequence(i, text.Length);
            return logits;
        })];

        model.Evaluate([.. Enumerable.Range(0, 4).Reverse().Select(static i => new SequenceRows(i, Rows.Tokens(9)))]);
        for (int i = 0; i < 4; i++)
        {
            Assert.Equal(texts[i].Length + 1, model.SequenceLength(i));
            Assert.Equal(Rows.ArgMax(alone[i]), Rows.ArgMax(model.GetLogits(i)));
            Rows.Close(alone[i], model.GetLogits(i).ToArray(), 0.05f);
        }
        Assert.True(alone[0].Zip(alone[1], static (a, b) => Math.Abs(a - b)).Max() > 0.1f); // else mixing them up would not show
    }

    [Fact]
    public void ABatchTakesRunsOfRowsAndEmbeddings()
    {
        using LlamaCppLanguageModel model = tiny.Load(o => o.MaxSequences = 2);
        PromptRows[] images = [Rows.Image(model, 20), Rows.Image(model, 11, seed: 2)];
        for (int i = 0; i < 2; i++) model.Evaluate(i, [images[i]]);
        float[] last = model.GetLogits(1).ToArray();
        Assert.Throws<InvalidOperationException>(() => model.GetLogits(0).Length);
        for (int i = 0; i < 2; i++) model.TrimSequence(i, 0);

        model.Evaluate([new(0, images[0]), new(1, images[1])]);
        Assert.Equal((20, 11), (model.SequenceLength(0), model.SequenceLength(1)));
        Rows.Close(last, model.GetLogits(1).ToArray(), 0.05f);
        Assert.Equal(model.Info.VocabularySize, model.GetLogits(0).Length);
    }

    [Fact]
    public void BadBatches_AreRefusedInManagedCode()
    {
        using LlamaCppLanguageModel model = tiny.Load(o => (o.MaxSequences, o.BatchSize, o.MicroBatchSize) = (3, 8, 8));
        Assert.Equal(8, model.BatchLength);
        model.Evaluate(0, [Rows.Tokens(Rows.Text(model, 250))]);
        SequenceRows good = new(1, Rows.Tokens(5));
        Assert.Throws<ArgumentException>(() => model.Evaluate([]));
        Assert.Throws<ArgumentException>(() => model.Evaluate([good, good]));
        Assert.Throws<ArgumentException>(() => model.Evaluate([good, new(2, Rows.Tokens())]));
        Assert.Throws<ArgumentException>(() => model.Evaluate([good, new(2, Rows.Image(model, 1))]));
        Assert.Throws<ArgumentException>(() => model.Evaluate([good, new(2, Rows.Tokens(Rows.Text(model, 8)))]));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.Evaluate([good, new(2, Rows.Tokens(-1))]));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.Evaluate([good, new(3, Rows.Tokens(5))]));
        var e = Assert.Throws<ContextLengthException>(() => model.Evaluate([good, new(0, Rows.Tokens(1, 2, 3, 4, 5, 6, 7))]));
        Assert.Equal((257, 256, 0), (e.Required, e.Available, e.VisualTokens));
        Assert.Throws<OperationCanceledException>(() => model.Evaluate([good], new CancellationToken(true)));
        Assert.Equal((250, 0, 0), (model.SequenceLength(0), model.SequenceLength(1), model.SequenceLength(2)));
    }

    [Fact]
    public void TheCacheIsShared_AndOneSequenceMayUseTheWholeContext()
    {
        using LlamaCppLanguageModel model = tiny.Load(o => (o.MaxSequences, o.ContextLength, o.KvCacheLength) = (3, 256, 512));
        Assert.Equal((256, 512), (model.ContextLength, model.CacheLength));
        for (int s = 0; s < 2; s++) model.Evaluate(s, [Rows.Tokens(Rows.Text(model, 256, s))]);
        var e = Assert.Throws<NativeRuntimeException>(() => model.Evaluate(2, [Rows.Tokens(5)]));
        Assert.Contains("512", e.Message);
        Assert.Equal((256, 256, 0), (model.SequenceLength(0), model.SequenceLength(1), model.SequenceLength(2)));

        model.TrimSequence(1, 250);
        model.CopySequence(0, 2, 250); // shared positions take nothing
        model.Evaluate([new(1, Rows.Tokens(5, 6, 7)), new(2, Rows.Tokens(5, 6, 7))]);
        Assert.Throws<NativeRuntimeException>(() => model.Evaluate([new(1, Rows.Tokens(5)), new(2, Rows.Tokens(5))]));
        Assert.Equal((256, 253, 253), (model.SequenceLength(0), model.SequenceLength(1), model.SequenceLength(2)));
    }

    [Theory]
    [InlineData(KvCacheType.F32, true)]
    [InlineData(KvCacheType.Q8_0, true)]
    [InlineData(KvCacheType.F16, false)]
    public void KvTypesAndAttention_GiveTheSameAnswer(KvCacheType type, bool flash)
    {
        using LlamaCppLanguageModel usual = tiny.Load();
        using LlamaCppLanguageModel other = tiny.Load(o => (o.KvCache, o.FlashAttention) = (type, flash));
        int[] text = Rows.Text(usual, 40);
        usual.Evaluate(0, [Rows.Tokens(text)]);
        other.Evaluate(0, [Rows.Tokens(text)]);
        Rows.Close(usual.GetLogits(0).ToArray(), other.GetLogits(0).ToArray(), 0.3f);
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
}
