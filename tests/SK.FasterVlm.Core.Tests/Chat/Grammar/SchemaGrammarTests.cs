using System.Text.Json;
using SK.FasterVlm.Chat.Grammar;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Core.Tests.Chat.Grammar;

/// <summary>What the grammar of a schema takes and refuses, construct by construct.</summary>
public sealed class SchemaGrammarTests
{
    static SchemaGrammar Compile(string schema, GrammarLimits? limits = null)
    {
        using JsonDocument document = JsonDocument.Parse(schema);
        SchemaGrammar grammar = SchemaGrammar.FromSchema(document.RootElement, limits);
        GrammarCheck.Run(grammar.Grammar);
        return grammar;
    }

    // schema, texts the grammar takes, texts it refuses; separated by " ; "
    [Theory]
    [InlineData("""{"type":"boolean"}""", "true ; false", "null ; 1 ; \"true\"")]
    [InlineData("""{"type":"null"}""", "null", "0")]
    [InlineData("""{"type":"integer"}""", "0 ; -1 ; 42 ; 999999999999999", "-0 ; 01 ; 1.0 ; 1000000000000000 ; +1")]
    [InlineData("""{"type":"number"}""", "0 ; -0.5 ; 3.141592", "1. ; .5 ; 1e5 ; 01.5 ; 1.1234567")]
    [InlineData("""{"type":"string"}""", "\"\" ; \"a b\" ; \"é\\\"\\\\\\n\" ; \"日本\" ; \"😀\"", "\"a ; \"\\x\" ; a")]
    [InlineData("""{"type":"string","minLength":2,"maxLength":3}""", "\"ab\" ; \"a\\\"c\"", "\"a\" ; \"abcd\" ; \"😀😀\"")]
    [InlineData("""{"type":["string","null"]}""", "null ; \"x\"", "1")]
    [InlineData("""{"enum":["a","b c",3,null,{"x":1}]}""", "\"a\" ; \"b c\" ; 3 ; null ; {\"x\":1}", "\"c\" ; \"null\"")]
    [InlineData("""{"type":"string","enum":["a",1]}""", "\"a\"", "1")]
    [InlineData("""{"const":"x\"y\n"}""", "\"x\\\"y\\n\"", "\"x\"")]
    [InlineData("""{"type":"integer","enum":[1,5,9],"minimum":4}""", "5 ; 9", "1")]
    [InlineData("""{"type":"integer","minimum":-3,"maximum":12}""", "-3 ; 0 ; 9 ; 12", "-4 ; 13 ; 100")]
    [InlineData("""{"type":"integer","exclusiveMinimum":0,"exclusiveMaximum":3}""", "1 ; 2", "0 ; 3")]
    [InlineData("""{"type":"integer","minimum":0,"exclusiveMinimum":true}""", "1", "0")]
    [InlineData("""{"type":"integer","minimum":1e3}""", "1000 ; 999999", "999 ; 0")]
    [InlineData("""{"type":"integer","maximum":-7}""", "-7 ; -1000", "-6 ; 0 ; 7")]
    [InlineData("""{"type":"number","minimum":0,"maximum":1}""", "0 ; 1 ; 0.25 ; 1.00", "1.01 ; -0.1 ; 2")]
    [InlineData("""{"type":"number","exclusiveMinimum":0.5,"maximum":0.75}""", "0.51 ; 0.75", "0.5 ; 0.50 ; 0.76 ; 1")]
    [InlineData("""{"type":"number","minimum":-1.5,"maximum":-0.5}""", "-1.5 ; -1.50 ; -1 ; -0.50", "-1.51 ; -0.49 ; 0")]
    [InlineData("""{"type":"integer","multipleOf":5,"minimum":0,"maximum":20}""", "0 ; 5 ; 20", "1 ; 25")]
    [InlineData("""{"type":"number","multipleOf":0.01}""", "1.25 ; 3", "1.125")]
    [InlineData("""{"type":"integer","format":"int32"}""", "2147483647 ; -2147483648", "2147483648")]
    [InlineData("""{"type":"array","items":{"type":"boolean"}}""", "[] ; [true] ; [true,false] ; [true, false]", "[1] ; [true,] ; [true  ,false]")]
    [InlineData("""{"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":3}""", "[1,2] ; [1, 2, 3]", "[] ; [1] ; [1,2,3,4]")]
    [InlineData("""{"type":"array","items":false}""", "[]", "[1]")]
    [InlineData("""{"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"items":false}""", "[] ; [1] ; [1, \"a\"]", "[\"a\"] ; [1, \"a\", 2]")]
    [InlineData("""{"type":"array","prefixItems":[{"type":"integer"}],"items":{"type":"null"},"minItems":2,"maxItems":3}""", "[1, null] ; [1,null,null]", "[1] ; [1,2] ; [1,null,null,null]")]
    [InlineData("""{"type":"array","items":[{"const":1},{"const":2}],"additionalItems":false,"minItems":2}""", "[1,2]", "[1] ; [1,2,3]")]
    [InlineData("""{"type":"array","items":{"enum":["a","b","c"]},"uniqueItems":true}""", "[] ; [\"a\",\"c\"] ; [\"b\"]", "[\"a\",\"a\"]")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"null"}},"required":["a"]}""", "{\"a\":1} ; {\"a\": 1, \"b\": null}", "{} ; {\"b\":null} ; {\"b\":null,\"a\":1} ; {\"a\":1,\"c\":1}")]
    [InlineData("""{"type":"object","properties":{"a":{"const":1},"b":{"const":2},"c":{"const":3}}}""", "{} ; {\"a\":1} ; {\"c\":3} ; {\"a\":1,\"c\":3} ; {\"b\":2,\"c\":3} ; {\"a\":1,\"b\":2,\"c\":3}", "{,} ; {\"c\":3,\"a\":1} ; {\"a\":1,\"a\":1}")]
    [InlineData("""{"type":"object","properties":{"a":{"const":1},"b":{"const":2},"c":{"const":3}},"required":["b"]}""", "{\"b\":2} ; {\"a\":1,\"b\":2} ; {\"b\":2,\"c\":3}", "{} ; {\"a\":1} ; {\"a\":1,\"c\":3}")]
    [InlineData("""{"type":"object","properties":{"a":{"const":1},"b":{"const":2},"c":{"const":3}},"minProperties":2,"required":["c"]}""", "{\"a\":1,\"c\":3}", "{\"c\":3}")]
    [InlineData("""{"type":"object","properties":{"a":{"const":1},"b":{"const":2},"c":{"const":3}},"maxProperties":2,"required":["c"]}""", "{\"a\":1,\"c\":3}", "{\"a\":1,\"b\":2,\"c\":3}")]
    [InlineData("""{"type":"object","additionalProperties":{"type":"integer"}}""", "{} ; {\"x\":1} ; {\"x\": 1, \"y\": 2}", "{\"x\":\"a\"} ; {\"\":1}")]
    [InlineData("""{"type":"object","additionalProperties":false}""", "{}", "{\"x\":1}")]
    [InlineData("""{"type":"object","required":["z"]}""", "{\"z\": [1]} ; {\"z\": null}", "{}")]
    [InlineData("""{"type":"object","properties":{"a":{"const":1},"b":{"const":2}},"dependentRequired":{"a":["b"]}}""", "{\"a\":1,\"b\":2} ; {\"b\":2}", "{\"a\":1}")]
    [InlineData("""{"type":"object","properties":{"a_x":{"type":"integer"}},"patternProperties":{"^a_":{"minimum":5}}}""", "{\"a_x\":5}", "{\"a_x\":4}")]
    [InlineData("""{"type":"object","properties":{"ab":{"const":1},"c":{"const":2}},"propertyNames":{"maxLength":1}}""", "{\"c\":2}", "{\"ab\":1}")]
    [InlineData("""{"anyOf":[{"type":"integer"},{"type":"string","maxLength":1}]}""", "1 ; \"a\"", "\"ab\" ; null")]
    [InlineData("""{"oneOf":[{"type":"integer"},{"type":"null"}]}""", "1 ; null", "true")]
    [InlineData("""{"allOf":[{"type":"integer","minimum":2},{"maximum":4}]}""", "2 ; 4", "1 ; 5")]
    [InlineData("""{"allOf":[{"properties":{"a":{"type":"integer"}},"required":["a"]},{"properties":{"b":{"type":"null"},"a":{"minimum":3}},"required":["b"]}],"type":"object"}""", "{\"a\":3,\"b\":null}", "{\"a\":2,\"b\":null} ; {\"a\":3}")]
    [InlineData("""{"type":"object","properties":{"a":{"const":1}},"allOf":[{"additionalProperties":false}]}""", "{}", "{\"a\":1}")]
    [InlineData("""{"type":"integer","anyOf":[{"minimum":10},{"maximum":-10}]}""", "10 ; -10", "9")]
    [InlineData("""{"$defs":{"p":{"type":"integer"}},"type":"array","items":{"$ref":"#/$defs/p"}}""", "[1]", "[\"a\"]")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"integer"},"b":{"$ref":"#/properties/a"}}}""", "{\"a\":1,\"b\":2}", "{\"b\":\"x\"}")]
    [InlineData("""{"definitions":{"x/y":{"const":1}},"$ref":"#/definitions/x~1y"}""", "1", "2")]
    [InlineData("""{"type":"object","properties":{"v":{"const":1},"next":{"$ref":"#"}}}""", "{} ; {\"v\":1,\"next\":{\"v\":1,\"next\":{}}}", "{\"next\":1}")]
    [InlineData("""{"$ref":"#/nowhere"}""", "1 ; {\"a\": [1, true]} ; \"x\"", "undefined")]
    [InlineData("""true""", "1 ; [] ; {} ; {\"a\":{\"b\":[1]}}", "x")]
    [InlineData("""{"not":{"type":"null"},"type":["integer","null"]}""", "1", "null")]
    [InlineData("""{"enum":[1,2],"not":{"const":2}}""", "1", "2")]
    [InlineData("""{"type":"string","pattern":"^[A-Z]{2}-\\d+$"}""", "\"AB-1\" ; \"AB-123\"", "\"AB-\" ; \"ab-1\" ; \"ABC-1\"")]
    [InlineData("""{"type":"string","pattern":"^(foo|bar)?x.y$"}""", "\"x-y\" ; \"foox\\\"y\"", "\"foo\" ; \"bazx-y\" ; \"x\\ny\"")]
    [InlineData("""{"type":"string","pattern":"^[^\\s\"]+$","maxLength":3}""", "\"a\" ; \"é]\"", "\"a b\" ; \"a\\\"\" ; \"abcd\"")]
    [InlineData("""{"type":"string","pattern":"^-?(\\d+\\.)?\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,7})?$"}""", "\"01:02:03\" ; \"-1.23:59:59.5\"", "\"24:00:00\" ; \"1:2:3\"")]
    [InlineData("""{"type":"string","format":"date"}""", "\"2024-02-28\" ; \"1999-12-31\"", "\"2024-02-30\" ; \"2024-13-01\" ; \"24-01-01\"")]
    [InlineData("""{"type":"string","format":"date-time"}""", "\"2024-01-31T23:59:59Z\" ; \"2024-01-31T00:00:00.123+02:00\"", "\"2024-01-31\" ; \"2024-01-31T24:00:00Z\"")]
    [InlineData("""{"type":"string","format":"uuid"}""", "\"123e4567-e89b-12d3-a456-426614174000\"", "\"123\"")]
    [InlineData("""{"type":"string","format":"ipv4"}""", "\"0.255.10.9\"", "\"256.1.1.1\" ; \"01.1.1.1\"")]
    [InlineData("""{"type":"string","format":"email"}""", "\"a.b@example.org\"", "\"a@b\" ; \"a b@c.de\"")]
    [InlineData("""{"type":"string","format":"uri"}""", "\"https://example.org/a/b?x=1\"", "\"example\" ; \"https://a b\"")]
    [InlineData("""{"type":"string","contentEncoding":"base64"}""", "\"AAAA\" ; \"\"", "\"A\" ; \"A*==\"")]
    [InlineData("""{"type":"object","properties":{"a":false}}""", "{}", "{\"a\":1} ; {\"b\":1}")]
    [InlineData("""{"type":"object","properties":{"next":{"$ref":"#"}}}""", "{} ; {\"next\":{\"next\":{\"next\":{\"next\":{}}}}}", "{\"next\":{\"next\":{\"next\":{\"next\":{\"next\":5}}}}} ; {\"x\":1}")]
    [InlineData("""{"type":"object","properties":{"definitions":{"$ref":"#"},"$defs":{"$ref":"#"},"v":{"const":1}}}""", "{\"v\":1} ; {\"definitions\":{\"$defs\":{}}}", "{\"definitions\":1}")]
    [InlineData("""{"type":"array","prefixItems":[{"const":1}],"unevaluatedItems":false}""", "[] ; [1]", "[1,2]")]
    [InlineData("""{"type":"array","items":{"const":1},"unevaluatedItems":false}""", "[] ; [1,1]", "[1,2]")]
    [InlineData("""{"allOf":[{"prefixItems":[{"const":1}]}],"unevaluatedItems":false,"type":"array"}""", "[1]", "[1,2]")]
    [InlineData("""{"type":"array","contains":{"const":1},"minContains":0,"items":{"type":"integer"}}""", "[] ; [2]", "[\"a\"]")]
    [InlineData("""{"allOf":[{"type":"array","prefixItems":[{"type":"integer"}]},{"items":{"minimum":5}}]}""", "[5] ; [7,6]", "[1] ; [5,1]")]
    [InlineData("""{"allOf":[{"type":"object","properties":{"a":{"const":1}},"unevaluatedProperties":false}],"properties":{"b":{"const":2}}}""", "{} ; {\"a\":1}", "{\"a\":1,\"b\":2} ; {\"b\":2}")]
    [InlineData("""{"type":"object","allOf":[{"properties":{"a":{"const":1}}}],"unevaluatedProperties":false,"properties":{"b":{"const":2}}}""", "{\"b\":2,\"a\":1}", "{\"c\":1}")]
    [InlineData("""{"type":"object","unevaluatedProperties":false}""", "{}", "{\"a\":1}")]
    [InlineData("""{"type":"object","properties":{"a":{"const":1},"b":{"const":2},"c":{"const":3}},"dependentRequired":{"a":["b"],"b":["c"]}}""", "{\"a\":1,\"b\":2,\"c\":3} ; {\"b\":2,\"c\":3}", "{\"a\":1,\"b\":2} ; {}")]
    [InlineData("""{"type":"object","required":["a"],"dependentRequired":{"b":["c"],"a":["b"]},"additionalProperties":{"const":1}}""", "{\"a\":1,\"b\":1,\"c\":1}", "{\"a\":1,\"b\":1}")]
    [InlineData("""{"type":"integer","format":"uint8","multipleOf":100}""", "0 ; 100 ; 200", "300 ; -100")]
    [InlineData("""{"type":"integer","format":"int8","multipleOf":50,"minimum":0}""", "0 ; 100", "150")]
    [InlineData("""{"type":"object","properties":{"kind":{"type":"string"}},"oneOf":[{"properties":{"kind":{"const":"a"}},"required":["kind"]},{"properties":{"kind":{"const":"b"}},"required":["kind"]}]}""", "{\"kind\":\"a\"} ; {\"kind\":\"b\"}", "{\"kind\":\"c\"} ; {}")]
    [InlineData("""{"type":"string","pattern":"^(a?){3}b$"}""", "\"b\" ; \"aaab\"", "\"aaaab\" ; \"a\"")]
    [InlineData("""{"type":"string","pattern":"^((a*)*)*$"}""", "\"\" ; \"aaaaaaaaaa\"", "\"b\"")]
    [InlineData("""{"type":"string","pattern":"^(a?b?){2}$"}""", "\"\" ; \"ab\" ; \"abab\" ; \"ba\"", "\"aaa\" ; \"bbb\"")]
    [InlineData("""{"type":"string","pattern":"^(a{0,1500}b)+$"}""", "\"b\" ; \"aaab\"", "\"a\"")]
    public void Texts_are_taken_and_refused(string schema, string taken, string refused)
    {
        Gbnf grammar = new(Compile(schema).Grammar);
        foreach (string text in taken.Split(" ; "))
        {
            Assert.True(grammar.Accepts(text), $"{schema} should take {text}");
            Assert.True(SchemaValidator.IsValid(schema, text), $"{text} is not valid for {schema}");
        }
        foreach (string text in refused.Split(" ; ")) Assert.False(grammar.Accepts(text), $"{schema} should refuse {text}");
    }

    [Theory]
    [InlineData("""{"type":"object","properties":{"a":{"if":{"const":1},"then":{"const":1}}}}""", "/properties/a", "if")]
    [InlineData("""{"not":{"required":["a"]}}""", "", "not")]
    [InlineData("""{"type":"array","contains":{"type":"integer"}}""", "", "contains")]
    [InlineData("""{"type":"array","items":{"type":"string"},"uniqueItems":true}""", "", "uniqueItems")]
    [InlineData("""{"type":"object","dependentSchemas":{"a":{}}}""", "", "dependentSchemas")]
    [InlineData("""{"type":"object","minProperties":2}""", "", "minProperties")]
    [InlineData("""{"oneOf":[{"type":"integer"},{"type":"number"}]}""", "", "oneOf")]
    [InlineData("""{"oneOf":[{"type":"object","properties":{"a":{}}},{"type":"object","properties":{"b":{}}}]}""", "", "oneOf")]
    [InlineData("""{"type":"string","pattern":"(?=a)b"}""", "", "pattern")]
    [InlineData("""{"type":"string","pattern":"(a)\\1"}""", "", "pattern")]
    [InlineData("""{"type":"string","pattern":"a\\b"}""", "", "pattern")]
    [InlineData("""{"type":"string","pattern":"^[a-z-[aeiou]]$"}""", "", "pattern")]
    [InlineData("""{"type":"string","pattern":"^(ab){5}$","maxLength":4}""", "", "lengths")]
    [InlineData("""{"type":"string","pattern":"["}""", "", "pattern")]
    [InlineData("""{"type":"string","minLength":5000}""", "", "minLength")]
    [InlineData("""{"type":"array","items":{},"minItems":1000}""", "", "minItems")]
    [InlineData("""{"type":"integer","multipleOf":7,"minimum":0,"maximum":1000000}""", "", "multipleOf")]
    [InlineData("""{"type":"integer","minimum":5,"maximum":4}""", "", "no value")]
    [InlineData("""{"type":"object","properties":{"a":false},"required":["a"]}""", "", "no value")]
    [InlineData("""false""", "", "no value")]
    [InlineData("""{"type":"string","enum":[1]}""", "", "no value")]
    [InlineData("""{"$ref":"#"}""", "", "no value")]
    [InlineData("""{"$defs":{"a":{"anyOf":[{"$ref":"#/$defs/a"}]}},"$ref":"#/$defs/a"}""", "", "no value")]
    [InlineData("""{"type":"text"}""", "", "text")]
    [InlineData("""{"type":3}""", "", "type")]
    [InlineData("""{"properties":3}""", "", "properties")]
    [InlineData("""{"required":"a"}""", "", "required")]
    [InlineData("""{"minLength":"a","type":"string"}""", "", "minLength")]
    [InlineData("""{"anyOf":[]}""", "", "anyOf")]
    [InlineData("""{"items":"x","type":"array"}""", "/items", "schema")]
    [InlineData("""7""", "", "boolean")]
    [InlineData("""{"type":"array","contains":{"const":1},"minContains":0,"maxContains":1}""", "", "contains")]
    [InlineData("""{"allOf":[{"type":"array","contains":{"const":1}},{"minContains":0}]}""", "", "contains")]
    [InlineData("""{"unevaluatedProperties":{"type":"integer"}}""", "", "unevaluatedProperties")]
    [InlineData("""{"type":"object","dependentRequired":{"a":["b"]}}""", "", "dependentRequired")]
    [InlineData("""{"oneOf":[{"minimum":5},{"type":"string"}]}""", "", "oneOf")]
    [InlineData("""{"oneOf":[{"type":"string"},{"minimum":5}]}""", "", "oneOf")]
    [InlineData("""{"type":"object","properties":{"a":{},"b":{}},"oneOf":[{"properties":{"a":{}},"required":["a"]},{"properties":{"b":{}},"required":["b"]}]}""", "", "oneOf")]
    [InlineData("""{"allOf":[{"oneOf":[{"properties":{"a":{}},"required":["a"]},{"properties":{"b":{}},"required":["b"]}]},{"properties":{"a":{},"b":{}}}],"type":"object"}""", "", "oneOf")]
    [InlineData("""{"type":"object","allOf":[{"patternProperties":{"^x":{"type":"integer"}}},{"additionalProperties":false}],"required":["x1"]}""", "", "patternProperties")]
    [InlineData("""{"type":"string","pattern":"^(a|aa){200}$"}""", "", "ambiguous")]
    [InlineData("""{"type":"string","pattern":"^(a|ab|abc|b|bc|c){300}$"}""", "", "ambiguous")]
    [InlineData("""{"type":"object","type":"array"}""", "", "read")]
    public void What_cannot_be_promised_is_refused(string schema, string path, string word)
    {
        var e = Assert.Throws<SchemaNotSupportedException>(() => Compile(schema));
        Assert.Equal(path, e.SchemaPath);
        Assert.Contains(word, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Theory]
    [InlineData("""{"type":"string","format":"color"}""", "color")]
    [InlineData("""{"type":"string","x-note":1}""", "x-note")]
    [InlineData("""{"$ref":"#/a"}""", "#/a")]
    [InlineData("""{"type":"object","patternProperties":{"^x":{}}}""", "pattern")]
    [InlineData("""{"type":"object","properties":{"a":{}},"patternProperties":{"^x":{}}}""", "patternProperties")]
    public void What_is_not_taken_literally_is_noted(string schema, string word) =>
        Assert.Contains(word, Assert.Single(Compile(schema).Notes), StringComparison.Ordinal);

    [Fact]
    public void Equal_schemas_give_equal_grammars_and_annotations_change_nothing()
    {
        string plain = """{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a"]}""";
        string remarked = """{"$schema":"x","title":"t","type":"object","description":"d","properties":{"a":{"type":"integer","default":1},"b":{"type":"string","description":"q","examples":["a"]}},"required":["a"]}""";
        Assert.Equal(Compile(plain).Grammar, Compile(plain).Grammar);
        Assert.Equal(Compile(plain).Grammar, Compile(remarked).Grammar);
    }

    [Fact]
    public void Every_bound_of_the_limits_is_kept()
    {
        GrammarLimits small = new() { StringLength = 2, ArrayItems = 2, MapEntries = 1, IntegerDigits = 2, FractionDigits = 1, Recursion = 1, FreeDepth = 1 };
        Takes("""{"type":"string"}""", "\"ab\"", "\"abc\"");
        Takes("""{"type":"array","items":{"const":1}}""", "[1,1]", "[1,1,1]");
        Takes("""{"type":"object","additionalProperties":{"const":1}}""", "{\"a\":1}", "{\"a\":1,\"b\":1}");
        Takes("""{"type":"integer"}""", "-99", "100");
        Takes("""{"type":"number"}""", "9.9", "9.99");
        Takes("""{"type":"object","properties":{"n":{"$ref":"#"}}}""", "{\"n\":{}}", "{\"n\":{\"n\":{}}}");
        Takes("true", "[1]", "[[1]]");
        Assert.Throws<ArgumentOutOfRangeException>(() => Compile("true", small with { StringLength = 0 }));

        void Takes(string schema, string taken, string refused)
        {
            Gbnf grammar = new(Compile(schema, small).Grammar);
            Assert.True(grammar.Accepts(taken), taken);
            Assert.False(grammar.Accepts(refused), refused);
        }
    }

    [Fact]
    public void A_schema_that_would_need_a_huge_grammar_is_refused_before_it_is_built()
    {
        string properties = string.Join(',', Enumerable.Range(0, 3000).Select(static i => $"\"property-number-{i}\":{{\"type\":\"integer\",\"maximum\":{i}}}"));
        Assert.Contains("512", Assert.Throws<SchemaNotSupportedException>(() => Compile("{\"type\":\"object\",\"properties\":{" + properties + "}}")).Message);
        string values = string.Join(',', Enumerable.Range(0, 9000).Select(static i => $"\"value {i}\""));
        Assert.Contains("smaller", Assert.Throws<SchemaNotSupportedException>(() => Compile($$"""{"enum":[{{values}}]}""")).Message);
        string alternatives = string.Join(',', Enumerable.Repeat("""{"anyOf":[{"minimum":1},{"maximum":2},{"minimum":3}]}""", 12));
        Assert.Contains("256", Assert.Throws<SchemaNotSupportedException>(() => Compile($$"""{"type":"integer","allOf":[{{alternatives}}]}""")).Message);
    }
}
