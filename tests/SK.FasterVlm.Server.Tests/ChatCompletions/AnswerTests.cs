using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.ChatCompletions;

public sealed class AnswerTests
{
    static readonly object[] Hello = [new { role = "user", content = "Hello" }];

    [Fact]
    public async Task A_whole_answer_has_every_field_clients_read()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        Reply reply = await server.ChatAsync(new { model = "scripted", messages = Hello });
        Assert.Equal((HttpStatusCode.OK, "application/json"), (reply.Status, reply.MediaType));
        JsonNode json = reply.Json;
        Assert.StartsWith("chatcmpl-", (string)json["id"]!);
        Assert.Equal(("chat.completion", "scripted"), ((string)json["object"]!, (string)json["model"]!));
        Assert.True((long)json["created"]! > 1_700_000_000);
        JsonNode choice = Assert.Single(json["choices"]!.AsArray())!;
        Assert.Equal("""{"index":0,"message":{"role":"assistant","content":"An answer.","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}""",
            choice.ToJsonString());
        Assert.Equal(
            """{"prompt_tokens":11,"completion_tokens":2,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":7,"audio_tokens":0}"""
            + """,""" + "\"completion_tokens_details\":" + """{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}""",
            json["usage"]!.ToJsonString());
        Assert.Matches("^fp_[0-9a-f]{10}$", (string)json["system_fingerprint"]!);
        Assert.False(json.AsObject().ContainsKey("fastervlm"));
        Assert.StartsWith("req_", reply.Headers["x-request-id"]);
    }

    [Fact]
    public async Task A_stream_gives_role_pieces_finish_reason_and_the_end()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        Reply reply = await server.ChatAsync(new { model = "scripted", messages = Hello, stream = true });
        Assert.Equal((HttpStatusCode.OK, "text/event-stream"), (reply.Status, reply.MediaType));
        string[] events = reply.Events;
        Assert.Equal("[DONE]", events[^1]);
        JsonNode[] chunks = [.. events[..^1].Select(static e => JsonNode.Parse(e)!)];
        Assert.Equal(4, chunks.Length);
        Assert.All(chunks, c => Assert.Equal("chat.completion.chunk", (string)c["object"]!));
        Assert.Single(chunks.Select(static c => (string)c["id"]!).Distinct());
        Assert.All(chunks, static c => Assert.False(c.AsObject().ContainsKey("usage")));
        Assert.Equal("""{"role":"assistant","content":""}""", chunks[0]["choices"]![0]!["delta"]!.ToJsonString());
        Assert.Equal(["An ", "answer."], chunks[1..3].Select(static c => (string)c["choices"]![0]!["delta"]!["content"]!));
        Assert.All(chunks[..3], static c => Assert.Null(c["choices"]![0]!["finish_reason"]));
        Assert.Equal("""{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}""", chunks[3]["choices"]![0]!.ToJsonString());
    }

    [Fact]
    public async Task Usage_comes_last_with_no_choices_when_asked_for()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        Reply reply = await server.ChatAsync(new { model = "scripted", messages = Hello, stream = true, stream_options = new { include_usage = true } });
        JsonNode[] chunks = [.. reply.Events[..^1].Select(static e => JsonNode.Parse(e)!)];
        Assert.All(chunks[..^1], static c => Assert.True(c.AsObject().TryGetPropertyValue("usage", out JsonNode? usage) && usage is null));
        Assert.Empty(chunks[^1]["choices"]!.AsArray());
        Assert.Equal((11, 2, 13), ((int)chunks[^1]["usage"]!["prompt_tokens"]!, (int)chunks[^1]["usage"]!["completion_tokens"]!, (int)chunks[^1]["usage"]!["total_tokens"]!));
    }

    [Fact]
    public async Task A_tool_call_is_given_whole_and_in_pieces()
    {
        ScriptedChatClient client = new();
        client.Script = static _ => ScriptedChatClient.Say(ChatFinishReason.ToolCalls,
            new FunctionCallContent("call_1", "add", new Dictionary<string, object?> { ["a"] = 1, ["b"] = "zwei" }),
            new FunctionCallContent("call_2", "now", null));
        await using RunningServer server = await RunningServer.StartAsync(client);
        object[] tools = [Tool("add"), Tool("now")];
        JsonNode choice = (await server.ChatAsync(new { model = "scripted", messages = Hello, tools })).Json["choices"]![0]!;
        Assert.Equal("tool_calls", (string)choice["finish_reason"]!);
        Assert.Null(choice["message"]!["content"]);
        Assert.Equal("""[{"id":"call_1","type":"function","function":{"name":"add","arguments":"{\u0022a\u0022:1,\u0022b\u0022:\u0022zwei\u0022}"}},"""
            + """{"id":"call_2","type":"function","function":{"name":"now","arguments":"{}"}}]""", choice["message"]!["tool_calls"]!.ToJsonString());

        Reply stream = await server.ChatAsync(new { model = "scripted", messages = Hello, tools, stream = true });
        JsonNode[] deltas = [.. stream.Events[..^1].Select(static e => JsonNode.Parse(e)!["choices"]![0]!)];
        JsonNode[] calls = [.. deltas.SelectMany(static d => d["delta"]!["tool_calls"]?.AsArray() ?? [])!];
        Assert.Equal([0, 0, 1, 1], calls.Select(static c => (int)c["index"]!));
        Assert.Equal(("call_1", "function", "add", ""),
            ((string)calls[0]["id"]!, (string)calls[0]["type"]!, (string)calls[0]["function"]!["name"]!, (string)calls[0]["function"]!["arguments"]!));
        Assert.Equal("""{"index":0,"function":{"arguments":"{\u0022a\u0022:1,\u0022b\u0022:\u0022zwei\u0022}"}}""", calls[1].ToJsonString());
        Assert.Equal("tool_calls", (string)deltas[^1]["finish_reason"]!);
    }

    [Theory]
    [InlineData("length", "length")]
    [InlineData("content_filter", "content_filter")]
    [InlineData("stop", "stop")]
    [InlineData("something_new", "stop")] // clients throw at words they do not know
    public async Task A_finish_reason_is_always_one_clients_know(string given, string expected)
    {
        ScriptedChatClient client = new() { Script = _ => ScriptedChatClient.Say(new ChatFinishReason(given), new TextContent("x")) };
        await using RunningServer server = await RunningServer.StartAsync(client);
        Reply reply = await server.ChatAsync(new { model = "scripted", messages = Hello });
        Assert.Equal(expected, (string)reply.Json["choices"]![0]!["finish_reason"]!);
    }

    static object Tool(string name) => new { type = "function", function = new { name, parameters = new { type = "object", properties = new { } } } };
}
