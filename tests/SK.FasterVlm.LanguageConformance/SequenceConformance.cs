using SK.FasterVlm.Language;

namespace SK.FasterVlm.LanguageConformance;

/// <summary>Several sequences: independence, shared prefixes, one pass over all of them.</summary>
public abstract class SequenceConformance<TFixture>(TFixture fixture) : IClassFixture<TFixture> where TFixture : LanguageModelFixture
{
    [Fact]
    public void Sequences_AreIndependent_AndAPrefixCanBeShared()
    {
        using ILanguageModel model = fixture.Create(o => o.MaxSequences = 3);
        Assert.Equal(3, model.SequenceCount);
        int[] prefix = Rows.Text(model, 20), rest = Rows.Text(model, 5, seed: 2);
        model.Evaluate(0, [Rows.Tokens(prefix)]);
        model.Evaluate(1, [Rows.Tokens(Rows.Text(model, 30, seed: 3))]);
        model.Evaluate(0, [Rows.Tokens(rest)]);
        float[] expected = model.GetLogits(0).ToArray();

        model.CopySequence(0, 2, prefix.Length);
        Assert.Equal((25, 30, 20), (model.SequenceLength(0), model.SequenceLength(1), model.SequenceLength(2)));
        // Into another lane where there is more than one, over what it held, and of the longer copy nothing stays.
        model.CopySequence(0, 1, 25);
        model.CopySequence(0, 1, prefix.Length);
        model.TrimSequence(0, 0);
        foreach (int target in new[] { 1, 2 })
        {
            Assert.Equal(20, model.SequenceLength(target));
            model.Evaluate(target, [Rows.Tokens(rest)]);
            Assert.Equal(Rows.ArgMax(expected), Rows.ArgMax(model.GetLogits(target)));
            Rows.Close(expected, model.GetLogits(target).ToArray(), 0.05f);
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => model.CopySequence(0, 1, 1));
    }

    [Fact]
    public void OneBatchOfSeveralSequences_GivesEachItsLogits()
    {
        using ILanguageModel model = fixture.Create(o => o.MaxSequences = 4);
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
        using ILanguageModel model = fixture.Create(o => o.MaxSequences = 2);
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
    public void APassTakesAPromptBesideDecodeSteps_AndGivesEachItsLogits()
    {
        using ILanguageModel model = fixture.Create(o => o.MaxSequences = 4);
        PromptRows[] prompt = [Rows.Tokens(Rows.Text(model, 6)), Rows.Image(model, 20), Rows.Tokens(Rows.Text(model, 9, seed: 2))];
        for (int i = 0; i < 3; i++) model.Evaluate(i, [Rows.Tokens(Rows.Text(model, 10 + i, seed: 3 + i))]);
        float[][] alone = [.. Enumerable.Range(0, 4).Select(i =>
        {
            int length = model.SequenceLength(i);
            model.Evaluate(i, i < 3 ? [Rows.Tokens(9 + i)] : prompt);
            float[] logits = model.GetLogits(i).ToArray();
            model.TrimSequence(i, length);
            return logits;
        })];

        SequenceRows[] pass = [new(0, Rows.Tokens(9)), new(3, prompt), new(1, Rows.Tokens(10)), new(2, Rows.Tokens(11))];
        if (!model.JoinsRows)
        {
            Assert.Throws<ArgumentException>(() => model.Evaluate(pass));
            Assert.Equal((10, 0), (model.SequenceLength(0), model.SequenceLength(3)));
            pass[1] = new(3, [prompt[0], prompt[2]]);
        }
        model.Evaluate(pass);
        Assert.Equal((11, 12, 13), (model.SequenceLength(0), model.SequenceLength(1), model.SequenceLength(2)));
        Assert.Equal(model.JoinsRows ? 35 : 15, model.SequenceLength(3));
        for (int i = 0; i < (model.JoinsRows ? 4 : 3); i++) Rows.Close(alone[i], model.GetLogits(i).ToArray(), 0.05f);
        Assert.True(alone[3].Zip(alone[0], static (a, b) => Math.Abs(a - b)).Max() > 0.1f); // else mixing them up would not show
    }

    [Fact]
    public void BadBatches_AreRefusedInManagedCode()
    {
        using ILanguageModel model = fixture.Create(o => (o.MaxSequences, o.BatchSize, o.MicroBatchSize) = (3, 8, 8));
        Assert.Equal(8, model.BatchLength);
        model.Evaluate(0, [Rows.Tokens(Rows.Text(model, 250))]);
        SequenceRows good = new(1, Rows.Tokens(5));
        Assert.Throws<ArgumentException>(() => model.Evaluate([]));
        Assert.Throws<ArgumentException>(() => model.Evaluate([good, good]));
        Assert.Throws<ArgumentException>(() => model.Evaluate([good, new(2, Rows.Tokens())]));
        Assert.Throws<ArgumentException>(() => model.Evaluate([good, new(2, [])]));
        Assert.Throws<ArgumentException>(() => model.Evaluate([good, new(2, [Rows.Tokens(5), PromptRows.FromEmbeddings(new float[3], 1)])]));
        Assert.Throws<ArgumentException>(() => model.Evaluate([good, new(2, Rows.Tokens(Rows.Text(model, 8)))]));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.Evaluate([good, new(2, Rows.Tokens(-1))]));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.Evaluate([good, new(3, Rows.Tokens(5))]));
        Assert.Throws<ArgumentException>(() => model.Evaluate([good, new(2, [Rows.Tokens(5, 6, 7, 8), Rows.Tokens(5, 6, 7, 8)])]));
        var e = Assert.Throws<ContextLengthException>(() => model.Evaluate([good, new(0, [Rows.Tokens(1, 2, 3), Rows.Tokens(4, 5, 6, 7)])]));
        Assert.Equal((257, 256, 0), (e.Required, e.Available, e.VisualTokens));
        Assert.Throws<OperationCanceledException>(() => model.Evaluate([good], new CancellationToken(true)));
        Assert.Equal((250, 0, 0), (model.SequenceLength(0), model.SequenceLength(1), model.SequenceLength(2)));
    }
}
