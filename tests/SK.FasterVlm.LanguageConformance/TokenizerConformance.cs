using System.Buffers;
using System.Text;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.LanguageConformance;

/// <summary>Text to tokens and back.</summary>
public abstract class TokenizerConformance<TFixture>(TFixture fixture) : IClassFixture<TFixture> where TFixture : LanguageModelFixture
{
    [Theory]
    [InlineData("plain text")]
    [InlineData("Umlaute äöü, 漢字, emoji 🦙, combined 👩‍👩‍👧")]
    [InlineData("a\0b")]
    [InlineData("tabs\tand\r\nlines\n\n")]
    [InlineData("<|im_start|>user <s> </s> <unk> [INST] <0x0A>")]
    public void Text_SurvivesARoundTrip(string text)
    {
        using ILanguageModel model = fixture.Create();
        ArrayBufferWriter<byte> bytes = new();
        foreach (int token in model.Tokenize(text, parseSpecial: false)) model.AppendPiece(token, bytes);
        // The vocabulary puts a space before the first word.
        Assert.Equal(" " + text, Encoding.UTF8.GetString(bytes.WrittenSpan));
    }

    [Fact]
    public void LoneSurrogates_BecomeTheReplacementCharacter()
    {
        using ILanguageModel model = fixture.Create();
        Assert.Equal(model.Tokenize("a\uFFFDb", false), model.Tokenize("a\uD800b", false));
        Assert.Equal(model.Tokenize("\uFFFD", false), model.Tokenize("\uDC00", false));
    }

    [Fact]
    public void NoText_NoTokens()
    {
        using ILanguageModel model = fixture.Create();
        Assert.Empty(model.Tokenize("", false));
        Assert.Empty(model.Tokenize("", true));
    }

    [Fact]
    public void HundredThousandWords_AreTokenised()
    {
        using ILanguageModel model = fixture.Create();
        string text = string.Join(' ', Enumerable.Repeat("picture", 100_000));
        Assert.True(model.Tokenize(text, false).Length >= 100_000);
    }

    [Fact]
    public void ACharacterOfSeveralTokens_ComesOutAsItsBytes()
    {
        using ILanguageModel model = fixture.Create();
        int[] tokens = model.Tokenize("漢", false);
        ArrayBufferWriter<byte> first = new();
        model.AppendPiece(tokens[^3], first);
        Assert.Equal(Encoding.UTF8.GetBytes("漢")[..1], first.WrittenSpan.ToArray());
    }

    [Fact]
    public void SpecialTokens_HaveNoText_AndEndIsKnown()
    {
        using ILanguageModel model = fixture.Create();
        ArrayBufferWriter<byte> text = new();
        model.AppendPiece(model.Info.BosToken, text);
        model.AppendPiece(model.Info.EosToken, text);
        Assert.Equal(0, text.WrittenCount);
        Assert.True(model.IsEndOfGeneration(model.Info.EosToken));
        Assert.False(model.IsEndOfGeneration(100));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(int.MaxValue)]
    public void TokensOutsideTheVocabulary_AreRefused(int token)
    {
        using ILanguageModel model = fixture.Create();
        Assert.Throws<ArgumentOutOfRangeException>(() => model.AppendPiece(token, new ArrayBufferWriter<byte>()));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.IsEndOfGeneration(token));
    }

    [Fact]
    public void Tokenize_FromManyThreads_GivesTheSame()
    {
        using ILanguageModel model = fixture.Create();
        int[] expected = model.Tokenize("What is in the picture?", false);
        Parallel.For(0, 200, _ => Assert.Equal(expected, model.Tokenize("What is in the picture?", false)));
    }
}
