using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using SK.FasterVlm.Core.Tests.EndToEnd;
using SK.FasterVlm.Pruning;
using FunctionResultContent = Microsoft.SemanticKernel.FunctionResultContent;
using TextContent = Microsoft.SemanticKernel.TextContent;

namespace SK.FasterVlm.Tests.Service;

/// <summary>What goes to the chat client and what comes back: everything the stock adapter loses.</summary>
public class AnswerTests
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    static ChatHistory History(params KernelContent[] items)
    {
        ChatHistory history = [];
        history.AddUserMessage([.. items]);
        return history;
    }

    static async Task<ChatMessage> Sent(params KernelContent[] items)
    {
        using ScriptedChatClient client = new(ScriptedChatClient.Text("x"));
        await new FasterVlmChatCompletionService(client).GetChatMessageContentAsync(History(items), cancellationToken: Test);
        return client.Requests[0].Messages[0];
    }

    [Fact]
    public async Task Metadata_is_complete_whether_streaming_or_not()
    {
        using ScriptedChatClient client = new([.. ScriptedChatClient.Text("A "), .. ScriptedChatClient.Text("cat.")]);
        client.FinishReason = ChatFinishReason.Length;
        var service = new FasterVlmChatCompletionService(client);
        ChatMessageContent answer = await service.GetChatMessageContentAsync(History(new TextContent("q")), cancellationToken: Test);
        Assert.Equal(("A cat.", "scripted-model", AuthorRole.Assistant), (string.Concat(answer.Items), answer.ModelId, answer.Role));
        Assert.Equal("A cat.", answer.Content); // the first text alone, which is therefore all of it
        Check(answer.Metadata!, "id-1");
        Assert.IsType<ChatResponse>(answer.InnerContent);

        List<StreamingChatMessageContent> pieces = [];
        await foreach (StreamingChatMessageContent piece in service.GetStreamingChatMessageContentsAsync(History(new TextContent("q")), cancellationToken: Test)) pieces.Add(piece);
        Assert.Equal("A cat.", string.Concat(pieces.Select(static p => p.Content)));
        Assert.Equal([AuthorRole.Assistant, null, null], pieces.Select(static p => p.Role));
        Assert.All(pieces, static p => Assert.Equal("id-2", p.Metadata!["CompletionId"]));
        Check(pieces[^1].Metadata!, "id-2");
        Assert.IsType<ChatResponseUpdate>(pieces[0].InnerContent);

        static void Check(IReadOnlyDictionary<string, object?> metadata, string id)
        {
            Assert.Equal((id, DateTimeOffset.UnixEpoch, "length"), (metadata["Id"], metadata["CreatedAt"], metadata["FinishReason"]));
            Assert.Equal(12, Assert.IsType<UsageDetails>(metadata["Usage"]).TotalTokenCount);
            Assert.Equal("here", metadata["ContentTokenLogProbabilities"]);
        }
    }

    [Fact]
    public async Task Images_go_over_as_they_are()
    {
        byte[] picture = TinyPair.Picture();
        ChatMessage sent = await Sent(
            new TextContent("q"), new ImageContent(picture, null), new ImageContent("?"u8.ToArray(), null), new ImageContent(picture, "image/x-own"),
            new ImageContent("data:image/gif;base64,QUJD"), new ImageContent(new Uri("https://example.com/a.png")));
        Assert.Equal("q", sent.Text);
        DataContent[] data = [.. sent.Contents.OfType<DataContent>()];
        Assert.Equal(["image/png", "application/octet-stream", "image/x-own", "image/gif"], data.Select(static d => d.MediaType));
        Assert.True(System.Runtime.InteropServices.MemoryMarshal.TryGetArray(data[0].Data, out ArraySegment<byte> bytes));
        Assert.Same(picture, bytes.Array); // not copied
        Assert.Equal("image/*", sent.Contents.OfType<UriContent>().Single().MediaType);
        await Assert.ThrowsAsync<ArgumentException>(() => Sent(new ImageContent()));
    }

    [Theory]
    [InlineData("low", null, null, "10%")]
    [InlineData("HIGH", null, null, "100%")]
    [InlineData("auto", null, "low", null)]
    [InlineData(null, null, "low", "10%")]
    [InlineData(null, null, null, null)]
    [InlineData("low", "high", null, "100%")] // one budget for a request: that of the image that wants most
    [InlineData("low", "none", null, null)]
    [InlineData("low", "none", "low", "10%")]
    public async Task Detail_of_images_decides_the_budget(string? first, string? second, string? setting, string? budget)
    {
        using ScriptedChatClient client = new(ScriptedChatClient.Text("x"));
        List<KernelContent> images = [Image(first)];
        if (second is not null) images.Add(Image(second == "none" ? null : second));
        await new FasterVlmChatCompletionService(client).GetChatMessageContentAsync(
            History([.. images]), new FasterVlmPromptExecutionSettings { ImageDetail = setting }, cancellationToken: Test);
        Assert.Equal(budget, client.Requests[0].Options!.AdditionalProperties?.GetValueOrDefault("visual_tokens"));
        if (first is not null)
            Assert.Equal(first.ToLowerInvariant(), client.Requests[0].Messages[0].Contents[0].AdditionalProperties!["detail"]);

        static ImageContent Image(string? detail) =>
            new("A"u8.ToArray(), null) { Metadata = detail is null ? null : new Dictionary<string, object?> { ["ChatImageDetailLevel"] = detail } };
    }

    [Fact]
    public async Task A_budget_goes_before_detail_and_a_wrong_word_is_an_error()
    {
        using ScriptedChatClient client = new(ScriptedChatClient.Text("x"));
        var service = new FasterVlmChatCompletionService(client);
        ImageContent Image(string detail) => new("A"u8.ToArray(), null) { Metadata = new Dictionary<string, object?> { ["detail"] = detail } };
        await service.GetChatMessageContentAsync(History(Image("low")), new FasterVlmPromptExecutionSettings { VisualTokens = VisualTokenBudget.Count(7) }, cancellationToken: Test);
        Assert.Equal("7", client.Requests[0].Options!.AdditionalProperties!["visual_tokens"]);
        Assert.Contains("ultra", (await Assert.ThrowsAsync<ArgumentException>(
            () => service.GetChatMessageContentAsync(History(Image("ultra")), cancellationToken: Test))).Message);
    }

    [Fact]
    public async Task Several_answers_are_drawn_with_seeds_of_their_own()
    {
        using ScriptedChatClient client = new(ScriptedChatClient.Text("one"), ScriptedChatClient.Text("two"), ScriptedChatClient.Text("three"));
        var service = new FasterVlmChatCompletionService(client);
        ChatHistory history = History(new TextContent("q"));
        IReadOnlyList<ChatMessageContent> answers =
            await service.GetChatMessageContentsAsync(history, new FasterVlmPromptExecutionSettings { Choices = 3, Seed = 5 }, cancellationToken: Test);
        Assert.Equal(["one", "two", "three"], answers.Select(static a => a.Content));
        Assert.Equal([5L, 6, 7], client.Requests.Select(static r => r.Options!.Seed!.Value));
        Assert.Equal(["id-1", "id-2", "id-3"], answers.Select(static a => a.Metadata!["Id"]));

        client.Requests.Clear();
        Dictionary<int, string> streamed = [];
        await foreach (StreamingChatMessageContent piece in service.GetStreamingChatMessageContentsAsync(
            history, new FasterVlmPromptExecutionSettings { Choices = 2 }, cancellationToken: Test))
            streamed[piece.ChoiceIndex] = streamed.GetValueOrDefault(piece.ChoiceIndex) + piece.Content;
        Assert.Equal(["one", "two"], streamed.Values);
        Assert.Single(history);

        Kernel kernel = new();
        kernel.ImportPluginFromFunctions("P", [KernelFunctionFactory.CreateFromMethod(static () => 1, "f")]);
        await Assert.ThrowsAsync<ArgumentException>(() => service.GetChatMessageContentsAsync(
            history, new FasterVlmPromptExecutionSettings { Choices = 2, FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() }, kernel, Test));
    }

    [Fact]
    public async Task Pictures_in_the_results_of_functions_stay_among_their_texts()
    {
        ChatHistory history = History(new TextContent("q"));
        history.Add(new ChatMessageContent(AuthorRole.Tool,
        [
            new FunctionResultContent("Snap", "Cam", "1", new KernelContent[] { new TextContent("here:"), new ImageContent("A"u8.ToArray(), "image/png") }),
        ]));
        using ScriptedChatClient client = new(ScriptedChatClient.Text("x"));
        await new FasterVlmChatCompletionService(client).GetChatMessageContentAsync(history, new FasterVlmPromptExecutionSettings { ImageDetail = "high" }, cancellationToken: Test);
        var result = Assert.IsType<Microsoft.Extensions.AI.FunctionResultContent>(client.Requests[0].Messages[1].Contents.Single());
        AIContent[] contents = Assert.IsType<AIContent[]>(result.Result);
        Assert.Equal("here:", Assert.IsType<Microsoft.Extensions.AI.TextContent>(contents[0]).Text);
        Assert.Equal("image/png", Assert.IsType<DataContent>(contents[1]).MediaType);
        Assert.Equal("100%", client.Requests[0].Options!.AdditionalProperties!["visual_tokens"]);
    }

    [Fact]
    public async Task A_consumer_that_stops_ends_the_stream_of_the_client()
    {
        using ScriptedChatClient client = new([.. ScriptedChatClient.Text("A "), .. ScriptedChatClient.Text("cat.")]);
        await foreach (StreamingChatMessageContent _ in new FasterVlmChatCompletionService(client)
            .GetStreamingChatMessageContentsAsync(History(new TextContent("q")), cancellationToken: Test)) break;
        Assert.Equal(0, client.StreamsAlive);
        Assert.Single(client.Requests);
    }

    [Fact]
    public void Attributes_say_which_model_of_whom()
    {
        using ScriptedChatClient client = new();
        FasterVlmChatCompletionService service = new(client);
        Assert.Equal(("scripted-model", "scripted"), (service.Attributes["ModelId"], service.Attributes["Provider"]));
        Assert.Equal(2, service.Attributes.Count); // what is not known is left out
    }

    [Fact]
    public async Task Contents_without_a_counterpart_are_refused_by_name()
    {
#pragma warning disable SKEXP0110 // experimental kinds, which may come along in a history
        Assert.Contains("FileReferenceContent", (await Assert.ThrowsAsync<NotSupportedException>(() => Sent(new TextContent("q"), new FileReferenceContent("file-1")))).Message);
        Assert.Contains("AudioContent", (await Assert.ThrowsAsync<NotSupportedException>(() => Sent(new AudioContent()))).Message); // neither bytes nor an address
        Assert.Equal("audio/wav", Assert.IsType<DataContent>((await Sent(new AudioContent("A"u8.ToArray(), "audio/wav"))).Contents.Single()).MediaType); // the client's to take or refuse
        Assert.Equal("hm", Assert.IsType<TextReasoningContent>((await Sent(new ReasoningContent("hm"))).Contents.Single()).Text);
#pragma warning restore SKEXP0110
    }

    [Fact]
    public async Task The_system_prompt_of_the_settings_stands_in_for_one_in_the_conversation()
    {
        using ScriptedChatClient client = new(ScriptedChatClient.Text("x"));
        var service = new FasterVlmChatCompletionService(client);
        FasterVlmPromptExecutionSettings settings = new() { ChatSystemPrompt = "Be brief." };
        await service.GetChatMessageContentAsync(History(new TextContent("q")), settings, cancellationToken: Test);
        ChatHistory own = new("Be kind.");
        own.AddUserMessage("q");
        await service.GetChatMessageContentAsync(own, settings, cancellationToken: Test);
        Assert.Equal(["Be brief.", null], client.Requests.Select(static r => r.Options!.Instructions));
    }
}
