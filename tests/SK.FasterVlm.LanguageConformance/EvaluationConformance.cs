using SK.FasterVlm.Gguf;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.LanguageConformance;

/// <summary>Evaluating rows of one sequence: positions, logits, limits, cancellation.</summary>
public abstract class EvaluationConformance<TFixture>(TFixture fixture) : IClassFixture<TFixture> where TFixture : LanguageModelFixture
{
    [Fact]
    public void Info_TellsTheGeometry()
    {
        using ILanguageModel model = fixture.Create();
        LanguageModelInfo info = model.Info;
        Assert.Equal("llama", info.Architecture);
        Assert.Equal(ModelGeometry.Tiny.Language.Width, info.EmbeddingWidth);
        Assert.Equal(ModelGeometry.Tiny.Language.Layers, info.LayerCount);
        Assert.Equal(ModelGeometry.Tiny.Language.Vocabulary, info.VocabularySize);
        Assert.Equal((1, 2, true), (info.BosToken, info.EosToken, info.AddBos));
        LanguageGeometry g = ModelGeometry.Tiny.Language;
        Assert.Equal((long)g.Layers * 2 * (g.Width / g.Heads * g.KeyValueHeads) * 2, info.KvBytesPerToken);
        Assert.Equal((g.Heads, g.KeyValueHeads), (info.HeadCount, info.KeyValueHeadCount));
        Assert.True(info.WeightBytes > 0);
        Assert.Equal((256, 256, 4), (model.ContextLength, model.CacheLength, model.SequenceCount));
    }

    [Fact]
    public void ContextLength_DefaultsToWhatTheModelWasTrainedFor_AtMost4096()
    {
        using ILanguageModel model = fixture.Create(o => o.ContextLength = 0);
        Assert.Equal(Math.Min(4096, model.Info.TrainedContext), model.ContextLength);
    }

    [Fact]
    public void Evaluate_CountsPositionsAndGivesLogitsOfTheLastRow()
    {
        using ILanguageModel model = fixture.Create();
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
        using ILanguageModel model = fixture.Create();
        Assert.Throws<InvalidOperationException>(() => model.GetLogits(0).Length);
        using ITokenSampler sampler = model.CreateSampler(SamplingSettings.Greedy);
        Assert.Throws<InvalidOperationException>(() => sampler.Sample(0));
    }

    [Fact]
    public void TrimAndContinue_EqualsAFreshPrefill()
    {
        using ILanguageModel model = fixture.Create();
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
    public void TextAndImageInOneCall_EqualOneCallEach()
    {
        using ILanguageModel model = fixture.Create();
        PromptRows[] rows = [Rows.Tokens([1, .. Rows.Text(model, 6)]), Rows.Image(model, 29), Rows.Tokens(Rows.Text(model, 34, seed: 2))];
        model.Evaluate(0, rows);
        float[] together = model.GetLogits(0).ToArray();
        Assert.Equal(70, model.SequenceLength(0));

        model.TrimSequence(0, 0);
        foreach (PromptRows run in rows) model.Evaluate(0, [run]);
        float[] apart = model.GetLogits(0).ToArray();
        Assert.Equal(70, model.SequenceLength(0));

        Assert.Equal(Rows.ArgMax(apart), Rows.ArgMax(together));
        Rows.Close(apart, together, 0.15f);
    }

    [Fact]
    public void MoreRowsThanABatch_AreSplit()
    {
        using ILanguageModel whole = fixture.Create();
        using ILanguageModel split = fixture.Create(o => (o.BatchSize, o.MicroBatchSize) = (8, 4));
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
        using ILanguageModel model = fixture.Create();
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
        using ILanguageModel model = fixture.Create();
        model.Evaluate(0, [Rows.Tokens(Rows.Text(model, 256))]);
        Assert.Equal(256, model.SequenceLength(0));
        Assert.Throws<ContextLengthException>(() => model.Evaluate(0, [Rows.Tokens(5)]));
    }

    [Fact]
    public void BadRows_AreRefusedInManagedCode()
    {
        using ILanguageModel model = fixture.Create();
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
        using ILanguageModel model = fixture.Create();
        model.Evaluate(0, [Rows.Tokens(1, 5)]);
        Assert.Throws<OperationCanceledException>(() => model.Evaluate(0, [Rows.Tokens(6)], new CancellationToken(true)));
        Assert.Equal(2, model.SequenceLength(0));
    }

    [Fact]
    public async Task CancelledInPrefill_TheSequenceIsAsItWas()
    {
        using ILanguageModel model = fixture.Create(o => (o.ContextLength, o.MicroBatchSize) = (20_000, 64));
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

    [Theory]
    [InlineData(KvCacheType.F32, true)]
    [InlineData(KvCacheType.Q8_0, true)]
    [InlineData(KvCacheType.F16, false)]
    public void KvTypesAndAttention_GiveTheSameAnswer(KvCacheType type, bool flash)
    {
        using ILanguageModel usual = fixture.Create(static o => o.FlashAttention = true);
        using ILanguageModel other = fixture.Create(o => (o.KvCache, o.FlashAttention) = (type, flash));
        int[] text = Rows.Text(usual, 40);
        usual.Evaluate(0, [Rows.Tokens(text)]);
        other.Evaluate(0, [Rows.Tokens(text)]);
        Rows.Close(usual.GetLogits(0).ToArray(), other.GetLogits(0).ToArray(), 0.3f);
    }
}
