using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Generation;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Core.Tests.EndToEnd;

/// <summary>Whole requests through the chat client, with the real parts.</summary>
public sealed class RequestTests(TinyPair pair) : IClassFixture<TinyPair>
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    static ChatMessage Question(string text = "What is this?", params int[] pictures) =>
        new(ChatRole.User, [.. pictures.Select(static p => new DataContent(TinyPair.Picture(p), "image/png")), new TextContent(text)]);

    [Fact]
    public async Task Greedy_answers_repeat_and_sampled_ones_follow_their_seed()
    {
        await using FasterVlmModel model = await pair.LoadAsync(static o => o.MaxOutputTokens = 24);
        using FasterVlmChatClient client = model.CreateChatClient();
        async Task<string> Ask(ChatOptions? options) => (await client.GetResponseAsync([Question(pictures: 1)], options, Test)).Text;
        Assert.Equal(await Ask(null), await Ask(null));
        ChatOptions seeded = new() { Temperature = 2, Seed = 5 };
        Assert.Equal(await Ask(seeded), await Ask(seeded));
        Assert.NotEqual(await Ask(seeded), await Ask(new() { Temperature = 2, Seed = 6 }));
    }

    [Fact]
    public async Task The_progress_of_loading_runs_through_its_stages()
    {
        List<ModelLoadProgress> reports = [];
        FasterVlmOptions options = new() { ModelPath = pair.ModelPath, ProjectorPath = pair.ProjectorPath, Threads = 1 };
        await using FasterVlmModel model = await FasterVlmModel.LoadAsync(options, progress: new Collect(reports), cancellationToken: Test);
        Assert.Equal(reports.Select(static r => r.Stage).Order(), reports.Select(static r => r.Stage));
        Assert.Equal(new ModelLoadProgress(ModelLoadStage.Ready, 1), reports[^1]);
        Assert.Equal("vicuna_v1", model.Template.Name);
    }

    sealed class Collect(List<ModelLoadProgress> reports) : IProgress<ModelLoadProgress>
    {
        public void Report(ModelLoadProgress value) => reports.Add(value);
    }

    [Fact]
    public async Task Usage_counts_the_rows_that_were_evaluated()
    {
        await using FasterVlmModel model = await pair.LoadAsync();
        using FasterVlmChatClient client = model.CreateChatClient();
        ChatResponse response = await client.GetResponseAsync(
            [Question(pictures: [1, 2])], new() { AdditionalProperties = new() { ["visual_tokens"] = "25%" } }, Test);
        var statistics = (GenerationStatistics)response.AdditionalProperties![FasterVlmChatClient.StatisticsKey]!;
        int text = model.Generator.Tokenizer.Tokenize(model.Template.Build(null, [ChatTurn.User("What is this?", 0, 1)])).Sum(static p => p.Tokens.Length);
        Assert.Equal((text + 18, 18, 72), (statistics.PromptTokens, statistics.VisualTokensKept, statistics.VisualTokensTotal));
        Assert.True(statistics.PrefillMs > 0 && statistics.TimeToFirstTokenMs > statistics.PrefillMs);
        Assert.Equal((90, 70), (statistics.Images[0].Width, statistics.Images[0].Height));
    }

    [Fact]
    public async Task Conversations_of_several_turns_and_images_are_answered()
    {
        await using FasterVlmModel model = await pair.LoadAsync();
        using FasterVlmChatClient client = model.CreateChatClient();
        List<ChatMessage> conversation = [new(ChatRole.System, "Be brief."), Question("And this?", 1)];
        for (int turn = 0; turn < 3; turn++)
        {
            ChatResponse response = await client.GetResponseAsync(conversation, cancellationToken: Test);
            conversation.AddMessages(response);
            conversation.Add(Question("And now?", turn == 1 ? [2] : []));
        }
        Assert.Equal(8, conversation.Count);
    }

    [Theory]
    [InlineData(127, true)]
    [InlineData(128, false)]
    [InlineData(129, false)]
    public async Task P5_The_context_is_counted_to_the_position(int length, bool fits)
    {
        await using FasterVlmModel model = await pair.LoadAsync(static o => o.ContextLength = 128);
        int context = model.Language.ContextLength;
        Assert.Equal(128, context);
        GenerationRequest Lines(int count) => new()
        {
            Prompt = [PromptSegment.Image(0), PromptSegment.UserText(new string('\n', count))],
            Images = [ImageInput.FromBytes(TinyPair.Picture())],
            Selector = model.Selector,
        };
        int Count(GenerationRequest request) => model.Generator.Tokenizer.Tokenize(request.Prompt).Sum(static p => p.Tokens.Length) + 36;
        GenerationRequest request = Lines(length - Count(Lines(1)) + 1); // a line break is a row
        Assert.Equal(length, Count(request));
        if (fits)
        {
            GenerationResult result = await model.Generator.CompleteAsync(request, Test);
            Assert.True(result.Statistics.OutputTokens <= context - length + 1);
            return;
        }
        var error = await Assert.ThrowsAsync<ContextLengthException>(() => model.Generator.CompleteAsync(request, Test));
        Assert.Equal((length + 1, context, 36), (error.Required, error.Available, error.VisualTokens));
    }

    [Fact]
    public async Task P5_A_prompt_of_100_000_words_is_refused_by_its_numbers()
    {
        await using FasterVlmModel model = await pair.LoadAsync();
        using FasterVlmChatClient client = model.CreateChatClient();
        string words = string.Concat(Enumerable.Range(0, 100_000).Select(static i => $"word{i % 10} "));
        var error = await Assert.ThrowsAsync<ContextLengthException>(() => client.GetResponseAsync([Question(words, 1)], cancellationToken: Test));
        Assert.True(error.Required > 100_000);
        Assert.NotNull((await client.GetResponseAsync([Question()], cancellationToken: Test)).Text);
    }

    [Fact]
    public async Task What_is_no_image_is_refused_and_the_next_request_gets_the_same_answer_as_before()
    {
        await using FasterVlmModel model = await pair.LoadAsync();
        using FasterVlmChatClient client = model.CreateChatClient();
        string before = (await client.GetResponseAsync([Question(pictures: 1)], cancellationToken: Test)).Text;
        foreach (byte[] bytes in new[] { [], "a text file"u8.ToArray(), TinyPair.Picture()[..60] })
        {
            ChatMessage message = new(ChatRole.User, [new DataContent(bytes, "image/jpeg")]);
            await Assert.ThrowsAsync<ImageFormatException>(() => client.GetResponseAsync([message], cancellationToken: Test));
        }
        Assert.Equal(before, (await client.GetResponseAsync([Question(pictures: 1)], cancellationToken: Test)).Text);
    }

    [Fact]
    public async Task A_projector_of_another_model_is_refused()
    {
        var error = await Assert.ThrowsAsync<ModelFormatException>(() => pair.LoadAsync(o => o.ProjectorPath = pair.ModelPath));
        Assert.Contains(Path.GetFileName(pair.ModelPath), error.Message);
    }

    [Fact]
    public async Task A_missing_file_is_named()
    {
        Exception error = await Assert.ThrowsAnyAsync<Exception>(() => pair.LoadAsync(static o => o.ModelPath = "/no/such/model.gguf"));
        Assert.Contains("/no/such/model.gguf", error.Message);
    }

    [Fact]
    public async Task Budgets_of_none_and_all_work_through_the_client()
    {
        await using FasterVlmModel model = await pair.LoadAsync();
        using FasterVlmChatClient client = model.CreateChatClient();
        foreach ((string budget, int kept) in new[] { ("0", 0), ("1", 1), ("all", 36), ("mass:1", 36) })
        {
            FasterVlmRequestOptions typed = new() { VisualTokens = VisualTokenBudget.Parse(budget) };
            ChatResponse response = await client.GetResponseAsync([Question(pictures: 1)], new() { RawRepresentationFactory = _ => typed }, Test);
            Assert.Equal(kept, response.Usage!.AdditionalCounts!["visual_tokens_kept"]);
        }
    }
}
