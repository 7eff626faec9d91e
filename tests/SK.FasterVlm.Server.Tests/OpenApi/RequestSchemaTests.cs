using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using SK.FasterVlm.Server.ChatCompletions;
using SK.FasterVlm.Server.OpenApi;
using SK.FasterVlm.Server.Protocol;
using SK.FasterVlm.Server.Requests;
using SK.FasterVlm.Server.Responses;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.OpenApi;

/// <summary>
/// Holds the request schemas of the OpenAPI document and the readers together: what a schema allows is read, what it does not allow is
/// refused by name, and no reader knows a name the schema does not have.
/// </summary>
public sealed partial class RequestSchemaTests
{
    static readonly FasterVlmServerOptions Options = new() { MaxMessages = 5, MaxParts = 6, MaxTools = 7, MaxChoices = 3, MaxTextLength = 50_000 };

    static readonly JsonObject Document = ApiDocument.Build(new ServedModel(new ScriptedChatClient(), new FasterVlmOptions(), Options, TimeProvider.System));

    static readonly string[] Words = [.. WordsOfTheServer()];

    /// <summary>What a parameter needs beside it.</summary>
    static readonly Dictionary<string, (string Name, string Json)[]> Companions = new()
    {
        ["ChatCompletionRequest"] =
        [
            ("tool_choice", """{"tools":[{"type":"function","function":{"name":"look"}}]}"""),
            ("parallel_tool_calls", """{"tools":[{"type":"function","function":{"name":"look"}}]}"""),
            ("stream_options", """{"stream":true}"""),
            ("top_logprobs", """{"logprobs":true}"""),
        ],
        ["ResponseRequest"] =
        [
            ("tool_choice", """{"tools":[{"type":"function","name":"look"}]}"""),
            ("parallel_tool_calls", """{"tools":[{"type":"function","name":"look"}]}"""),
            ("stream_options", """{"stream":true}"""),
            ("top_logprobs", """{"include":["message.output_text.logprobs"]}"""),
        ],
    };

    [Theory]
    [InlineData("ChatCompletionRequest", 150)]
    [InlineData("ResponseRequest", 100)]
    public void What_the_schema_allows_is_read(string name, int atLeast)
    {
        SchemaSamples samples = new(Document, Words);
        int read = 0;
        foreach (JsonNode? body in samples.Allowed(samples.Component(name)))
        {
            ApiException? error = Read(name, body!.AsObject());
            Assert.True(error is null, $"{error?.Message}\n{body.ToJsonString()}");
            read++;
        }
        Assert.True(read >= atLeast, $"{read} bodies");
    }

    [Theory]
    [InlineData("ChatCompletionRequest")]
    [InlineData("ResponseRequest")]
    public void What_the_schema_does_not_allow_is_refused_and_named(string name)
    {
        SchemaSamples samples = new(Document, Words);
        foreach ((JsonNode? body, string path, bool isUnknown) in samples.Refused(samples.Component(name), ""))
        {
            if (body is not JsonObject request) continue; // not even an object: an error of its own, tested with the others of HTTP
            ApiException? error = Read(name, request);
            Assert.True(error is not null, $"{path} was taken: {request.ToJsonString()}");
            Assert.True(error.Parameter == path || (path == SchemaSamples.AnyPath && error.Parameter is not null), $"'{error.Parameter}' instead of '{path}': {error.Message}\n{request.ToJsonString()}");
            // A name that is not in the schema is unknown to the reader, or refused whatever its value.
            if (isUnknown) Assert.True(error.Code is "unknown_parameter" or "unsupported_parameter", $"The reader knows '{path}': {error.Message}");
        }
    }

    [Theory]
    [InlineData("ChatCompletionRequest")]
    [InlineData("ResponseRequest")]
    public void A_parameter_that_needs_another_is_refused_without_it(string name)
    {
        SchemaSamples samples = new(Document, []);
        JsonObject schema = samples.Component(name);
        Assert.Equal(Companions[name].Select(static c => c.Name).Order(), schema["dependentSchemas"]!.AsObject().Select(static d => d.Key).Order());
        foreach ((string parameter, _) in Companions[name])
        {
            JsonObject body = samples.Least(schema).AsObject();
            JsonNode?[] values = [.. samples.Allowed(schema["properties"]![parameter]!)];
            body[parameter] = (values.LastOrDefault(static v => v is JsonValue) ?? values[^1])!.DeepClone();
            Assert.Equal(parameter, ReadAlone(name, body)?.Parameter);
        }
    }

    [Fact]
    public void The_words_that_are_tried_are_those_the_readers_are_made_of() =>
        Assert.Empty(new[] { "temperature", "logit_bias", "tool_call_id", "image_url", "previous_response_id", "web_search_options" }.Except(Words));

    static ApiException? Read(string name, JsonObject body)
    {
        foreach ((string parameter, string companion) in Companions[name])
        {
            if (body[parameter] is null) continue;
            foreach ((string other, JsonNode? value) in JsonNode.Parse(companion)!.AsObject()) body.TryAdd(other, value!.DeepClone());
        }
        return ReadAlone(name, body);
    }

    static ApiException? ReadAlone(string name, JsonObject body)
    {
        ContentReader content = new(Options, new ServedModel(new ScriptedChatClient(), new FasterVlmOptions(), Options, TimeProvider.System));
        JsonElement json = JsonSerializer.SerializeToElement(body);
        try
        {
            _ = name == "ResponseRequest" ? ResponseRequestReader.Read(json, content, static _ => { }) : ChatRequestReader.Read(json, content);
            return null;
        }
        catch (ApiException e)
        {
            return e;
        }
    }

    /// <summary>Every text in the compiled server that may be the name of a parameter.</summary>
    static IEnumerable<string> WordsOfTheServer()
    {
        using PEReader file = new(File.OpenRead(typeof(ChatRequestReader).Assembly.Location));
        MetadataReader metadata = file.GetMetadataReader();
        for (UserStringHandle text = MetadataTokens.UserStringHandle(1); !text.IsNil; text = metadata.GetNextHandle(text))
            if (Name().IsMatch(metadata.GetUserString(text))) yield return metadata.GetUserString(text);
    }

    [GeneratedRegex("^[a-z]+(_[a-z]+)*$")]
    private static partial Regex Name();
}
