using System.Buffers;
using System.Text;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Core.Tests.Language;

/// <summary>What a grammar promises, at temperatures where everything that is possible happens.</summary>
public sealed class GrammarSamplingTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    static (string Text, byte[] Bytes) Run(LlamaCppLanguageModel model, string grammar, uint seed, int most = 60)
    {
        model.TrimSequence(0, 0);
        model.Evaluate(0, [Rows.Tokens(1, 40, 50, (int)(60 + (seed % 20)))]);
        using ITokenSampler sampler = model.CreateSampler(new() { Temperature = 5, Seed = seed, Grammar = grammar });
        ArrayBufferWriter<byte> text = new();
        for (int i = 0; i < most; i++)
        {
            int token = sampler.Sample(0);
            if (model.IsEndOfGeneration(token)) break;
            model.AppendPiece(token, text);
            model.Evaluate(0, [Rows.Tokens(token)]);
        }
        return (Encoding.UTF8.GetString(text.WrittenSpan), text.WrittenSpan.ToArray());
    }

    [Fact]
    public void Characters_put_together_from_byte_tokens_are_well_formed_and_counted()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        UTF8Encoding strict = new(false, throwOnInvalidBytes: true);
        int beyondAscii = 0;
        for (uint seed = 0; seed < 40; seed++)
        {
            (string text, byte[] bytes) = Run(model, "root ::= \"<\" [^<>]{8} \">\"", seed);
            Assert.Equal(10, strict.GetString(bytes).EnumerateRunes().Count());
            Assert.Matches("^<[^<>]+>$", text);
            if (text.Any(static c => c > 127)) beyondAscii++;
        }
        Assert.True(beyondAscii > 10, $"only {beyondAscii} texts had byte tokens in them");
    }

    [Fact]
    public void Control_tokens_are_no_text_even_where_their_spelling_fits()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        for (uint seed = 0; seed < 30; seed++)
        {
            // The library's matcher would let <s> pass, which adds nothing to the answer.
            string text = Run(model, "root ::= \"<s>\" | \"<unk>\"", seed).Text;
            Assert.Contains(text, (string[])["<s>", "<unk>"]);
        }
    }

    [Fact]
    public void The_first_draw_and_the_filtered_draw_give_the_filtered_distribution()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        int[] counts = new int[2];
        for (uint seed = 0; seed < 600; seed++)
        {
            using ITokenSampler sampler = Fresh(model, seed);
            counts[Piece(model, sampler.Sample(0)) == "a" ? 0 : 1]++;
        }
        model.TrimSequence(0, 0);
        model.Evaluate(0, [Rows.Tokens(1, 40)]);
        double a = Weight(model, "a"), b = Weight(model, "b");
        Assert.Equal(a / (a + b), counts[0] / 600.0, 0.08);

        static ITokenSampler Fresh(LlamaCppLanguageModel model, uint seed)
        {
            model.TrimSequence(0, 0);
            model.Evaluate(0, [Rows.Tokens(1, 40)]);
            return model.CreateSampler(new() { Temperature = 1, Seed = seed, Grammar = "root ::= [ab]" });
        }
    }

    [Fact]
    public void Text_the_vocabulary_cannot_continue_is_an_error_not_an_abort()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        // U+D800 has no well-formed bytes, so no token can begin it.
        var e = Assert.Throws<GrammarException>(() => Run(model, "root ::= \"a\" [\\uD800-\\uDFFF]", 1));
        Assert.Contains("vocabulary", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("c", true)]
    [InlineData("é", true)]
    [InlineData("\u20ac\U0001f600", true)]
    public void Well_formed_text_is_taken_whole(string text, bool whole) =>
        Assert.Equal(whole, default(Utf8State).After(Encoding.UTF8.GetBytes(text)) is { Missing: 0 });

    [Theory]
    [InlineData(new byte[] { 0xC0, 0x80 })]
    [InlineData(new byte[] { 0xC1, 0xBF })]
    [InlineData(new byte[] { 0xE0, 0x9F, 0xBF })]
    [InlineData(new byte[] { 0xED, 0xA0, 0x80 })]
    [InlineData(new byte[] { 0xF0, 0x8F, 0xBF, 0xBF })]
    [InlineData(new byte[] { 0xF4, 0x90, 0x80, 0x80 })]
    [InlineData(new byte[] { 0xF5, 0x80, 0x80, 0x80 })]
    [InlineData(new byte[] { 0x80 })]
    [InlineData(new byte[] { 0xC3, 0x41 })]
    public void Ill_formed_text_is_not(byte[] bytes)
    {
        Assert.Null(default(Utf8State).After(bytes));
        Assert.Throws<DecoderFallbackException>(() => new UTF8Encoding(false, true).GetString(bytes));
    }

    static string Piece(LlamaCppLanguageModel model, int token)
    {
        ArrayBufferWriter<byte> piece = new();
        model.AppendPiece(token, piece);
        return Encoding.UTF8.GetString(piece.WrittenSpan);
    }

    // A letter is a token of its own and a byte token.
    static double Weight(LlamaCppLanguageModel model, string text)
    {
        double sum = 0;
        for (int token = 0; token < model.Info.VocabularySize; token++)
            if (Piece(model, token) == text) sum += Math.Exp(model.GetLogits(0)[token]);
        return sum;
    }
}
