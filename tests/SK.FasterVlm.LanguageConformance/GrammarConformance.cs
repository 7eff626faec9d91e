using SK.FasterVlm.Language;

namespace SK.FasterVlm.LanguageConformance;

/// <summary>Grammars that are taken and grammars that are refused.</summary>
public abstract class GrammarConformance<TFixture>(TFixture fixture) : IClassFixture<TFixture> where TFixture : LanguageModelFixture
{
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
        using ILanguageModel model = fixture.Create();
        var e = Assert.Throws<ArgumentException>(() => model.CreateSampler(SamplingSettings.Greedy with { Grammar = grammar }));
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
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
        using ILanguageModel model = fixture.Create();
        model.CreateSampler(SamplingSettings.Greedy with { Grammar = grammar }).Dispose();
    }

    [Fact]
    public void Grammar_TooDeepOrTooLong_NeverReachesTheParser()
    {
        using ILanguageModel model = fixture.Create();
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
}
