using System.Net;
using System.Text.Json.Nodes;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Requests;

/// <summary>Schemas that cannot be kept: which are refused, and how the one at fault is named.</summary>
public sealed class SchemaErrorTests(EmbeddedServer embedded)
{
    const string Good = """{"type":"object","properties":{"a":{"type":"boolean"}},"required":["a"],"additionalProperties":false}""";

    public static TheoryData<string> Inexpressible => new(
        """{"type":"object","if":{"required":["a"]},"then":{"required":["b"]}}""",
        """{"type":"object","properties":{"a":{"not":{"minLength":3}}}}""",
        """{"type":"object","dependentSchemas":{"a":{"required":["b"]}}}""",
        """{"type":"object","properties":{"a":{"type":"array","contains":{"type":"string"}}}}""",
        """{"type":"object","properties":{"a":{"oneOf":[{"type":"string"},{"type":"string","maxLength":3}]}}}""");

    /// <summary>What is passed over where the client does not insist.</summary>
    public static TheoryData<string> PassedOver => new(
        """{"type":"object","patternProperties":{"^x":{"type":"string"}}}""",
        """{"type":"object","properties":{"a":{"type":"boolean"}},"patternProperties":{"^x":{"type":"string"}}}""",
        """{"type":"object","properties":{"a":{"$ref":"#/$defs/nowhere"}}}""",
        """{"type":"object","properties":{"a":{"type":"string","format":"colour"}}}""",
        """{"type":"object","properties":{"a":{"type":"string","colour":"red"}}}""");

    [Theory]
    [MemberData(nameof(Inexpressible))]
    public async Task What_no_grammar_can_say_is_refused_strict_or_not(string schema)
    {
        foreach (bool strict in new[] { true, false })
        {
            (await ChatAsync(Format(schema, strict))).AssertError(400, "response_format.json_schema.schema", "invalid_json_schema");
            (await ChatAsync(Tools(strict, Good, schema))).AssertError(400, "tools[1].function.parameters", "invalid_json_schema");
            (await RespondAsync(Format(schema, strict))).AssertError(400, "text.format.schema", "invalid_json_schema");
            (await RespondAsync(Tools(strict, Good, schema))).AssertError(400, "tools[1].parameters", "invalid_json_schema");
        }
    }

    [Theory]
    [MemberData(nameof(PassedOver))]
    public async Task What_would_be_passed_over_is_refused_when_the_schema_is_strict(string schema)
    {
        (await ChatAsync(Format(schema, strict: true))).AssertError(400, "response_format.json_schema.schema", "invalid_json_schema");
        (await ChatAsync(Tools(strict: true, Good, schema))).AssertError(400, "tools[1].function.parameters", "invalid_json_schema");
        (await RespondAsync(Format(schema, strict: true))).AssertError(400, "text.format.schema", "invalid_json_schema");
        (await RespondAsync(Tools(strict: true, Good, schema))).AssertError(400, "tools[1].parameters", "invalid_json_schema");
        Assert.Equal(HttpStatusCode.OK, (await ChatAsync(Format(schema, strict: false))).Status);
        Assert.Equal(HttpStatusCode.OK, (await RespondAsync(Tools(strict: false, Good, schema))).Status);
    }

    [Fact]
    public async Task A_schema_that_can_be_kept_is_taken_strict_or_not()
    {
        foreach (bool strict in new[] { true, false })
        {
            Assert.Equal(HttpStatusCode.OK, (await ChatAsync(Format(Good, strict))).Status);
            Assert.Equal(HttpStatusCode.OK, (await RespondAsync(Tools(strict, Good, Good))).Status);
        }
    }

    [Fact]
    public async Task Schemas_that_are_too_large_only_together_name_the_list()
    {
        string[] schemas = [.. Enumerable.Range(0, 8).Select(static f => new JsonObject
        {
            ["type"] = "object",
            ["properties"] = new JsonObject(Enumerable.Range(0, 200).Select(i =>
                KeyValuePair.Create($"property_{f}_{i}", (JsonNode?)new JsonObject { ["type"] = "string", ["enum"] = new JsonArray($"value_{f}_{i}") }))),
        }.ToJsonString())];
        (await ChatAsync(Tools(strict: true, schemas))).AssertError(400, "tools", "invalid_json_schema");
    }

    Task<Reply> ChatAsync(JsonObject request) => AskAsync("/v1/chat/completions", request, static r =>
    {
        r["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = "Hi" });
        r["max_completion_tokens"] = 1;
        if (r["format"] is { } format)
            r["response_format"] = new JsonObject { ["type"] = "json_schema", ["json_schema"] = format.DeepClone() };
        if (r["functions"] is JsonArray functions)
            r["tools"] = new JsonArray([.. functions.Select(static f => new JsonObject { ["type"] = "function", ["function"] = f!.DeepClone() })]);
    });

    Task<Reply> RespondAsync(JsonObject request) => AskAsync("/v1/responses", request, static r =>
    {
        r["input"] = "Hi";
        r["max_output_tokens"] = 1;
        if (r["format"]?.DeepClone() is JsonObject format)
        {
            format["type"] = "json_schema";
            r["text"] = new JsonObject { ["format"] = format };
        }
        if (r["functions"] is JsonArray functions)
            r["tools"] = new JsonArray([.. functions.Select(static f => { JsonNode tool = f!.DeepClone(); tool["type"] = "function"; return tool; })]);
    });

    Task<Reply> AskAsync(string path, JsonObject request, Action<JsonObject> complete)
    {
        JsonObject body = request.DeepClone().AsObject();
        body["model"] = "tiny-llava";
        complete(body);
        body.Remove("format");
        body.Remove("functions");
        return embedded.Server.PostAsync(path, body.ToJsonString());
    }

    static JsonObject Format(string schema, bool strict) =>
        new() { ["format"] = new JsonObject { ["name"] = "answer", ["strict"] = strict, ["schema"] = JsonNode.Parse(schema) } };

    static JsonObject Tools(bool strict, params string[] schemas) =>
        new() { ["functions"] = new JsonArray([.. schemas.Select((s, i) => new JsonObject { ["name"] = $"function_{i}", ["strict"] = strict, ["parameters"] = JsonNode.Parse(s) })]) };
}
