using SK.FasterVlm.Gguf;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Core.Tests.Language;

/// <summary>
/// Passes that lack one row of what the kernels take are filled up with one that nobody sees. Without flash attention the rows of a
/// quantised model do not depend on how they are batched, so what is compared is equal but for the last bits.
/// </summary>
public sealed class FilledUpPassTests(TinyModel tiny) : IClassFixture<TinyModel>, IDisposable
{
    const float LastBits = 0.001f;

    readonly string _directory = Directory.CreateTempSubdirectory("fastervlm-filled-").FullName;

    public void Dispose() => Directory.Delete(_directory, true);

    LlamaCppLanguageModel Load(int sequences, GgmlType type = GgmlType.Q4_0)
    {
        // Wide enough that matrices are most of the file.
        ModelGeometry geometry = ModelGeometry.Tiny with { Language = ModelGeometry.Tiny.Language with { Width = 256, FeedForward = 768, Heads = 4, KeyValueHeads = 4 } };
        (string path, _) = SyntheticModel.Write(_directory, geometry, new() { LanguageType = type });
        return tiny.Load(o => (o.MaxSequences, o.KvCacheLength, o.FlashAttention) = (sequences, 256, false), path);
    }

    static float[] RowByRow(LlamaCppLanguageModel model, int sequence, int[] tokens)
    {
        foreach (int token in tokens) model.Evaluate(sequence, [Rows.Tokens(token)]);
        return model.GetLogits(sequence).ToArray();
    }

    [Theory]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(31)]
    public void APromptThatLacksARow_GetsItsLogits_AndGoesOnBehindItsOwnRows(int rows)
    {
        using LlamaCppLanguageModel model = Load(1);
        Assert.Equal(4, model.RowsOfAKernel);
        int[] text = Rows.Text(model, rows);
        float[] expected = RowByRow(model, 0, text), next = RowByRow(model, 0, [5]);
        Assert.True(expected.Zip(next, static (a, b) => Math.Abs(a - b)).Max() > 0.1f); // else another row's logits would not show

        model.TrimSequence(0, 0);
        model.Evaluate(0, [Rows.Tokens(text)]);
        Assert.Equal(rows, model.SequenceLength(0));
        Rows.Close(expected, model.GetLogits(0).ToArray(), LastBits);
        model.Evaluate(0, [Rows.Tokens(5)]);
        Assert.Equal(rows + 1, model.SequenceLength(0));
        Rows.Close(next, model.GetLogits(0).ToArray(), LastBits);
    }

    [Fact]
    public void VisualTokensBesideText_AreFilledUpAlike()
    {
        using LlamaCppLanguageModel model = Load(1);
        PromptRows image = Rows.Image(model, 9);
        int[] text = Rows.Text(model, 2);
        model.Evaluate(0, [image]);
        float[] expected = RowByRow(model, 0, text);
        model.TrimSequence(0, 0);
        model.Evaluate(0, [image, Rows.Tokens(text)]); // 11 in one pass
        Assert.Equal(11, model.SequenceLength(0));
        Rows.Close(expected, model.GetLogits(0).ToArray(), LastBits);
    }

    [Fact]
    public void AStepOfThreeRequests_GivesEachItsLogits()
    {
        using LlamaCppLanguageModel model = Load(3);
        float[][] alone = new float[3][];
        for (int i = 0; i < 3; i++)
        {
            model.Evaluate(i, [Rows.Tokens(Rows.Text(model, 8, seed: i))]);
            alone[i] = RowByRow(model, i, [9 + i]);
            model.TrimSequence(i, 8);
        }
        model.Evaluate([.. Enumerable.Range(0, 3).Select(static i => new SequenceRows(i, Rows.Tokens(9 + i)))]);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(9, model.SequenceLength(i));
            Rows.Close(alone[i], model.GetLogits(i).ToArray(), LastBits);
        }
    }

    [Fact]
    public void TheLastPositionsOfTheCache_NeedNoRoomForTheFiller()
    {
        using LlamaCppLanguageModel model = Load(1);
        int[] text = Rows.Text(model, 256);
        model.Evaluate(0, [Rows.Tokens(text[..252])]);
        float[] expected = RowByRow(model, 0, text[252..255]);
        model.TrimSequence(0, 253);
        model.Evaluate(0, [Rows.Tokens(text[253..])]); // 3 rows, and no room for a fourth
        Assert.Equal(256, model.SequenceLength(0));
        float[] filled = model.GetLogits(0).ToArray();
        model.TrimSequence(0, 255);
        model.Evaluate(0, [Rows.Tokens(text[255])]);
        Rows.Close(model.GetLogits(0).ToArray(), filled, LastBits);
        Assert.True(expected.Zip(filled, static (a, b) => Math.Abs(a - b)).Max() > 0.1f);
        Assert.Throws<ContextLengthException>(() => model.Evaluate(0, [Rows.Tokens(5)]));
    }

    [Fact]
    public void APassThatIsCancelled_LeavesNothing()
    {
        using LlamaCppLanguageModel model = Load(3);
        for (int i = 0; i < 3; i++) model.Evaluate(i, [Rows.Tokens(Rows.Text(model, 8, seed: i))]);
        Assert.Throws<OperationCanceledException>(() => model.Evaluate(
            [.. Enumerable.Range(0, 3).Select(static i => new SequenceRows(i, Rows.Tokens(9)))], new CancellationToken(true)));
        Assert.Equal((8, 8, 8), (model.SequenceLength(0), model.SequenceLength(1), model.SequenceLength(2)));
    }

    [Fact]
    public void OtherWeights_AreNotFilledUp()
    {
        using LlamaCppLanguageModel model = Load(1, GgmlType.F16);
        Assert.Equal(1, model.RowsOfAKernel);
    }
}
