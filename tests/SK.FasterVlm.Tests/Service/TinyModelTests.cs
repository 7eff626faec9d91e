using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using SK.FasterVlm.Core.Tests.EndToEnd;

namespace SK.FasterVlm.Tests.Service;

/// <summary>The service over the shipped model, which was never trained to call functions: what it draws is its own affair, that it is valid is ours.</summary>
public sealed class TinyModelTests
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    enum Payee { Cafe, Taxi, Zoo }

    sealed record Label(Payee Payee, bool Paid);

    readonly List<string> _booked = [];

    Kernel CreateKernel()
    {
        Assert.SkipUnless(Directory.Exists(Path.Combine(AppContext.BaseDirectory, "models", "tiny-llava")), "this checkout has no embedded model");
        IKernelBuilder builder = Kernel.CreateBuilder();
        builder.AddFasterVlmChatCompletion(configure: static o => (o.Threads, o.MaxOutputTokens) = (1, 64));
        Kernel kernel = builder.Build();
        kernel.ImportPluginFromFunctions("Office", [KernelFunctionFactory.CreateFromMethod((Payee payee) => { _booked.Add($"{payee}"); return "booked"; }, "book")]);
        return kernel;
    }

    static ChatHistory Question()
    {
        ChatHistory history = [];
        history.AddUserMessage([new TextContent("What is in the picture?"), new ImageContent(TinyPair.Picture(), null)]);
        return history;
    }

    [Theory]
    [InlineData(false, 0f)]
    [InlineData(true, 1.5f)]
    public async Task A_required_function_is_called_with_valid_arguments_and_its_result_answered(bool streaming, float temperature)
    {
        Kernel kernel = CreateKernel();
        await using var services = (ServiceProvider)kernel.Services;
        var chat = kernel.GetRequiredService<IChatCompletionService>();
        ChatHistory history = Question();
        FasterVlmPromptExecutionSettings settings = new() { FunctionChoiceBehavior = FunctionChoiceBehavior.Required(), Temperature = temperature, Seed = 3 };
        string? reason = null;
        if (streaming)
            await foreach (StreamingChatMessageContent piece in chat.GetStreamingChatMessageContentsAsync(history, settings, kernel, Test))
                reason = piece.Metadata!.GetValueOrDefault("FinishReason") as string ?? reason;
        else
            reason = (string?)(await chat.GetChatMessageContentAsync(history, settings, kernel, Test)).Metadata!["FinishReason"];
        Assert.NotEmpty(_booked);
        Assert.All(_booked, static b => Assert.True(Enum.IsDefined(Enum.Parse<Payee>(b))));
        Assert.Contains(reason, new[] { "stop", "length" });
        Assert.Equal(2 + _booked.Count, history.Count);
        Assert.All(history.SelectMany(static m => m.Items).OfType<FunctionResultContent>(), static r => Assert.Equal("booked", r.Result));
    }

    [Fact]
    public async Task Without_automatic_invocation_the_call_is_given_back()
    {
        Kernel kernel = CreateKernel();
        await using var services = (ServiceProvider)kernel.Services;
        ChatHistory history = Question();
        ChatMessageContent answer = await kernel.GetRequiredService<IChatCompletionService>().GetChatMessageContentAsync(
            history, new FasterVlmPromptExecutionSettings { FunctionChoiceBehavior = FunctionChoiceBehavior.Required(autoInvoke: false) }, kernel, Test);
        FunctionCallContent call = FunctionCallContent.GetFunctionCalls(answer).First();
        Assert.Equal(("Office", "book", "tool_calls"), (call.PluginName, call.FunctionName, answer.Metadata!["FinishReason"]));
        Assert.Single(history);
        Assert.Empty(_booked);
        Assert.Equal("booked", (await call.InvokeAsync(kernel, Test)).Result?.ToString());
    }

    [Fact]
    public async Task Several_answers_of_a_type_are_of_that_type()
    {
        Kernel kernel = CreateKernel();
        await using var services = (ServiceProvider)kernel.Services;
        IReadOnlyList<ChatMessageContent> answers = await kernel.GetRequiredService<IChatCompletionService>().GetChatMessageContentsAsync(
            Question(), new FasterVlmPromptExecutionSettings { ResponseFormat = typeof(Label), Choices = 2, Temperature = 1, Seed = 1, Logprobs = true }, kernel, Test);
        Assert.Equal(2, answers.Count);
        foreach (ChatMessageContent answer in answers)
        {
            using JsonDocument json = JsonDocument.Parse(answer.Content!);
            Assert.Equal(["paid", "payee"], json.RootElement.EnumerateObject().Select(static p => p.Name.ToLowerInvariant()).Order());
            Assert.NotNull(answer.Metadata!["ContentTokenLogProbabilities"]);
        }
    }
}
