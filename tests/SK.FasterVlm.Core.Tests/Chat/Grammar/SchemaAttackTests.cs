using System.Buffers;
using System.Text.Json;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat.Grammar;
using SK.FasterVlm.Chat.Tools;
using SK.FasterVlm.Core.Tests.Language;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Core.Tests.Chat.Grammar;

/// <summary>
/// Row H4: short schemas that ask for endless work. What each may cost is counted, so all of them end: no test here measures time, but one
/// that fails does not come back.
/// </summary>
public sealed class SchemaAttackTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    /// <summary>Schemas whose naive treatment takes exponential time or memory, and whether they are taken all the same.</summary>
    public static TheoryData<string, bool> Hostile => new()
    {
        { Doubling("allOf", 28), true }, // each definition twice the one before: 2^28 ways, all the same
        { Doubling("anyOf", 28), false },
        { Doubling("oneOf", 28), false },
        { AllOf(20_000), false },
        { Recursive(350), false },
        { Chain(3_000), true },
        { EnumsThatMeet(3_000), false },
        { Branches(3_000), false },
        { Patterns("p", 400, 400, "^(a+)+"), false },
        { Patterns(new string('a', 40), 1, 300, "^(?=(a+)+$)(a+)+"), false },
    };

    static string Join(int count, Func<int, string> item) => string.Join(',', Enumerable.Range(0, count).Select(item));

    // Written with ' for the quotes of JSON.
    static string Json(string text) => text.Replace('\'', '"');

    static string Doubling(string keyword, int depth) => Json(
        "{'$ref':'#/$defs/d0','$defs':{" + Join(depth, i => $"'d{i}':{{'{keyword}':[{{'$ref':'#/$defs/d{i + 1}'}},{{'$ref':'#/$defs/d{i + 1}'}}]}}")
        + $",'d{depth}':{{'type':'integer','maximum':3}}}}}}");

    static string AllOf(int count) => Json("{'type':'object','allOf':[" + Join(count, static i => $"{{'properties':{{'a':{{'minimum':{i}}}}}}}") + "]}");

    static string Recursive(int width) => Json(
        "{'type':'object','properties':{" + Join(width, static i => $"'p{i}':{{'$ref':'#','description':'{new string('x', 200)}'}}") + "}}");

    static string Chain(int count) => Json(
        "{'type':'object','properties':{'a':{'$ref':'#/$defs/d" + (count - 20) + "'}},'$defs':{"
        + Join(count, i => $"'d{i}':{{'type':'object','properties':{{'n':{{'$ref':'#/$defs/d{Math.Min(i + 1, count - 1)}'}}}}}}") + "}}");

    static string EnumsThatMeet(int count) => Json("{'allOf':[{'enum':[" + Join(count, static i => $"{i}") + "]},{'enum':[" + Join(count, static i => $"{i + 1}") + "]}]}");

    static string Branches(int count) => Json("{'oneOf':[" + Join(count, static i => $"{{'const':{i}}}") + "]}");

    static string Patterns(string name, int names, int count, string pattern) => Json(
        "{'type':'object','properties':{" + Join(names, i => $"'{name}{i}':{{}}") + "},'patternProperties':{" + Join(count, i => $"'{pattern}{i}$':{{'type':'integer'}}") + "}}");

    [Theory]
    [MemberData(nameof(Hostile), DisableDiscoveryEnumeration = true)]
    public void H4_the_work_of_a_schema_is_bounded(string schema, bool isTaken)
    {
        JsonElement element = JsonElement.Parse(schema);
        if (isTaken) GrammarCheck.Run(SchemaGrammar.FromSchema(element).Grammar);
        else Assert.Throws<SchemaNotSupportedException>(() => SchemaGrammar.FromSchema(element));
        // Shown to the model without a grammar, where no call is possible.
        Assert.InRange(SchemaText.Of(element).Length, 1, SchemaText.MostCharacters + 1000);
    }

    [Fact]
    public void H4_a_schema_that_refers_to_itself_is_shown_once()
    {
        Assert.Equal("{v: integer, next?: any}", SchemaText.Of(JsonElement.Parse("""{"$ref":"#/$defs/n","$defs":{"n":{"type":"object","properties":{"v":{"type":"integer"},"next":{"$ref":"#/$defs/n"}},"required":["v"]}}}""")));
        string wide = Json(
            "{'type':'object','properties':{" + Join(350, static i => $"'p{i}':{{'type':'object','properties':{{'q':{{'$ref':'#/$defs/b'}}}}}}")
            + "},'$defs':{'b':{'type':'object','properties':{" + Join(350, static i => $"'x{i}':{{'$ref':'#/$defs/big'}}") + "}},'big':{'type':'string','description':'" + new string('d', 100_000) + "'}}}");
        Assert.InRange(SchemaText.Of(JsonElement.Parse(wide)).Length, 1, SchemaText.MostCharacters + 1000);
        int left = 100;
        SchemaText.Of(JsonElement.Parse(wide), ref left);
        Assert.InRange(left, -1000, 0);
        Assert.InRange(SchemaText.Of(JsonElement.Parse(wide), ref left).Length, 1, 3); // nothing left for the next schema
    }

    [Fact]
    public void H4_schemas_are_counted_even_where_no_grammar_is_made()
    {
        AITool[] tools = [.. Enumerable.Range(0, 100).Select(static i => AIFunctionFactory.CreateDeclaration($"t{i}", "", JsonElement.Parse(Json("{'type':'object','properties':{'a':{'type':'string','description':'" + new string('d', 6_000) + "'}}}"))))];
        Assert.Contains("524288", Assert.Throws<SchemaNotSupportedException>(() => AnswerForm.From(new() { Tools = tools, ToolMode = ChatToolMode.None }, ToolFormat.ByName("line"))).Message);
        string shown = AnswerForm.From(new() { Tools = [.. tools.Take(50)], ToolMode = ChatToolMode.None }, ToolFormat.ByName("line")).Instructions!;
        Assert.InRange(shown.Length, 60_000, 75_000);
    }

    public static TheoryData<string> Ambiguous => ["^(a?){1000}a{200}$", "^((a*)*)*$", "^(a?b?c?){1990}$", "^.*a.*a.*a.*$", "^(a|aa){1,900}$", "^([a-z]+[a-z0-9]*)+$", "^(a*b?)*(a|b)*a{100}$"];

    /// <summary>The real matcher, over texts that keep as many ways open as there can be.</summary>
    [Theory]
    [MemberData(nameof(Ambiguous))]
    public void H4_an_ambiguous_pattern_is_refused_or_followed_in_few_ways(string pattern)
    {
        SchemaGrammar grammar;
        try
        {
            grammar = SchemaGrammar.FromSchema(JsonElement.Parse($$"""{"type":"string","pattern":"{{pattern}}"}"""));
        }
        catch (SchemaNotSupportedException)
        {
            return;
        }
        using LlamaCppLanguageModel model = tiny.Load(cancellationToken: TestContext.Current.CancellationToken);
        Assert.True(Letters(model, grammar.Grammar) > 10, "the letter that keeps the ways open was hardly written");
    }

    static int Letters(LlamaCppLanguageModel model, string grammar)
    {
        model.Evaluate(0, [Rows.Tokens(1, 40, 50)]);
        Dictionary<int, float> letter = [];
        ArrayBufferWriter<byte> piece = new();
        for (int token = 0; token < model.Info.VocabularySize; token++)
        {
            piece.ResetWrittenCount();
            model.AppendPiece(token, piece);
            if (piece.WrittenSpan.SequenceEqual("a"u8)) letter[token] = 50;
        }
        using ITokenSampler sampler = model.CreateSampler(new() { Temperature = 1.5f, Seed = 1, Grammar = grammar, LogitBias = letter });
        int letters = 0;
        for (int i = 0; i < 120; i++)
        {
            int token = sampler.Sample(0);
            if (model.IsEndOfGeneration(token)) break;
            if (letter.ContainsKey(token)) letters++;
            model.Evaluate(0, [Rows.Tokens(token)]);
        }
        return letters;
    }
}
