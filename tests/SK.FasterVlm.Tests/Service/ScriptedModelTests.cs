using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using SK.FasterVlm.Generation;
using SK.FasterVlm.Pruning;
using TextContent = Microsoft.SemanticKernel.TextContent;

namespace SK.FasterVlm.Tests.Service;

public class ScriptedModelTests
{
    readonly HostedFake _hosted = new();

    Kernel CreateKernel(params string[] answers)
    {
        IKernelBuilder builder = Kernel.CreateBuilder();
        _hosted.AddTo(builder.Services, answers: answers);
        builder.AddFasterVlmChatCompletion();
        return builder.Build();
    }

    static CancellationToken Test => TestContext.Current.CancellationToken;

    static PromptExecutionSettings With(params (string Key, object Value)[] settings) =>
        new() { ExtensionData = settings.ToDictionary(static s => s.Key, static s => s.Value) };

    static ChatHistory History(params KernelContent[] items)
    {
        ChatHistory history = new("Be brief.");
        history.AddUserMessage([.. items]);
        return history;
    }

    [Fact]
    public async Task An_image_without_a_mime_type_is_seen_and_the_metadata_is_complete()
    {
        Kernel kernel = CreateKernel(" A cat.");
        var service = kernel.GetRequiredService<IChatCompletionService>();
        ChatHistory history = History(new TextContent("What is it?"), new ImageContent("A"u8.ToArray(), null));
        FasterVlmPromptExecutionSettings settings = new() { VisualTokens = VisualTokenBudget.Count(3) };
        ChatMessageContent answer = await service.GetChatMessageContentAsync(history, settings, kernel, Test);
        Assert.Equal(("A cat.", AuthorRole.Assistant, "scripted"), (answer.Content, answer.Role, answer.ModelId));
        Assert.Equal("stop", answer.Metadata!["FinishReason"]);
        Assert.False(string.IsNullOrEmpty((string?)answer.Metadata["Id"]));
        Assert.NotNull(answer.Metadata["CreatedAt"]);
        Assert.Equal(3, Assert.IsType<UsageDetails>(answer.Metadata["Usage"]).AdditionalCounts!["visual_tokens_kept"]);
        Assert.IsType<GenerationStatistics>(answer.Metadata["fastervlm"]);
        Assert.Equal("Be brief. USER: \nWhat is it? ASSISTANT:", _hosted.Fake!.LastPrompt);
        Assert.Equal(2, history.Count);
    }

    [Fact]
    public async Task A_prompt_function_can_hold_an_image()
    {
        Kernel kernel = CreateKernel(" Two.");
        FunctionResult result = await kernel.InvokePromptAsync(
            "<message role=\"user\"><text>How many?</text><image>data:image/png;base64,QUJD</image></message>",
            new(new FasterVlmPromptExecutionSettings { VisualTokens = VisualTokenBudget.Keep(0.5) }), cancellationToken: Test);
        Assert.Equal("Two.", result.ToString());
        Assert.EndsWith("USER: \nHow many? ASSISTANT:", _hosted.Fake!.LastPrompt);
        Assert.Equal(8, _hosted.Fake.Language.Prompts[0].Count(static r => r.StartsWith("e65", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Settings_of_any_kind_are_honoured_or_refused()
    {
        Kernel kernel = CreateKernel(" x");
        var service = kernel.GetRequiredService<IChatCompletionService>();
        Task<ChatMessageContent> Ask(PromptExecutionSettings settings) =>
            service.GetChatMessageContentAsync(History(new TextContent("q")), settings, kernel, Test);

        await Ask(With(("temperature", 0.5), ("top_p", 0.9), ("seed", 7), ("stop_sequences", new[] { "x" }), ("min_p", 0.1), ("keep_ratio", 0.1)));
        Assert.Equal(new() { Temperature = 0.5f, TopP = 0.9f, Seed = 7, MinP = 0.1f }, _hosted.Fake!.Language.LastSettings);
        await Ask(new FasterVlmPromptExecutionSettings
        {
            Temperature = 1,
            TopK = 3,
            Seed = 1,
            RepetitionPenalty = 1.5f,
            Selector = "uniform",
            SelectorSeed = 2,
        });
        Assert.Equal(new() { Temperature = 1, TopK = 3, Seed = 1, RepetitionPenalty = 1.5f }, _hosted.Fake.Language.LastSettings);

        var unknown = await Assert.ThrowsAsync<ArgumentException>(() => Ask(With(("temprature", 1))));
        Assert.Contains("temprature", unknown.Message);
        await Ask(With(("response_format", "json_object")));
        Assert.NotNull(_hosted.Fake.Language.LastSettings!.Grammar);
        await Ask(new() { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() }); // a kernel without functions has none to call
        kernel.ImportPluginFromFunctions("P", [KernelFunctionFactory.CreateFromMethod(static () => 1, "f")]);
        Assert.Equal("x", (await Ask(new() { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() })).Content); // text is still an answer
    }

    [Fact]
    public async Task Addresses_are_not_fetched()
    {
        Kernel kernel = CreateKernel(" x");
        var service = kernel.GetRequiredService<IChatCompletionService>();
        Task<ChatMessageContent> Ask(ImageContent image) => service.GetChatMessageContentAsync(History(image), kernel: kernel, cancellationToken: Test);
        await Assert.ThrowsAsync<NotSupportedException>(() => Ask(new ImageContent(new Uri("http://127.0.0.1/a.png"))));
        Assert.Equal("x", (await Ask(new ImageContent("data:image/png;base64,QUJD"))).Content);
    }

    [Fact]
    public void The_model_id_is_known_for_service_selection_before_the_model_is_loaded()
    {
        Kernel kernel = CreateKernel();
        Assert.Equal("scripted", kernel.GetRequiredService<IChatCompletionService>().Attributes["ModelId"]);
        Assert.Equal(0, _hosted.Loads);
    }

    [Fact]
    public async Task Attributes_say_how_the_model_runs_and_of_what_family_it_is_once_it_is_loaded()
    {
        IKernelBuilder builder = Kernel.CreateBuilder();
        _hosted.AddTo(builder.Services, options: new() { ModelId = "scripted", VisualTokens = VisualTokenBudget.Keep(0.1), Selector = "uniform" });
        Kernel kernel = builder.AddFasterVlmChatCompletion().Build();
        var service = kernel.GetRequiredService<IChatCompletionService>();
        Assert.Equal(("Cpu", "uniform, 10%"), (service.Attributes["Backend"], service.Attributes["Pruning"]));
        Assert.DoesNotContain("Family", service.Attributes);
        Assert.Equal(0, _hosted.Loads);
        await service.GetChatMessageContentAsync("q", kernel: kernel, cancellationToken: Test);
        Assert.Equal(_hosted.Fake!.Model.Family, service.Attributes["Family"]);

        using IChatClient direct = _hosted.Fake.Model.CreateChatClient();
        Assert.Equal(["Backend", "Family", "ModelId", "Provider", "Pruning"], new FasterVlmChatCompletionService(direct).Attributes.Keys.Order());
    }

    [Fact]
    public async Task A_consumer_that_stops_early_frees_the_model()
    {
        Kernel kernel = CreateKernel(new string('a', 2000));
        var service = kernel.GetRequiredService<IChatCompletionService>();
        await foreach (StreamingChatMessageContent _ in service.GetStreamingChatMessageContentsAsync(History(new TextContent("q")), null, kernel, Test)) break;
        Assert.Equal(0, _hosted.Fake!.Model.Generator.Scheduler.Pool.BusyCount);
        Assert.Equal(0, _hosted.Fake.Language.SamplersAlive);
    }
}
