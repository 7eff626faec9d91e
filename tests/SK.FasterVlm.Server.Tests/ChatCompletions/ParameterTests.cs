using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.ChatCompletions;

/// <summary>What the parameters of a request become: options of the chat client, and answers.</summary>
public sealed class ParameterTests(EmbeddedServer embedded)
{
    static readonly object[] Hello = [new { role = "user", content = "Hello" }];

    static object Tool(string name) => new { type = "function", function = new { name, parameters = new { type = "object", properties = new { } } } };

    static object Image(int picture, string? detail) => new { type = "image_url", image_url = new { url = Url(picture), detail } };

    static string Url(int picture) => $"data:image/jpeg;base64,{Convert.ToBase64String(EmbeddedServer.Picture(picture))}";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Every_parameter_reaches_the_chat_client(bool stream)
    {
        ScriptedChatClient client = new();
        await using RunningServer server = await RunningServer.StartAsync(client);
        Reply reply = await server.ChatAsync(new
        {
            model = "scripted",
            messages = Hello,
            stream,
            stop = new[] { "END", "\n\n" },
            seed = 42,
            temperature = 0.25,
            top_p = 0.5,
            frequency_penalty = -1.5,
            presence_penalty = 0.75,
            max_completion_tokens = 17,
            logit_bias = new Dictionary<string, double> { ["5"] = -100, ["7"] = 2.5 },
            logprobs = true,
            top_logprobs = 3,
            fastervlm = new { top_k = 9, min_p = 0.125, repetition_penalty = 1.25, keep_ratio = 0.5, selector = "random", selector_seed = 11 },
        });
        Assert.Equal(HttpStatusCode.OK, reply.Status);
        ChatOptions options = client.Last.Options;
        Assert.Equal(["END", "\n\n"], options.StopSequences);
        Assert.Equal((42L, 0.25f, 0.5f, -1.5f, 0.75f, 17, 9),
            (options.Seed, options.Temperature, options.TopP, options.FrequencyPenalty, options.PresencePenalty, options.MaxOutputTokens, options.TopK));
        Chat.FasterVlmRequestOptions own = client.Last.Own;
        Assert.Equal([(5, -100f), (7, 2.5f)], own.LogitBias!.Select(static b => (b.Key, b.Value)).Order());
        Assert.Equal((true, 3, 0.125f, 1.25f, 11), (own.LogProbabilities, own.TopLogProbabilities, own.MinP, own.RepetitionPenalty, own.SelectorSeed));
        Assert.Equal(("random", VisualTokenBudget.Keep(0.5).ToText()), (own.Selector!.Name, own.VisualTokens!.ToText()));
    }

    [Theory]
    [InlineData("auto")]
    [InlineData("required")]
    public async Task Allowed_tools_are_the_only_ones_the_chat_client_gets(string mode)
    {
        ScriptedChatClient client = new();
        await using RunningServer server = await RunningServer.StartAsync(client);
        object choice = new { type = "allowed_tools", allowed_tools = new { mode, tools = new[] { new { type = "function", function = new { name = "second" } } } } };
        Reply reply = await server.ChatAsync(new { model = "scripted", messages = Hello, tools = new[] { Tool("first"), Tool("second") }, tool_choice = choice });
        Assert.Equal(HttpStatusCode.OK, reply.Status);
        Assert.Equal(["second"], client.Last.Options.Tools!.Select(static t => t.Name));
        Assert.Equal(mode == "auto" ? ChatToolMode.Auto : ChatToolMode.RequireAny, client.Last.Options.ToolMode);
    }

    [Fact]
    public async Task Several_choices_come_whole_and_in_pieces_each_under_its_number()
    {
        ScriptedChatClient client = new() { Script = static r => ScriptedChatClient.Say("seed ", $"{r.Options.Seed}") };
        await using RunningServer server = await RunningServer.StartAsync(client);
        Reply whole = await server.ChatAsync(new { model = "scripted", messages = Hello, n = 3, seed = 5 });
        Assert.Equal(
            [(0, "seed 5", "stop"), (1, "seed 6", "stop"), (2, "seed 7", "stop")],
            whole.Json["choices"]!.AsArray().Select(static c => ((int)c!["index"]!, (string)c["message"]!["content"]!, (string)c["finish_reason"]!)));
        Assert.Equal((11, 6), ((int)whole.Json["usage"]!["prompt_tokens"]!, (int)whole.Json["usage"]!["completion_tokens"]!)); // one prompt, three answers

        Reply stream = await server.ChatAsync(new { model = "scripted", messages = Hello, n = 3, seed = 5, stream = true, stream_options = new { include_usage = true } });
        JsonNode[] chunks = [.. stream.Events[..^1].Select(static e => JsonNode.Parse(e)!)];
        Assert.Equal("[DONE]", stream.Events[^1]);
        JsonNode[] choices = [.. chunks.Where(static c => c["choices"]!.AsArray().Count > 0).Select(static c => Assert.Single(c["choices"]!.AsArray())!)];
        for (int i = 0; i < 3; i++)
        {
            JsonNode[] own = [.. choices.Where(c => (int)c["index"]! == i)];
            Assert.Equal("assistant", (string)own[0]["delta"]!["role"]!);
            Assert.Equal($"seed {5 + i}", string.Concat(own.Select(static c => (string?)c["delta"]!["content"])));
            Assert.Equal("stop", (string)Assert.Single(own, static c => c["finish_reason"] is not null)["finish_reason"]!);
        }
        Assert.Equal(choices.Length, choices.Count(static c => (int)c["index"]! is >= 0 and < 3));
        Assert.Equal(6, (int)chunks[^1]["usage"]!["completion_tokens"]!);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task When_one_choice_fails_its_error_is_the_answer_and_the_others_end(bool stream)
    {
        ScriptedChatClient client = new()
        {
            Script = static r => r.Options.Seed == 6
                ? ScriptedChatClient.Fail(new ServerBusyException(64, TimeSpan.FromSeconds(3)))
                : Never(r),
        };
        await using RunningServer server = await RunningServer.StartAsync(client);
        (await server.ChatAsync(new { model = "scripted", messages = Hello, n = 3, seed = 5, stream })).AssertError(429, null, "rate_limit_exceeded");
    }

    [Fact]
    public async Task More_choices_than_the_model_can_ever_hold_are_refused_for_good()
    {
        await using FasterVlmModel model = await FasterVlmModel.LoadAsync(
            new FasterVlmOptions { Threads = 1, MaxSequences = 2, MaxQueuedRequests = 1 }, cancellationToken: RunningServer.Test);
        await using RunningServer server = await RunningServer.StartAsync(model.CreateChatClient());
        (await server.ChatAsync(new { model = "tiny-llava", messages = Hello, max_tokens = 2, n = 4 })).AssertError(400, "n", "integer_above_max_value");
        Assert.Equal(3, (await server.ChatAsync(new { model = "tiny-llava", messages = Hello, max_tokens = 2, n = 3 })).Json["choices"]!.AsArray().Count);
    }

    [Fact]
    public async Task Log_probabilities_arrive_whole_in_pieces_and_in_responses()
    {
        RunningServer server = embedded.Server;
        JsonNode choice = (await server.ChatAsync(new { model = "tiny-llava", messages = Hello, max_tokens = 6, logprobs = true, top_logprobs = 2 })).Json["choices"]![0]!;
        JsonNode[] whole = [.. choice["logprobs"]!["content"]!.AsArray()!];
        AssertTokens(whole, (string)choice["message"]!["content"]!);

        Reply stream = await server.ChatAsync(new { model = "tiny-llava", messages = Hello, max_tokens = 6, logprobs = true, top_logprobs = 2, stream = true });
        JsonNode[] chunks = [.. stream.Events[..^1].Select(static e => JsonNode.Parse(e)!["choices"]![0]!)];
        AssertTokens(
            [.. chunks.SelectMany(static c => c["logprobs"]?["content"]!.AsArray() ?? [])!], string.Concat(chunks.Select(static c => (string?)c["delta"]!["content"])));

        JsonNode part = (await server.PostAsync("/v1/responses", new
        {
            model = "tiny-llava",
            input = "Hello",
            max_output_tokens = 6,
            top_logprobs = 2,
            include = new[] { "message.output_text.logprobs" },
        })).Json["output"]![0]!["content"]![0]!;
        AssertTokens([.. part["logprobs"]!.AsArray()!], (string)part["text"]!);
        Assert.Null((await server.ChatAsync(new { model = "tiny-llava", messages = Hello, max_tokens = 2 })).Json["choices"]![0]!["logprobs"]);

        static void AssertTokens(JsonNode[] tokens, string text)
        {
            Assert.NotEmpty(tokens);
            // The space before the first word is a token's, not the answer's.
            Assert.Equal(text.Trim(), string.Concat(tokens.Select(static t => (string)t["token"]!)).Trim());
            Assert.All(tokens, static t =>
            {
                Assert.InRange((double)t["logprob"]!, -9999, 0);
                Assert.Equal(2, t["top_logprobs"]!.AsArray().Count);
                Assert.Equal((double)t["logprob"]!, (double)t["top_logprobs"]![0]!["logprob"]!, 1e-6); // greedy: the likeliest
            });
        }
    }

    [Fact]
    public async Task A_json_object_is_one()
    {
        Reply reply = await embedded.Server.ChatAsync(new
        {
            model = "tiny-llava",
            messages = new[] { new { role = "user", content = new[] { Image(2, null), new { type = "text", text = "What is in the picture?" } } } },
            max_tokens = 300,
            response_format = new { type = "json_object" },
        });
        Assert.Equal(HttpStatusCode.OK, reply.Status);
        string finish = (string)reply.Json["choices"]![0]!["finish_reason"]!;
        Assert.StartsWith("{", reply.Content);
        // A model that was never taught JSON may go on for ever within it.
        if (finish == "stop") Assert.NotNull(JsonNode.Parse(reply.Content)!.AsObject());
        else Assert.Equal("length", finish);
    }

    [Theory]
    [InlineData("low", null, "10%")]
    [InlineData("high", null, "all")]
    [InlineData("auto", null, null)]
    [InlineData(null, null, null)]
    [InlineData("low", "high", "all")]
    [InlineData("high", "low", "all")]
    [InlineData("low", "auto", null)] // the model keeps all
    public async Task The_detail_of_images_becomes_a_budget(string? first, string? second, string? budget)
    {
        ScriptedChatClient client = new();
        await using RunningServer server = await RunningServer.StartAsync(client);
        object[] content = second is null ? [Image(1, first)] : [Image(1, first), Image(2, second)];
        Assert.Equal(HttpStatusCode.OK, (await server.ChatAsync(new { model = "scripted", messages = new[] { new { role = "user", content } } })).Status);
        Assert.Equal(budget is null ? null : VisualTokenBudget.Parse(budget), client.Last.Own.VisualTokens);
    }

    [Theory]
    [InlineData("low", "auto")]
    [InlineData("auto", "low")]
    public async Task Where_auto_keeps_less_than_low_the_image_that_wants_most_is_the_low_one(string first, string second)
    {
        ScriptedChatClient client = new();
        await using RunningServer server = await RunningServer.StartAsync(client, static o => o.AutoDetail = VisualTokenBudget.Keep(0.05));
        object[] content = [Image(1, first), Image(2, second)];
        Assert.Equal(HttpStatusCode.OK, (await server.ChatAsync(new { model = "scripted", messages = new[] { new { role = "user", content } } })).Status);
        Assert.Equal(VisualTokenBudget.Keep(0.10), client.Last.Own.VisualTokens);
    }

    [Fact]
    public async Task An_image_of_the_assistant_is_part_of_the_conversation()
    {
        object[] messages =
        [
            new { role = "user", content = "Show me something." },
            new { role = "assistant", content = new[] { new { type = "text", text = "Here." }, Image(2, null) } },
            new { role = "user", content = "What is in the picture?" },
        ];
        Reply reply = await embedded.Server.ChatAsync(new { model = "tiny-llava", messages, max_tokens = 4 });
        Assert.Equal(HttpStatusCode.OK, reply.Status);
        Assert.True((int)reply.Json["fastervlm"]!["visual_tokens"]!["total"]! > 0);
    }

    [Fact]
    public async Task What_asks_for_nothing_is_taken_and_what_asks_for_something_is_not()
    {
        RunningServer server = embedded.Server;
        Assert.Equal(HttpStatusCode.OK, (await server.ChatAsync(new { model = "tiny-llava", messages = Hello, max_tokens = 1, metadata = new { }, functions = Array.Empty<object>() })).Status);
        (await server.ChatAsync(new { model = "tiny-llava", messages = Hello, metadata = new { a = "b" } })).AssertError(400, "metadata", "unsupported_parameter");
        (await server.ChatAsync(new { model = "tiny-llava", messages = Hello, functions = new[] { new { name = "f" } } })).AssertError(400, "functions", "unsupported_parameter");
        (await server.ChatAsync(new { model = "tiny-llava", messages = Hello, functions = new { } })).AssertError(400, "functions", "unsupported_parameter");
    }

    [Fact]
    public async Task A_grammar_the_model_cannot_spell_is_the_clients_mistake()
    {
        ScriptedChatClient client = new() { Script = static _ => ScriptedChatClient.Fail(new GrammarException("no token continues")) };
        await using RunningServer server = await RunningServer.StartAsync(client);
        (await server.ChatAsync(new { model = "scripted", messages = Hello, response_format = new { type = "json_object" } }))
            .AssertError(400, "response_format", "invalid_json_schema");
        (await server.ChatAsync(new { model = "scripted", messages = Hello, tools = new[] { Tool("f") } })).AssertError(400, "tools", "invalid_json_schema");
    }

    static async IAsyncEnumerable<ChatResponseUpdate> Never(ScriptedRequest request)
    {
        await Task.Delay(Timeout.Infinite, request.Cancellation);
        yield break;
    }
}
