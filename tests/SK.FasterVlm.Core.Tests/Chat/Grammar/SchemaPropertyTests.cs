using System.Text.Json;
using System.Text.Json.Nodes;
using SK.FasterVlm.Chat.Grammar;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Core.Tests.Chat.Grammar;

/// <summary>Random schemas: whatever their grammar lets through is JSON and valid, by our validator and, where it knows the keywords, by NJsonSchema.</summary>
public sealed class SchemaPropertyTests
{
    const int Schemas = 400;
    const int TextsEach = 12;

    static SchemaGrammar? TryCompile(JsonNode schema)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(schema.ToJsonString());
            SchemaGrammar grammar = SchemaGrammar.FromSchema(document.RootElement);
            GrammarCheck.Run(grammar.Grammar);
            return grammar;
        }
        catch (SchemaNotSupportedException)
        {
            return null;
        }
    }

    [Theory]
    [InlineData(false, 60)]
    [InlineData(true, 20)] // with constructs that are mostly refused
    public void Whatever_a_grammar_lets_through_is_valid(bool isWide, int percentSupported)
    {
        int compiled = 0;
        HashSet<string> texts = [];
        for (int seed = 0; seed < Schemas; seed++)
        {
            JsonObject schema = new RandomSchemas(seed, isWide).Next();
            if (TryCompile(schema) is not { } grammar) continue;
            compiled++;
            Gbnf gbnf = new(grammar.Grammar);
            Random random = new(seed);
            for (int i = 0; i < TextsEach; i++)
            {
                string text = gbnf.Draw(random);
                texts.Add(text);
                Assert.True(SchemaValidator.IsValid(schema, text), $"seed {seed}: {text} is not valid for {schema.ToJsonString()}");
            }
        }
        Assert.True(compiled > Schemas * percentSupported / 100, $"only {compiled} of {Schemas} random schemas were supported");
        Assert.True(texts.Count > compiled * TextsEach / 2, $"only {texts.Count} different texts");
    }

    [Fact]
    public async Task NJsonSchema_agrees_where_it_knows_the_keywords()
    {
        int checkedTexts = 0;
        for (int seed = 0; seed < Schemas * 2; seed++)
        {
            JsonObject schema = new RandomSchemas(seed).Next();
            string text = schema.ToJsonString();
            // It is a validator of draft 4 with additions.
            if (new[] { "\"const\"", "prefixItems", "exclusiveM", "\"#\"", "nowhere", "dependentRequired", "\"time\"", "\"duration\"", "null,2.5" }.Any(text.Contains)) continue;
            if (TryCompile(schema) is not { } grammar) continue;
            NJsonSchema.JsonSchema validator = await NJsonSchema.JsonSchema.FromJsonAsync(text, TestContext.Current.CancellationToken);
            Gbnf gbnf = new(grammar.Grammar);
            Random random = new(seed);
            for (int i = 0; i < TextsEach; i++)
            {
                string drawn = gbnf.Draw(random);
                Assert.Empty(validator.Validate(drawn).Select(e => $"seed {seed}: {drawn}: {e} for {text}"));
                checkedTexts++;
            }
        }
        Assert.True(checkedTexts > 200, $"only {checkedTexts} texts");
    }

    [Fact]
    public void The_library_takes_every_grammar_in_form_and_size()
    {
        foreach (int seed in Enumerable.Range(0, Schemas))
        {
            if (TryCompile(new RandomSchemas(seed).Next()) is not { } grammar) continue;
            Assert.True(grammar.Grammar.Length < GrammarCheck.LongestGrammar);
            Assert.DoesNotContain("\n\n", grammar.Grammar, StringComparison.Ordinal);
        }
    }
}
