using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using SK.FasterVlm.Server.Requests;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Clients;

/// <summary>What every client must be able to do with the server, unchanged. Answers are compared with the model's own.</summary>
public abstract class ClientScenarios(EmbeddedServer embedded)
{
    const string Question = "What is in the picture?";

    protected EmbeddedServer Embedded => embedded;

    /// <summary>What the API calls its conversation, longest answer and schema of the answer.</summary>
    protected virtual (string Conversation, string MaxTokens, string Schema) Names => ("messages", "max_completion_tokens", "response_format.json_schema.schema");

    protected abstract ISdkClient Connect(Uri server, string key = "unused");

    static CancellationToken Test => TestContext.Current.CancellationToken;

    Task<SdkAnswer> AskAsync(SdkQuestion question) => Connect(embedded.Address).AskAsync(question, Test);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task Text_alone(bool stream) => SameAsync("Hello, who are you?", stream);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task One_image(bool stream) => SameAsync(Question, stream, EmbeddedServer.Picture(2));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task Three_images(bool stream) =>
        SameAsync("What is in the pictures?", stream, EmbeddedServer.Picture(1), EmbeddedServer.Picture(3), EmbeddedServer.Picture(5));

    [Fact]
    public async Task An_answer_that_is_cut_off_says_so()
    {
        SdkAnswer answer = await AskAsync(new SdkQuestion(Question) { Images = [EmbeddedServer.Picture(1)], MaxTokens = 2 });
        Assert.Equal(("length", 2L), (answer.Finish, answer.OutputTokens));
    }

    [Fact]
    public async Task An_unknown_model_is_404()
    {
        SdkException error = await Assert.ThrowsAsync<SdkException>(() => AskAsync(new SdkQuestion("Hi") { Model = "gpt-none" }));
        Assert.Equal((404, "model_not_found"), (error.Status, error.Code));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_prompt_that_does_not_fit_is_400(bool stream)
    {
        SdkQuestion question = new(string.Concat(Enumerable.Repeat("many words ", 4000))) { Stream = stream };
        SdkException error = await Assert.ThrowsAsync<SdkException>(() => AskAsync(question));
        Assert.Equal((400, "context_length_exceeded", Names.Conversation), (error.Status, error.Code, error.Parameter));
    }

    [Fact]
    public async Task A_file_that_is_no_image_is_400()
    {
        SdkException error = await Assert.ThrowsAsync<SdkException>(() => AskAsync(new SdkQuestion(Question) { Images = ["not a picture"u8.ToArray()] }));
        Assert.Equal((400, "invalid_image"), (error.Status, error.Code));
        Assert.StartsWith($"{Names.Conversation}[0].content[0]", error.Parameter);
    }

    [Fact]
    public async Task A_value_out_of_range_is_400_in_the_words_of_the_api()
    {
        SdkException error = await Assert.ThrowsAsync<SdkException>(() => AskAsync(new SdkQuestion("Hi") { MaxTokens = 2_000_000 }));
        // Semantic Kernel's connector still sends the old name.
        Assert.Equal(400, error.Status);
        Assert.Contains(error.Parameter, new[] { Names.MaxTokens, Names.MaxTokens.Replace("completion_", "", StringComparison.Ordinal) });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_schema_that_no_grammar_can_keep_is_400_and_named(bool stream)
    {
        SdkQuestion question = new("Hi") { Stream = stream, Schema = Schema("""{"type":"object","if":{"required":["a"]},"then":{"required":["b"]}}""") };
        SdkException error = await Assert.ThrowsAsync<SdkException>(() => AskAsync(question));
        Assert.Equal((400, "invalid_json_schema", Names.Schema), (error.Status, error.Code, error.Parameter));
    }

    [Fact]
    public async Task A_wrong_key_is_401_and_the_right_one_works()
    {
        await using RunningServer locked = await RunningServer.StartAsync(options: static o => o.ApiKeys.Add("sk-the-right-key"));
        SdkQuestion question = new("Hi") { Model = ScriptedChatClient.ModelId };
        SdkException error = await Assert.ThrowsAsync<SdkException>(() => Connect(locked.Address, "sk-a-wrong-key").AskAsync(question, Test));
        Assert.Equal((401, "invalid_api_key"), (error.Status, error.Code));
        Assert.Equal("An answer.", (await Connect(locked.Address, "sk-the-right-key").AskAsync(question, Test)).Text);
    }

    [Fact]
    public async Task Walking_away_from_a_stream_ends_the_request()
    {
        TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        ScriptedChatClient endless = new() { Script = request => Endless(request, ended) };
        await using RunningServer server = await RunningServer.StartAsync(endless);
        SdkAnswer answer = await Connect(server.Address).AskAsync(
            new SdkQuestion("Hi") { Model = ScriptedChatClient.ModelId, Stream = true, CancelAfter = 2 }, Test);
        Assert.StartsWith("word", answer.Text);
        await ended.Task.WaitAsync(TimeSpan.FromMinutes(2), Test);
        Admission admission = server.Services.GetRequiredService<Admission>();
        await Waiting.UntilAsync(() => admission.Requests == 0);
    }

    [Fact]
    public async Task A_stream_that_is_kept_alive_reads_like_any_other()
    {
        SilenceClock clock = new();
        TaskCompletionSource release = new(TaskCreationOptions.RunContinuationsAsynchronously);
        ScriptedChatClient slow = new() { Script = request => After(release.Task.WaitAsync(request.Cancellation)) };
        await using RunningServer server = await RunningServer.StartAsync(
            slow, static o => o.StreamKeepAlive = SilenceClock.Silence, services => services.AddSingleton<TimeProvider>(clock));
        Task<SdkAnswer> asked = Connect(server.Address).AskAsync(new SdkQuestion("Hi") { Model = ScriptedChatClient.ModelId, Stream = true }, Test);
        await clock.PassAsync(2);
        release.SetResult();
        SdkAnswer answer = await asked;
        Assert.Equal(("An answer.", "stop", 2L), (answer.Text, answer.Finish, answer.OutputTokens));
    }

    [Theory]
    [InlineData("required", false)]
    [InlineData("required", true)]
    [InlineData("=take_note", false)]
    [InlineData("=take_note", true)]
    public async Task A_call_that_is_required_comes_with_arguments_of_its_schema(string choice, bool stream)
    {
        SdkAnswer answer = await AskAsync(WithTools(choice, stream));
        Assert.Equal("tool_calls", answer.Finish);
        Assert.NotEmpty(answer.Calls);
        foreach (SdkCall call in answer.Calls)
        {
            Assert.NotEmpty(call.Id);
            JsonObject arguments = JsonNode.Parse(call.Arguments)!.AsObject();
            if (choice[0] == '=') Assert.Equal("take_note", call.Name);
            if (call.Name == "take_note") Assert.True(arguments["urgent"]!.GetValueKind() is System.Text.Json.JsonValueKind.True or System.Text.Json.JsonValueKind.False);
            else Assert.Contains((string)arguments["side"]!, new[] { "left", "right" });
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_conversation_goes_on_after_a_call_and_its_result(bool stream)
    {
        SdkQuestion first = WithTools("required", stream);
        SdkCall call = (await AskAsync(first)).Calls[0];
        SdkAnswer without = await AskAsync(WithTools("none", stream));
        SdkAnswer with = await AskAsync(WithTools("none", stream) with { Called = (call, "It is done; the note says: two red circles.") });
        Assert.Empty(with.Calls);
        Assert.NotEmpty(with.Text);
        Assert.True(with.InputTokens > without.InputTokens + 10, $"{with.InputTokens} tokens with call and result, {without.InputTokens} without");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Tools_that_may_not_be_called_are_not(bool stream)
    {
        SdkAnswer answer = await AskAsync(WithTools("none", stream));
        Assert.Empty(answer.Calls);
        Assert.NotEmpty(answer.Text);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Tools_that_may_be_called_give_words_or_whole_calls(bool stream)
    {
        SdkAnswer answer = await AskAsync(WithTools("auto", stream));
        Assert.True(answer.Calls.Count > 0 ? answer.Finish == "tool_calls" : answer.Text.Length > 0, answer.ToString());
        Assert.All(answer.Calls, static c => Assert.Contains(c.Name, new[] { "take_note", "turn" }));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Parallel_calls_have_ids_of_their_own_and_none_come_when_they_are_off(bool parallel)
    {
        SdkAnswer answer = await AskAsync(WithTools("required", stream: true) with { Parallel = parallel });
        Assert.Equal(answer.Calls.Count, answer.Calls.Select(static c => c.Id).Distinct().Count());
        if (!parallel) Assert.Single(answer.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_answer_follows_the_schema_it_was_given(bool stream)
    {
        SdkAnswer answer = await AskAsync(new SdkQuestion("What is in the picture?")
        {
            Images = [EmbeddedServer.Picture(1)],
            MaxTokens = 200,
            Stream = stream,
            Schema = Schema("""
                {"type":"object","properties":{"animal":{"type":"boolean"},"color":{"enum":["red","blue","none"]}},
                 "required":["animal","color"],"additionalProperties":false}
                """),
        });
        Assert.Equal("stop", answer.Finish);
        JsonObject json = JsonNode.Parse(answer.Text)!.AsObject();
        Assert.Equal(["animal", "color"], json.Select(static p => p.Key));
        Assert.Contains((string)json["color"]!, new[] { "red", "blue", "none" });
    }

    static SdkQuestion WithTools(string choice, bool stream) => new("What is in the picture?")
    {
        Images = [EmbeddedServer.Picture(1)],
        MaxTokens = 200,
        Stream = stream,
        ToolChoice = choice,
        Tools =
        [
            new SdkTool("take_note", "Takes a note.", Schema(
                """{"type":"object","properties":{"urgent":{"type":"boolean"}},"required":["urgent"],"additionalProperties":false}""")),
            new SdkTool("turn", "Turns the picture.", Schema(
                """{"type":"object","properties":{"side":{"type":"string","enum":["left","right"]}},"required":["side"],"additionalProperties":false}""")),
        ],
    };

    async Task SameAsync(string text, bool stream, params byte[][] images)
    {
        const int MaxTokens = 16;
        ChatResponse expected = await embedded.AskDirectlyAsync(text, MaxTokens, images);
        SdkAnswer answer = await AskAsync(new SdkQuestion(text) { Images = images, Stream = stream, MaxTokens = MaxTokens });
        Assert.NotEmpty(answer.Text);
        Assert.Equal((expected.Text, expected.FinishReason!.Value.Value, expected.Usage!.OutputTokenCount), (answer.Text, answer.Finish, answer.OutputTokens));
        Assert.Equal(expected.Usage.InputTokenCount, answer.InputTokens);
        Assert.Empty(answer.Calls);
    }

    static async IAsyncEnumerable<ChatResponseUpdate> After(Task release)
    {
        await release;
        await foreach (ChatResponseUpdate update in ScriptedChatClient.Say("An ", "answer.")) yield return update;
    }

    static async IAsyncEnumerable<ChatResponseUpdate> Endless(ScriptedRequest request, TaskCompletionSource ended)
    {
        try
        {
            while (true)
            {
                yield return new ChatResponseUpdate(ChatRole.Assistant, "word ");
                await Task.Delay(1, request.Cancellation);
            }
        }
        finally
        {
            ended.TrySetResult();
        }
    }

    static JsonObject Schema(string json) => JsonNode.Parse(json)!.AsObject();
}

public sealed class OpenAINetScenarios(EmbeddedServer embedded) : ClientScenarios(embedded)
{
    protected override ISdkClient Connect(Uri server, string key) => new OpenAINetClient(server, key);
}

public sealed class SemanticKernelScenarios(EmbeddedServer embedded) : ClientScenarios(embedded)
{
    protected override ISdkClient Connect(Uri server, string key) => new SemanticKernelClient(server, key);
}

public sealed class NodeScenarios(EmbeddedServer embedded) : ClientScenarios(embedded)
{
    protected override ISdkClient Connect(Uri server, string key) => new NodeClient(server, key);
}

/// <summary>The same over <c>/v1/responses</c>, of which Semantic Kernel's OpenAI connector has no stable client.</summary>
public abstract class ResponsesScenarios(EmbeddedServer embedded) : ClientScenarios(embedded)
{
    protected override (string Conversation, string MaxTokens, string Schema) Names => ("input", "max_output_tokens", "text.format.schema");
}

public sealed class OpenAINetResponsesScenarios(EmbeddedServer embedded) : ResponsesScenarios(embedded)
{
    protected override ISdkClient Connect(Uri server, string key) => new OpenAINetResponsesClient(server, key);
}

public sealed class NodeResponsesScenarios(EmbeddedServer embedded) : ResponsesScenarios(embedded)
{
    protected override ISdkClient Connect(Uri server, string key) => new NodeClient(server, key, "responses");
}
