using System.Text.Json;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Core.Tests.Fakes;
using SK.FasterVlm.Generation;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Core.Tests.Chat;

public class ChatClientTests
{
    static readonly ChatMessage s_question = new(ChatRole.User, [new DataContent("A"u8.ToArray(), "image/png"), new TextContent("q")]);

    static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_response_carries_everything_there_is_to_know()
    {
        await using FakeModel fake = new();
        using FasterVlmChatClient client = fake.Model.CreateChatClient();
        ChatResponse response = await client.GetResponseAsync(s_question, new() { AdditionalProperties = new() { ["visual_tokens"] = 3 } }, Test);
        Assert.Equal("An answer.", response.Text);
        Assert.Equal((ChatFinishReason.Stop, "scripted"), (response.FinishReason!.Value, response.ModelId));
        Assert.False(string.IsNullOrEmpty(response.ResponseId) || response.CreatedAt is null || response.Messages[0].MessageId is null);
        UsageDetails usage = response.Usage!;
        Assert.Equal(usage.TotalTokenCount, usage.InputTokenCount + usage.OutputTokenCount);
        Assert.Equal((11, 3, 16), (usage.OutputTokenCount, usage.AdditionalCounts!["visual_tokens_kept"], usage.AdditionalCounts["visual_tokens_total"]));
        Assert.IsType<GenerationStatistics>(response.AdditionalProperties![FasterVlmChatClient.StatisticsKey]);
    }

    [Fact]
    public async Task Streaming_gives_the_same_as_a_response()
    {
        await using FakeModel fake = new();
        using FasterVlmChatClient client = fake.Model.CreateChatClient();
        List<ChatResponseUpdate> updates = [];
        await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync([s_question], new() { MaxOutputTokens = 4 }, Test)) updates.Add(update);
        Assert.All(updates, u => Assert.Equal((ChatRole.Assistant, updates[0].ResponseId, updates[0].MessageId, "scripted"), (u.Role!.Value, u.ResponseId, u.MessageId, u.ModelId)));
        Assert.All(updates.SkipLast(1), static u => Assert.Null(u.FinishReason));
        Assert.Equal(ChatFinishReason.Length, updates[^1].FinishReason);
        ChatResponse response = updates.ToChatResponse();
        Assert.Equal(("An", 4), (response.Text.TrimEnd(), response.Usage!.OutputTokenCount));
        Assert.IsType<GenerationStatistics>(updates[^1].AdditionalProperties![FasterVlmChatClient.StatisticsKey]);
    }

    [Fact]
    public async Task Options_of_sampling_reach_the_sampler()
    {
        await using FakeModel fake = new();
        using FasterVlmChatClient client = fake.Model.CreateChatClient();
        GenerationRequest request = client.CreateRequest([s_question], new()
        {
            Temperature = 0.5f,
            TopP = 0.9f,
            TopK = 7,
            Seed = 42,
            FrequencyPenalty = 0.25f,
            PresencePenalty = -0.5f,
            MaxOutputTokens = 9,
            StopSequences = ["x"],
            ModelId = "Scripted",
            ResponseFormat = ChatResponseFormat.Text,
            AdditionalProperties = new() { ["min_p"] = 0.05, ["repetition_penalty"] = "1.1" },
        });
        Assert.Equal(
            new() { Temperature = 0.5f, TopP = 0.9f, TopK = 7, Seed = 42, FrequencyPenalty = 0.25f, PresencePenalty = -0.5f, MinP = 0.05f, RepetitionPenalty = 1.1f },
            request.Sampling);
        Assert.Equal((9, "x"), (request.MaxOutputTokens, Assert.Single(request.Stop)));
        Assert.Equal((0f, 512), (client.CreateRequest([s_question]).Sampling.Temperature, client.CreateRequest([s_question]).MaxOutputTokens));
    }

    [Fact]
    public async Task Instructions_replace_the_default_system_sentence()
    {
        await using FakeModel fake = new();
        using FasterVlmChatClient client = fake.Model.CreateChatClient();
        await client.GetResponseAsync(s_question, new() { Instructions = "Be brief." }, Test);
        Assert.Equal("Be brief. USER: \nq ASSISTANT:", fake.LastPrompt);
    }

    public static TheoryData<ChatOptions, string> Refused => new()
    {
        { new() { ConversationId = "1" }, nameof(ChatOptions.ConversationId) },
        { new() { Reasoning = new() { Effort = ReasoningEffort.High } }, nameof(ChatOptions.Reasoning) },
        { new() { ModelId = "gpt" }, nameof(ChatOptions.ModelId) },
#pragma warning disable MEAI001
        { new() { AllowBackgroundResponses = true }, nameof(ChatOptions.AllowBackgroundResponses) },
        { new() { ContinuationToken = ResponseContinuationToken.FromBytes(new byte[1]) }, nameof(ChatOptions.ContinuationToken) },
#pragma warning restore MEAI001
        { new() { Temperature = -1 }, nameof(ChatOptions.Temperature) },
        { new() { Temperature = float.NaN }, nameof(ChatOptions.Temperature) },
        { new() { TopP = 0 }, nameof(ChatOptions.TopP) },
        { new() { TopK = -5 }, nameof(ChatOptions.TopK) },
        { new() { Seed = -1 }, nameof(ChatOptions.Seed) },
        { new() { MaxOutputTokens = 0 }, nameof(ChatOptions.MaxOutputTokens) },
        { new() { FrequencyPenalty = 3 }, nameof(ChatOptions.FrequencyPenalty) },
        { new() { PresencePenalty = -3 }, nameof(ChatOptions.PresencePenalty) },
        { new() { StopSequences = [""] }, nameof(ChatOptions.StopSequences) },
        { new() { RawRepresentationFactory = static _ => "x" }, nameof(ChatOptions.RawRepresentationFactory) },
        { new() { AdditionalProperties = new() { ["unknown"] = 1 } }, "unknown" },
        { new() { AdditionalProperties = new() { ["visual_tokens"] = -1 } }, "visual_tokens" },
        { new() { AdditionalProperties = new() { ["visual_tokens"] = 0.5 } }, "visual_tokens" },
        { new() { AdditionalProperties = new() { ["visual_tokens"] = 5, ["keep_ratio"] = 0.5 } }, "keep_ratio" },
        { new() { AdditionalProperties = new() { ["keep_ratio"] = 2 } }, "ratio" },
        { new() { AdditionalProperties = new() { ["selector"] = "best" } }, "best" },
        { new() { AdditionalProperties = new() { ["min_p"] = 2 } }, "min_p" },
        { new() { AdditionalProperties = new() { ["repetition_penalty"] = 0 } }, "repetition_penalty" },
        { new() { AdditionalProperties = new() { ["selector_seed"] = "x" } }, "selector_seed" },
        { new() { AdditionalProperties = new() { ["views"] = "sideways" } }, "views" },
        { new() { AdditionalProperties = new() { ["logprobs"] = 1 } }, "logprobs" },
        { new() { AdditionalProperties = new() { ["top_logprobs"] = 21 } }, "top_logprobs" },
        { new() { AdditionalProperties = new() { ["logprobs"] = false, ["top_logprobs"] = 2 } }, "top_logprobs" },
        { new() { AdditionalProperties = new() { ["logit_bias"] = "5" } }, "logit_bias" },
        { new() { AdditionalProperties = new() { ["logit_bias"] = new Dictionary<string, float> { ["x"] = 1 } } }, "logit_bias" },
    };

    [Theory]
    [MemberData(nameof(Refused), DisableDiscoveryEnumeration = true)]
    public async Task What_cannot_be_honoured_is_refused_by_name(ChatOptions options, string name)
    {
        await using FakeModel fake = new();
        using FasterVlmChatClient client = fake.Model.CreateChatClient();
        Exception error = await Assert.ThrowsAnyAsync<Exception>(() => client.GetResponseAsync(s_question, options, Test));
        Assert.True(error is ArgumentException or NotSupportedException, error.ToString());
        Assert.Contains(name, error.Message);
        Assert.Empty(fake.Language.Prompts);
    }

    [Fact]
    public void Every_option_of_the_contract_is_decided_on()
    {
        string[] honoured =
        [
            nameof(ChatOptions.Instructions), nameof(ChatOptions.Temperature), nameof(ChatOptions.MaxOutputTokens), nameof(ChatOptions.TopP), nameof(ChatOptions.TopK),
            nameof(ChatOptions.FrequencyPenalty), nameof(ChatOptions.PresencePenalty), nameof(ChatOptions.Seed), nameof(ChatOptions.StopSequences),
            nameof(ChatOptions.RawRepresentationFactory), nameof(ChatOptions.AdditionalProperties), nameof(ChatOptions.ModelId), nameof(ChatOptions.ResponseFormat),
            nameof(ChatOptions.Tools), nameof(ChatOptions.ToolMode), nameof(ChatOptions.AllowMultipleToolCalls),
        ];
        string[] refused =
        [
            nameof(ChatOptions.ConversationId), nameof(ChatOptions.Reasoning),
            "AllowBackgroundResponses", "ContinuationToken",
        ];
        Assert.Equal(
            typeof(ChatOptions).GetProperties().Select(static p => p.Name).Order(),
            honoured.Concat(refused).Order());
    }

    [Theory]
    [InlineData("58", 58)]
    [InlineData("10%", 2)]
    [InlineData("all", 16)]
    public async Task A_budget_can_be_text_json_or_typed(string text, int kept)
    {
        await using FakeModel fake = new();
        using FasterVlmChatClient client = fake.Model.CreateChatClient();
        using JsonDocument json = JsonDocument.Parse($"\"{text}\"");
        VisualTokenBudget budget = VisualTokenBudget.Parse(text);
        foreach (object value in new object[] { text, json.RootElement, budget })
            Assert.Equal(budget, client.CreateRequest([s_question], new() { AdditionalProperties = new() { ["visual_tokens"] = value } }).Budget);
        GenerationRequest typed = client.CreateRequest([s_question], new()
        {
            RawRepresentationFactory = _ => new FasterVlmRequestOptions { VisualTokens = budget, Selector = new UniformSelector(), SelectorSeed = 3 },
        });
        Assert.Equal((budget, "uniform", 3), (typed.Budget, typed.Selector.Name, typed.SelectorSeed));
        GenerationStatistics statistics = (await fake.Model.Generator.CompleteAsync(typed, Test)).Statistics;
        Assert.Equal(Math.Min(kept, 16), statistics.VisualTokensKept);
    }

    [Fact]
    public async Task Views_can_be_text_json_or_typed_and_are_reported_while_they_are_encoded()
    {
        await using FakeModel fake = new();
        using FasterVlmChatClient client = fake.Model.CreateChatClient();
        Assert.Null(client.CreateRequest([s_question]).Views); // the encoder's own
        using JsonDocument json = JsonDocument.Parse("\"2x2,tiles\"");
        ViewSettings views = ViewSettings.Parse("2x2,tiles");
        foreach (object value in new object[] { "2x2,tiles", json.RootElement, views })
            Assert.Equal(views, client.CreateRequest([s_question], new() { AdditionalProperties = new() { ["views"] = value } }).Views);
        Listener listener = new();
        ChatMessage message = new(ChatRole.User, [new DataContent("A"u8.ToArray(), "image/png"), new DataContent("B"u8.ToArray(), "image/png"), new TextContent("q")]);
        await client.GetResponseAsync(message, new() { RawRepresentationFactory = _ => new FasterVlmRequestOptions { Views = views, ImageProgress = listener } }, Test);
        Assert.Equal([views, views], fake.Vision.Views);
        Assert.Equal([new(0, 2, 1, 1), new(1, 2, 1, 1)], listener.Reports.OrderBy(static r => r.Image));
    }

    sealed class Listener : IProgress<ImageProgress>
    {
        public System.Collections.Concurrent.ConcurrentQueue<ImageProgress> Reports { get; } = [];

        public void Report(ImageProgress value) => Reports.Enqueue(value);
    }

    [Fact]
    public async Task The_models_options_are_the_defaults()
    {
        await using FakeModel fake = new(new() { VisualTokens = VisualTokenBudget.Count(2), Selector = "uniform", MaxOutputTokens = 5, ModelId = "mine", MaxImages = 1 });
        using FasterVlmChatClient client = fake.Model.CreateChatClient();
        GenerationRequest request = client.CreateRequest([s_question]);
        Assert.Equal((VisualTokenBudget.Count(2), "uniform", 5, "mine"), (request.Budget, request.Selector.Name, request.MaxOutputTokens, fake.Model.ModelId));
        Assert.Throws<ArgumentException>(() => client.CreateRequest([s_question, s_question]));
    }

    [Fact]
    public async Task Services_are_found_and_the_client_does_not_own_the_model()
    {
        await using FakeModel fake = new();
        FasterVlmChatClient client = fake.Model.CreateChatClient();
        Assert.Equal(("fastervlm", "scripted"), (client.GetService<ChatClientMetadata>()!.ProviderName, client.GetService<ChatClientMetadata>()!.DefaultModelId));
        Assert.Same(fake.Model, client.GetService<FasterVlmModel>());
        Assert.Same(fake.Model.Generator, client.GetService<Generator>());
        Assert.Same(client, client.GetService<FasterVlmChatClient>());
        Assert.Null(client.GetService<FasterVlmModel>("key"));
        client.Dispose();
        Assert.Equal("An answer.", (await client.GetResponseAsync("q", cancellationToken: Test)).Text);
    }

    [Fact]
    public async Task A_model_disposes_its_parts_once_and_refuses_further_work()
    {
        FakeModel fake = new();
        using FasterVlmChatClient client = fake.Model.CreateChatClient();
        fake.Model.Dispose();
        await fake.Model.DisposeAsync();
        Assert.True(fake.Language.Disposed && fake.Vision.Disposed);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.GetResponseAsync("q", cancellationToken: Test));
    }

    [Fact]
    public void Parts_that_do_not_fit_are_refused()
    {
        using ScriptedLanguageModel language = new("x");
        using FakeVisionEncoder vision = new();
        vision.Info = vision.Info with { OutputWidth = 5 };
        Assert.Throws<ModelFormatException>(() => new FasterVlmModel(language, vision, new()));
    }
}
