using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using SK.FasterVlm.Core.Tests.EndToEnd;
using SK.FasterVlm.Generation;
using SK.FasterVlm.Pruning;
using TextContent = Microsoft.SemanticKernel.TextContent;

namespace SK.FasterVlm.Tests;

/// <summary>The way a user of Semantic Kernel goes, with real parts: builder, service, history with a picture, answer.</summary>
public sealed class EndToEndTests(TinyPair pair) : IClassFixture<TinyPair>
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    static ChatHistory Question()
    {
        ChatHistory history = [];
        history.AddUserMessage([new TextContent("What is on the table?"), new ImageContent(TinyPair.Picture(), null)]);
        return history;
    }

    [Fact]
    public async Task A_kernel_answers_about_a_picture_streaming_or_not()
    {
        IKernelBuilder builder = Kernel.CreateBuilder().AddFasterVlmChatCompletion(
            modelPath: pair.ModelPath, projectorPath: pair.ProjectorPath,
            configure: static o => (o.VisualTokens, o.Threads, o.MaxOutputTokens) = (VisualTokenBudget.Keep(0.10), 1, 8));
        Kernel kernel = builder.Build();
        await using var services = (ServiceProvider)kernel.Services;
        var chat = kernel.GetRequiredService<IChatCompletionService>();

        ChatMessageContent answer = await chat.GetChatMessageContentAsync(Question(), kernel: kernel, cancellationToken: Test);
        var statistics = (GenerationStatistics)answer.Metadata!["fastervlm"]!;
        Assert.Equal((4, 36), (statistics.VisualTokensKept, statistics.VisualTokensTotal));

        string streamed = "";
        await foreach (StreamingChatMessageContent piece in chat.GetStreamingChatMessageContentsAsync(Question(), kernel: kernel, cancellationToken: Test))
            streamed += piece.Content;
        Assert.Equal(answer.Content, streamed);
        Assert.Equal(Path.GetFileNameWithoutExtension(pair.ModelPath), answer.ModelId);
    }

    [Fact]
    public async Task The_embedded_model_needs_no_paths()
    {
        Assert.SkipUnless(Directory.Exists(Path.Combine(AppContext.BaseDirectory, "models", "tiny-llava")), "this checkout has no embedded model");
        ServiceCollection services = new();
        services.AddFasterVlmChatClient(configure: static o => o.MaxOutputTokens = 8);
        await using ServiceProvider provider = services.BuildServiceProvider();
        ChatResponse answer = await provider.GetRequiredService<IChatClient>().GetResponseAsync(
            [new ChatMessage(ChatRole.User, [new DataContent(TinyPair.Picture(), "image/png"), new Microsoft.Extensions.AI.TextContent("What is this?")])],
            cancellationToken: Test);
        Assert.Equal("tiny-llava", answer.ModelId);
    }
}
