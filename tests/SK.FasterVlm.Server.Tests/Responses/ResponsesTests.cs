using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Responses;

/// <summary><c>/v1/responses</c>: the objects, the events, the conversation, and what is refused.</summary>
public sealed class ResponsesTests
{
    static Task<Reply> AskAsync(RunningServer server, object body) => server.PostAsync("/v1/responses", body);

    [Fact]
    public async Task A_whole_response_has_every_field_clients_read()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonNode json = (await AskAsync(server, new { model = "scripted", input = "Hello", metadata = new { a = "b" }, temperature = 0.5 })).Json;
        Assert.StartsWith("resp_", (string)json["id"]!);
        Assert.Equal(("response", "completed", "scripted"), ((string)json["object"]!, (string)json["status"]!, (string)json["model"]!));
        JsonNode item = Assert.Single(json["output"]!.AsArray())!;
        Assert.Equal(("message", "completed", "assistant"), ((string)item["type"]!, (string)item["status"]!, (string)item["role"]!));
        Assert.Equal("""{"type":"output_text","text":"An answer.","annotations":[],"logprobs":[]}""", Assert.Single(item["content"]!.AsArray())!.ToJsonString());
        Assert.Equal("""{"input_tokens":11,"input_tokens_details":{"cached_tokens":7},"output_tokens":2,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":13}""",
            json["usage"]!.ToJsonString());
        Assert.Equal(("b", 0.5, false), ((string)json["metadata"]!["a"]!, (double)json["temperature"]!, (bool)json["store"]!));
        foreach (string name in new[] { "error", "incomplete_details", "previous_response_id", "instructions" })
            Assert.True(json.AsObject().TryGetPropertyValue(name, out JsonNode? value) && value is null, name);
    }

    [Fact]
    public async Task A_stream_announces_fills_and_closes_every_item()
    {
        ScriptedChatClient client = new();
        client.Script = static _ => ScriptedChatClient.Say(ChatFinishReason.ToolCalls,
            new TextContent("Let me "), new TextContent("see."), new FunctionCallContent("call_1", "look", new Dictionary<string, object?> { ["at"] = 3 }));
        await using RunningServer server = await RunningServer.StartAsync(client);
        object[] tools = [new { type = "function", name = "look", parameters = new { type = "object", properties = new { at = new { type = "integer" } } } }];
        Reply reply = await AskAsync(server, new { model = "scripted", input = "Hello", stream = true, tools });
        JsonNode[] events = [.. reply.Events.Select(static e => JsonNode.Parse(e)!)];
        Assert.Equal(
            [
                "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added", "response.output_text.delta",
                "response.output_text.delta", "response.output_text.done", "response.content_part.done", "response.output_item.done",
                "response.output_item.added", "response.function_call_arguments.delta", "response.function_call_arguments.done",
                "response.output_item.done", "response.completed",
            ],
            events.Select(static e => (string)e["type"]!));
        Assert.Equal(Enumerable.Range(0, events.Length), events.Select(static e => (int)e["sequence_number"]!));
        Assert.All(reply.Text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries), static e => Assert.StartsWith("event: response.", e));
        Assert.Equal("Let me see.", (string)events[6]["text"]!);
        Assert.Equal("""{"at":3}""", (string)events[11]["arguments"]!);
        JsonArray output = events[^1]["response"]!["output"]!.AsArray();
        Assert.Equal(["message", "function_call"], output.Select(static o => (string)o!["type"]!));
        Assert.Equal((string)events[2]["item"]!["id"]!, (string)output[0]!["id"]!);
        Assert.Equal("call_1", (string)output[1]!["call_id"]!);
    }

    [Fact]
    public async Task A_conversation_is_given_back_whole()
    {
        ScriptedChatClient client = new();
        await using RunningServer server = await RunningServer.StartAsync(client);
        object[] input =
        [
            new { role = "user", content = new object[] { new { type = "input_text", text = "Look." }, new { type = "input_image", image_url = Uri(1), detail = "low" } } },
            new { type = "message", id = "msg_1", status = "completed", role = "assistant", content = new[] { new { type = "output_text", text = "A bird.", annotations = Array.Empty<int>() } } },
            new { type = "function_call", id = "fc_1", call_id = "call_1", name = "count", arguments = "{\"what\":\"birds\"}", status = "completed" },
            new { type = "function_call_output", call_id = "call_1", output = "2" },
            new { role = "user", content = "So how many?" },
        ];
        Reply reply = await AskAsync(server, new { model = "scripted", instructions = "Be brief.", input });
        Assert.True(reply.Status == HttpStatusCode.OK, reply.Text);
        ScriptedRequest seen = client.Last;
        Assert.Equal("Be brief.", seen.Options.Instructions);
        Assert.Equal(["user", "assistant", "assistant", "tool", "user"], seen.Messages.Select(static m => m.Role.Value));
        Assert.Equal("image/jpeg", Assert.IsType<DataContent>(seen.Messages[0].Contents[1]).MediaType);
        Assert.Equal("count", Assert.IsType<FunctionCallContent>(seen.Messages[2].Contents[0]).Name);
        Assert.Equal("2", Assert.IsType<FunctionResultContent>(seen.Messages[3].Contents[0]).Result);
        Assert.Equal(new FasterVlmServerOptions().LowDetail, seen.Own.VisualTokens);
    }

    [Theory]
    [InlineData("previous_response_id", "\"resp_1\"")]
    [InlineData("conversation", "\"c\"")]
    [InlineData("store", "true")]
    [InlineData("background", "true")]
    [InlineData("truncation", "\"auto\"")]
    [InlineData("prompt", "{}")]
    [InlineData("max_tool_calls", "3")]
    [InlineData("reasoning", "{\"effort\":\"high\"}", "reasoning.effort")]
    [InlineData("include", "[\"file_search_call.results\"]", "include[0]")]
    [InlineData("tools", "[{\"type\":\"web_search\"}]", "tools[0].type")]
    [InlineData("input", "[{\"type\":\"item_reference\",\"id\":\"x\"}]", "input[0].type")]
    [InlineData("input", "[{\"role\":\"user\",\"content\":[{\"type\":\"input_file\",\"file_id\":\"f\"}]}]", "input[0].content[0].type")]
    [InlineData("input", "[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"file_id\":\"f\"}]}]", "input[0].content[0].file_id")]
    [InlineData("input", "[]")]
    [InlineData("text", "{\"format\":{\"type\":\"xml\"}}", "text.format.type")]
    [InlineData("max_output_tokens", "0")]
    [InlineData("temperature", "2.5")]
    [InlineData("unknown_thing", "1")]
    public async Task What_is_wrong_or_stored_elsewhere_is_400_by_name(string parameter, string value, string? named = null)
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonObject body = new() { ["model"] = "scripted", ["input"] = "Hello", [parameter] = JsonNode.Parse(value) };
        Reply reply = await AskAsync(server, body.ToJsonString());
        reply.AssertError(400, named ?? parameter, (string?)reply.Error["code"]);
    }

    [Fact]
    public async Task A_failure_in_the_middle_is_an_event_with_the_error()
    {
        ScriptedChatClient failing = new() { Script = static _ => ScriptedChatClient.Fail(new InvalidOperationException("secret"), "One ") };
        await using RunningServer server = await RunningServer.StartAsync(failing);
        Reply reply = await AskAsync(server, new { model = "scripted", input = "Hello", stream = true });
        JsonNode last = JsonNode.Parse(reply.Events[^1])!;
        Assert.Equal(("response.failed", "failed"), ((string)last["type"]!, (string)last["response"]!["status"]!));
        Assert.DoesNotContain("secret", reply.Text);
    }

    [Theory]
    [InlineData("MaxOutputTokens", "max_output_tokens")]
    [InlineData("ResponseFormat", "text.format")]
    [InlineData("Reasoning", "reasoning.effort")]
    [InlineData("Logprobs", "include")]
    [InlineData("Tools", "tools")]
    [InlineData("AllowMultipleToolCalls", "parallel_tool_calls")]
    [InlineData("Messages", "input")]
    public async Task What_the_engine_refuses_has_the_name_it_has_here(string option, string parameter)
    {
        foreach (Exception error in new Exception[] { new ArgumentException($"ChatOptions.{option} is not right."), new NotSupportedException($"ChatOptions.{option} is not supported: it is not.") })
        {
            ScriptedChatClient refusing = new() { Script = _ => ScriptedChatClient.Fail(error) };
            await using RunningServer server = await RunningServer.StartAsync(refusing);
            foreach (bool stream in new[] { false, true })
            {
                Reply reply = await AskAsync(server, new { model = "scripted", input = "Hello", stream });
                reply.AssertError(400, parameter, (string?)reply.Error["code"]);
            }
        }
    }

    static string Uri(int picture) => $"data:image/jpeg;base64,{Convert.ToBase64String(EmbeddedServer.Picture(picture))}";
}
