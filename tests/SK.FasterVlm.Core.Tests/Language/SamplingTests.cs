using SK.FasterVlm.Language;

namespace SK.FasterVlm.Core.Tests.Language;

public sealed class SamplingTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    [Fact]
    public void Grammar_TheLibraryRefusesForItsMeaning_IsAnArgumentErrorToo()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        var e = Assert.Throws<ArgumentException>(() => model.CreateSampler(SamplingSettings.Greedy with { Grammar = "root ::= root \"a\"" }));
        Assert.Contains("left recursion", e.Message, StringComparison.Ordinal);
    }
}
