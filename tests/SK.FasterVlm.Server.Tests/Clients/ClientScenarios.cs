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
        Assert.Equal((400, "context_length_exceeded"), (error.Status, error.Code));
    }

    [Fact]
    public async Task A_file_that_is_no_image_is_400()
    {
        SdkException error = await Assert.ThrowsAsync<SdkException>(() => AskAsync(new SdkQuestion(Question) { Images = ["not a picture"u8.ToArray()] }));
        Assert.Equal((400, "invalid_image"), (error.Status, error.Code));
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
        while (admission.Requests > 0) await Task.Delay(5, Test);
    }

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

    protected static JsonObject Schema(string json) => JsonNode.Parse(json)!.AsObject();
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
