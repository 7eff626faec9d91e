using SK.FasterVlm.Language;

namespace SK.FasterVlm.LanguageConformance;

/// <summary>One cache for all sequences. Several contexts side by side have one each, which their caller keeps below its bound.</summary>
public abstract class SharedCacheConformance<TFixture>(TFixture fixture) : IClassFixture<TFixture> where TFixture : LanguageModelFixture
{
    [Fact]
    public void TheCacheIsShared_AndOneSequenceMayUseTheWholeContext()
    {
        using ILanguageModel model = fixture.Create(o => (o.MaxSequences, o.ContextLength, o.KvCacheLength) = (3, 256, 512));
        Assert.Equal((256, 512), (model.ContextLength, model.CacheLength));
        for (int s = 0; s < 2; s++) model.Evaluate(s, [Rows.Tokens(Rows.Text(model, 256, s))]);
        var e = Assert.Throws<NativeRuntimeException>(() => model.Evaluate(2, [Rows.Tokens(5)]));
        Assert.Contains("512", e.Message, StringComparison.Ordinal);
        Assert.Equal((256, 256, 0), (model.SequenceLength(0), model.SequenceLength(1), model.SequenceLength(2)));

        model.TrimSequence(1, 250);
        model.CopySequence(0, 2, 250); // shared positions take nothing
        model.Evaluate([new(1, Rows.Tokens(5, 6, 7)), new(2, Rows.Tokens(5, 6, 7))]);
        Assert.Throws<NativeRuntimeException>(() => model.Evaluate([new(1, Rows.Tokens(5)), new(2, Rows.Tokens(5))]));
        Assert.Equal((256, 253, 253), (model.SequenceLength(0), model.SequenceLength(1), model.SequenceLength(2)));
    }
}
