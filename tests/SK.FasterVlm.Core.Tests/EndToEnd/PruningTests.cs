using SK.FasterVlm.Chat;
using SK.FasterVlm.Language;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Core.Tests.EndToEnd;

/// <summary>What the language model gets of an image, with the real parts.</summary>
public sealed class PruningTests(TinyPair pair) : IClassFixture<TinyPair>
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    static PromptRows[] Prompt(FasterVlmModel model, ReadOnlyMemory<float> embeddings, int count)
    {
        IReadOnlyList<PromptPart> parts = model.Generator.Tokenizer.Tokenize(model.Template.Build(null, [ChatTurn.User("What is this?", 0)]));
        return
        [
            .. parts.Where(p => !p.IsImage || count > 0)
                .Select(p => p.IsImage ? PromptRows.FromEmbeddings(embeddings, count) : PromptRows.FromTokens(p.Tokens)),
        ];
    }

    static float[] Logits(FasterVlmModel model, ReadOnlyMemory<float> embeddings, int count)
    {
        model.Language.TrimSequence(0, 0);
        model.Language.Evaluate(0, Prompt(model, embeddings, count), Test);
        float[] logits = model.Language.GetLogits(0).ToArray();
        model.Language.TrimSequence(0, 0);
        return logits;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(35)]
    [InlineData(36)]
    public async Task Keeping_k_equals_evaluating_exactly_these_rows_of_the_full_run(int keep)
    {
        await using FasterVlmModel model = await pair.LoadAsync();
        using EncodedImage image = await model.Vision.EncodeAsync(TinyPair.Picture(), Test);
        VisualTokens all = await model.Vision.SelectAsync(image, model.Selector, VisualTokenBudget.All, cancellationToken: Test);
        VisualTokens kept = await model.Vision.SelectAsync(image, model.Selector, VisualTokenBudget.Count(keep), cancellationToken: Test);
        Assert.Equal((36, keep), (all.Count, kept.Count));
        Assert.Equal(Enumerable.Range(0, 36), all.Kept[0]);

        float[] rows = [.. kept.Kept[0].SelectMany(i => all.Embeddings.Slice(i * all.Width, all.Width).ToArray())];
        float[] expected = Logits(model, rows, keep), actual = Logits(model, kept.Embeddings, keep);
        float worst = expected.Zip(actual, static (a, b) => Math.Abs(a - b)).Max();
        Assert.True(worst < 1e-3f, $"logits differ by {worst}");
    }

    [Fact]
    public async Task The_image_decides_the_logits()
    {
        await using FasterVlmModel model = await pair.LoadAsync();
        float[][] logits = new float[2][];
        for (int i = 0; i < 2; i++)
        {
            using EncodedImage image = await model.Vision.EncodeAsync(TinyPair.Picture(seed: i + 1), Test);
            VisualTokens tokens = await model.Vision.SelectAsync(image, model.Selector, VisualTokenBudget.All, cancellationToken: Test);
            logits[i] = Logits(model, tokens.Embeddings, tokens.Count);
        }
        Assert.Contains(logits[0].Zip(logits[1], static (a, b) => Math.Abs(a - b)), static d => d > 1e-2f);
    }
}
