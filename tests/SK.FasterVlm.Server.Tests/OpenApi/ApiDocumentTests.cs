using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.OpenApi;
using Microsoft.OpenApi.Reader;
using NJsonSchema;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.OpenApi;

/// <summary>The OpenAPI document: well formed, complete, guarded, and true of the answers.</summary>
public sealed class ApiDocumentTests(EmbeddedServer embedded)
{
    const string Address = "/openapi/v1.json";

    [Fact]
    public async Task It_is_valid_and_every_reference_in_it_leads_somewhere()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        Reply reply = await server.GetAsync(Address);
        Assert.Equal((HttpStatusCode.OK, "application/json"), (reply.Status, reply.MediaType));
        using MemoryStream json = new(Encoding.UTF8.GetBytes(reply.Text));
        ReadResult read = await OpenApiDocument.LoadAsync(json, OpenApiConstants.Json, cancellationToken: RunningServer.Test);
        Assert.Empty(read.Diagnostic!.Errors);
        Assert.Empty(read.Diagnostic.Warnings);
        Assert.Equal(OpenApiSpecVersion.OpenApi3_1, read.Diagnostic.SpecificationVersion);
        Assert.Empty(read.Document!.Validate(ValidationRuleSet.GetDefaultRuleSet()));
        string[] references = [.. Strings(reply.Json).Where(static s => s.Name == "$ref").Select(static s => s.Text).Distinct()];
        Assert.NotEmpty(references);
        foreach (string reference in references)
            Assert.True(reference[2..].Split('/').Aggregate((JsonNode?)reply.Json, static (node, name) => node?[name]) is not null, reference);
        Assert.DoesNotContain(Strings(reply.Json), static s => s.Text.StartsWith('{') && s.Text.EndsWith('}') && s.Text.Length > 2); // a value that was not filled in
    }

    [Fact]
    public async Task Every_route_is_in_it_and_nothing_else()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonObject paths = (await server.GetAsync(Address)).Json["paths"]!.AsObject();
        IEnumerable<string> described = paths.SelectMany(static p => p.Value!.AsObject().Select(o => $"{o.Key.ToUpperInvariant()} {p.Key}"));
        IEnumerable<string> mapped = server.Services.GetServices<EndpointDataSource>().SelectMany(static s => s.Endpoints).OfType<RouteEndpoint>()
            .Where(static e => e.Metadata.GetMetadata<IExcludeFromDescriptionMetadata>() is null)
            .SelectMany(static e => (e.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? ["GET"])
                .Select(m => $"{m} {e.RoutePattern.RawText!.Replace("{**id}", "{id}", StringComparison.Ordinal)}"));
        Assert.Equal(mapped.Order(), described.Order());
    }

    [Fact]
    public async Task It_wants_the_key_and_the_host_that_every_other_endpoint_wants()
    {
        await using RunningServer server = await RunningServer.StartAsync(options: static o => o.ApiKeys = ["the-right-key"]);
        (await server.GetAsync(Address)).AssertError(401, null, null);
        using HttpRequestMessage rebound = new(HttpMethod.Get, Address) { Headers = { Host = "evil.example" } };
        using HttpResponseMessage refused = await server.Http.SendAsync(rebound, RunningServer.Test);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        server.Http.DefaultRequestHeaders.Authorization = new("Bearer", "the-right-key");
        JsonNode document = (await server.GetAsync(Address)).Json;
        Assert.Equal("""[{"key":[]}]""", document["security"]!.ToJsonString());
        Assert.Equal("[]", document["paths"]!["/health/live"]!["get"]!["security"]!.ToJsonString());
    }

    [Fact]
    public async Task It_carries_the_limits_and_the_model_of_this_server()
    {
        await using RunningServer server = await RunningServer.StartAsync(options: static o => (o.MaxMessages, o.MaxChoices, o.MaxBodyBytes) = (17, 5, 54_321));
        Reply reply = await server.GetAsync(Address);
        JsonNode chat = reply.Json["components"]!["schemas"]!["ChatCompletionRequest"]!["properties"]!;
        Assert.Equal((17, 5), ((int)chat["messages"]!["maxItems"]!, (int)chat["n"]!["maximum"]!));
        Assert.Equal(ScriptedChatClient.ModelId, (string)chat["model"]!["examples"]![0]!);
        Assert.Contains("54321 bytes", reply.Text);
    }

    [Fact]
    public async Task Answers_are_as_it_says()
    {
        ScriptedChatClient client = new();
        await using RunningServer server = await RunningServer.StartAsync(client);
        JsonNode document = (await server.GetAsync(Address)).Json;
        object messages = new[] { new { role = "user", content = "Hello" } };
        object[] tools = [new { type = "function", name = "look" }];
        await Valid("ModelList", (await server.GetAsync("/v1/models")).Json);
        await Valid("ModelObject", (await server.GetAsync("/v1/models/scripted")).Json);
        await Valid("ErrorEnvelope", (await server.ChatAsync(new { model = "other", messages })).Json);
        await Valid("ChatCompletion", (await server.ChatAsync(new { model = "scripted", messages, logprobs = true })).Json);
        await Valid("ResponseObject", (await server.PostAsync("/v1/responses", new { model = "scripted", input = "Hello" })).Json);
        foreach (string data in (await server.ChatAsync(new { model = "scripted", messages, stream = true })).Events[..^1]) await Valid("ChatChunk", JsonNode.Parse(data)!);
        Reply withUsage = await server.ChatAsync(new { model = "scripted", messages, stream = true, stream_options = new { include_usage = true } });
        foreach (string data in withUsage.Events[..^1]) await Valid("ChatChunkWithUsage", JsonNode.Parse(data)!);
        client.Script = static _ => ScriptedChatClient.Say(
            ChatFinishReason.Length, new TextContent("Let me see."), new FunctionCallContent("call_1", "look", new Dictionary<string, object?> { ["at"] = 3 }));
        foreach (string data in (await server.PostAsync("/v1/responses", new { model = "scripted", input = "Hello", stream = true, tools })).Events)
            await Valid("ResponseEvent", JsonNode.Parse(data)!);
        object image = new { type = "image_url", image_url = new { url = $"data:image/jpeg;base64,{Convert.ToBase64String(EmbeddedServer.Picture(1))}" } };
        Reply pruned = await embedded.Server.ChatAsync(new { model = "tiny-llava", max_tokens = 1, messages = new[] { new { role = "user", content = new[] { image } } }, fastervlm = new { statistics = true } });
        Assert.Single(pruned.Json["fastervlm"]!["statistics"]!["images"]!.AsArray());
        await Valid("ChatCompletion", pruned.Json);
        await Valid("ModelList", (await embedded.Server.GetAsync("/v1/models")).Json);

        async Task Valid(string schema, JsonNode answer)
        {
            JsonSchema closed = await JsonSchema.FromJsonAsync(Closed(document["components"]!["schemas"]![schema]!, document).ToJsonString(), RunningServer.Test);
            Assert.NotEmpty(closed.Validate("""{"surprise":1}"""));
            Assert.True(closed.Validate(answer.ToJsonString()) is { Count: 0 }, $"{schema}: {string.Join(", ", closed.Validate(answer.ToJsonString()))}\n{answer}");
        }
    }

    [Fact]
    public async Task An_application_keeps_the_document_of_its_own()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static k => k.Listen(IPAddress.Loopback, 0));
        builder.Services.AddSingleton<IChatClient>(new ScriptedChatClient());
        builder.Services.AddFasterVlmServer();
        builder.Services.AddOpenApi();
        await using WebApplication app = builder.Build();
        app.MapFasterVlmOpenAI();
        app.MapGroup("/eyes").MapFasterVlmOpenAI();
        app.MapGet("/mine", static () => "Mine");
        app.MapOpenApi();
        await app.StartAsync(RunningServer.Test);
        using HttpClient http = new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(app.Urls.First()) };
        JsonNode own = JsonNode.Parse(await http.GetStringAsync(Address, RunningServer.Test))!;
        Assert.Equal(["/mine"], own["paths"]!.AsObject().Select(static p => p.Key));
        JsonNode ours = JsonNode.Parse(await http.GetStringAsync("/eyes" + Address, RunningServer.Test))!;
        Assert.NotNull(ours["paths"]!["/v1/chat/completions"]);
        Assert.Equal("/eyes/", new Uri(new Uri(http.BaseAddress, "/eyes" + Address), (string)ours["servers"]![0]!["url"]!).AbsolutePath);
    }

    /// <summary>A schema with its references replaced by what they point at, and no room for properties it does not list.</summary>
    static JsonNode Closed(JsonNode schema, JsonNode document)
    {
        switch (schema)
        {
            case JsonObject { Count: 1 } only when (string?)only["$ref"] is { } reference:
                return Closed(document["components"]!["schemas"]![reference.Split('/')[^1]]!, document);
            case JsonObject node:
                JsonObject closed = new(node.Select(k => KeyValuePair.Create(k.Key, k.Value is null ? null : (JsonNode?)Closed(k.Value, document))));
                if (closed["properties"] is not null && (string?)closed["type"] is not null) closed["additionalProperties"] = false;
                return closed;
            case JsonArray list:
                return new JsonArray([.. list.Select(i => i is null ? null : Closed(i, document))]);
            default:
                return schema.DeepClone();
        }
    }

    static IEnumerable<(string Name, string Text)> Strings(JsonNode? node, string name = "") => node switch
    {
        JsonObject members => members.SelectMany(static m => Strings(m.Value, m.Key)),
        JsonArray items => items.SelectMany(i => Strings(i, name)),
        JsonValue value when value.TryGetValue(out string? text) => [(name, text)],
        _ => [],
    };
}
