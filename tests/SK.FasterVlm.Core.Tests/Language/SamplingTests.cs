using System.Buffers;
using System.Text;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Core.Tests.Language;

public sealed class SamplingTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    static List<int> Generate(LlamaCppLanguageModel model, SamplingSettings settings, int count, bool untilEnd = false)
    {
        model.TrimSequence(0, 0);
        model.Evaluate(0, [Rows.Tokens(1, 40, 50, 60)]);
        using ITokenSampler sampler = model.CreateSampler(settings);
        List<int> tokens = [];
        for (int i = 0; i < count; i++)
        {
            int token = sampler.Sample(0);
            if (untilEnd && model.IsEndOfGeneration(token)) break;
            tokens.Add(token);
            model.Evaluate(0, [Rows.Tokens(token)]);
        }
        return tokens;
    }

    [Fact]
    public void Greedy_TakesTheLargestLogit_AndRepeats()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        model.Evaluate(0, [Rows.Tokens(1, 40, 50, 60)]);
        int best = Rows.ArgMax(model.GetLogits(0));
        List<int> first = Generate(model, SamplingSettings.Greedy, 30), second = Generate(model, SamplingSettings.Greedy, 30);
        Assert.Equal(best, first[0]);
        Assert.Equal(first, second);
    }

    [Fact]
    public void TopK1_EqualsGreedy()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        Assert.Equal(
            Generate(model, SamplingSettings.Greedy, 20),
            Generate(model, new SamplingSettings { Temperature = 1, TopK = 1, Seed = 7 }, 20));
    }

    [Fact]
    public void TinyTopP_EqualsGreedy_AndSoDoesMinP1()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        List<int> greedy = Generate(model, SamplingSettings.Greedy, 20);
        Assert.Equal(greedy, Generate(model, new SamplingSettings { Temperature = 1, TopP = 1e-6f }, 20));
        Assert.Equal(greedy, Generate(model, new SamplingSettings { Temperature = 1, MinP = 1 }, 20));
    }

    [Fact]
    public void Seed_DecidesTheDraws()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        var settings = new SamplingSettings { Temperature = 2, Seed = 1 };
        Assert.Equal(Generate(model, settings, 20), Generate(model, settings, 20));
        Assert.NotEqual(Generate(model, settings, 20), Generate(model, settings with { Seed = 2 }, 20));
    }

    [Fact]
    public void TheSeedTheLibraryTakesForChance_IsStillASeed()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        var settings = new SamplingSettings { Temperature = 2, Seed = uint.MaxValue };
        Assert.Equal(Generate(model, settings, 20), Generate(model, settings, 20));
    }

    [Fact]
    public void Penalties_ChangeTheAnswer()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        List<int> greedy = Generate(model, SamplingSettings.Greedy, 100);
        Assert.Contains(greedy.CountBy(t => t), c => c.Value > 1); // a random model falls into a loop
        Assert.NotEqual(greedy, Generate(model, SamplingSettings.Greedy with { RepetitionPenalty = 5 }, 100));
        Assert.NotEqual(greedy, Generate(model, SamplingSettings.Greedy with { FrequencyPenalty = 2 }, 100));
        Assert.NotEqual(greedy, Generate(model, SamplingSettings.Greedy with { PresencePenalty = 2 }, 100));
    }

    [Fact]
    public void Grammar_IsFollowed()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        List<int> tokens = Generate(model, SamplingSettings.Greedy with { Grammar = "root ::= \"yes\" | \"no\"" }, 20, untilEnd: true);
        ArrayBufferWriter<byte> text = new();
        foreach (int token in tokens) model.AppendPiece(token, text);
        Assert.Contains(Encoding.UTF8.GetString(text.WrittenSpan), (string[])["yes", "no"]);
    }

    [Fact]
    public void Grammar_AfterItsEnd_GivesEndTokens()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        List<int> tokens = Generate(model, new SamplingSettings { Temperature = 1, Grammar = "root ::= \"a\"" }, 5);
        Assert.True(model.IsEndOfGeneration(tokens[^1]));
    }

    [Theory]
    [InlineData("root ::= (", "1:11")]
    [InlineData("no root here", "1:4")]
    [InlineData("root ::= missing", "'missing' is not defined (1:10)")]
    [InlineData("other ::= \"a\"", "'root'")]
    [InlineData("root ::= \"a\"\nx ::= \"b", "literal does not end (2:7)")]
    [InlineData("root ::= [a", "class does not end")]
    [InlineData("root ::= \"\\q\"", "escape")]
    [InlineData("root ::= \"\\x1\"", "hexadecimal")]
    [InlineData("root ::= * \"a\"", "before '*'")]
    [InlineData("root ::= \"a\"{3", "'}'")]
    [InlineData("root ::= \"a\"{100000000}", "2000")]
    [InlineData("root ::= \"a\"{99999999999999}", "2000")]
    [InlineData("root ::= \"a\" )", "new line")]
    [InlineData("   ", "empty")]
    [InlineData("root ::= \"a\0b\"", "NUL")]
    public void Grammar_ThatDoesNotParse_IsAnArgumentErrorThatSaysWhere(string grammar, string expected)
    {
        using LlamaCppLanguageModel model = tiny.Load();
        var e = Assert.Throws<ArgumentException>(() => model.CreateSampler(SamplingSettings.Greedy with { Grammar = grammar }));
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Grammar_TheLibraryRefusesForItsMeaning_IsAnArgumentErrorToo()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        var e = Assert.Throws<ArgumentException>(() => model.CreateSampler(SamplingSettings.Greedy with { Grammar = "root ::= root \"a\"" }));
        Assert.Contains("left recursion", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("root ::= \"a\" # comment\n\n# another\n")]
    [InlineData("root  ::=\n  \"a\" |\n  \"b\"\n")]
    [InlineData("root ::= ( \"a\"\n  | b )+ [^a-z\\]\\x41\\u00e4-]? . b{2} b{1,} b{0,3} b{ 1 , 2 }\nb ::= [-a] | [a-]")]
    [InlineData("root ::= item-1*\r\nitem-1 ::= \"\\t\\r\\n\\\\\\\"\"")]
    [InlineData("root ::= \"\" | ")]
    [InlineData("root ::= object\nobject ::= \"{\" ws ( pair ( \",\" ws pair )* )? \"}\" ws\npair ::= string \":\" ws string\nstring ::= \"\\\"\" [a-z]* \"\\\"\" ws\nws ::= [ \\t\\n]*")]
    public void Grammar_ThatTheLibraryTakes_IsTaken(string grammar)
    {
        using LlamaCppLanguageModel model = tiny.Load();
        model.CreateSampler(SamplingSettings.Greedy with { Grammar = grammar }).Dispose();
    }

    [Fact]
    public void Grammar_TooDeepOrTooLong_NeverReachesTheParser()
    {
        using LlamaCppLanguageModel model = tiny.Load();
        string deep = "root ::= " + new string('(', 100_000 / 2) + "\"a\"" + new string(')', 100_000 / 2);
        Assert.Throws<ArgumentException>(() => model.CreateSampler(SamplingSettings.Greedy with { Grammar = deep }));
        string nested = "root ::= " + new string('(', 201) + "\"a\"" + new string(')', 201);
        Assert.Throws<ArgumentException>(() => model.CreateSampler(SamplingSettings.Greedy with { Grammar = nested }));
        string longest = "root ::= \"" + new string('a', GrammarCheck.LongestGrammar) + "\"";
        Assert.Throws<ArgumentException>(() => model.CreateSampler(SamplingSettings.Greedy with { Grammar = longest }));
        string large = "root ::= " + string.Concat(Enumerable.Repeat("[abc]{1,1990} ", 100));
        Assert.Contains("expand", Assert.Throws<ArgumentException>(() => model.CreateSampler(SamplingSettings.Greedy with { Grammar = large })).Message);
        string quoted = "root ::= \"" + new string('(', 300) + "\" [((()] # " + new string('(', 300);
        model.CreateSampler(SamplingSettings.Greedy with { Grammar = quoted }).Dispose();
    }

    public static TheoryData<SamplingSettings> OutOfRange =>
    [
        new SamplingSettings { Temperature = -0.1f },
        new SamplingSettings { Temperature = 5.1f },
        new SamplingSettings { Temperature = float.NaN },
        new SamplingSettings { TopK = -1 },
        new SamplingSettings { TopP = 0 },
        new SamplingSettings { TopP = 1.1f },
        new SamplingSettings { TopP = float.NaN },
        new SamplingSettings { MinP = -0.1f },
        new SamplingSettings { MinP = 1.1f },
        new SamplingSettings { RepetitionPenalty = 0 },
        new SamplingSettings { RepetitionPenalty = 11 },
        new SamplingSettings { FrequencyPenalty = 2.1f },
        new SamplingSettings { PresencePenalty = float.NegativeInfinity },
    ];

    [Theory]
    [MemberData(nameof(OutOfRange))]
    public void SettingsOutOfRange_AreRefused(SamplingSettings settings)
    {
        using LlamaCppLanguageModel model = tiny.Load();
        Assert.Throws<ArgumentOutOfRangeException>(() => model.CreateSampler(settings));
    }
}
