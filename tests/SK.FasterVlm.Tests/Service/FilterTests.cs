using Microsoft.Extensions.DependencyInjection;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;

namespace SK.FasterVlm.Tests.Service;

/// <summary>Semantic Kernel's filters around functions that the service invokes.</summary>
public class FilterTests
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    sealed class AutoFilter(Func<AutoFunctionInvocationContext, Func<AutoFunctionInvocationContext, Task>, Task> run) : IAutoFunctionInvocationFilter
    {
        public Task OnAutoFunctionInvocationAsync(AutoFunctionInvocationContext context, Func<AutoFunctionInvocationContext, Task> next) => run(context, next);
    }

    sealed class PlainFilter(List<string> log) : IFunctionInvocationFilter
    {
        public async Task OnFunctionInvocationAsync(FunctionInvocationContext context, Func<FunctionInvocationContext, Task> next)
        {
            log.Add($"plain {context.Function.Name}");
            await next(context);
        }
    }

    static Kernel CreateKernel(List<string> log, params object[] filters)
    {
        IKernelBuilder builder = Kernel.CreateBuilder();
        foreach (object filter in filters)
        {
            if (filter is IAutoFunctionInvocationFilter auto) builder.Services.AddSingleton(auto);
            else builder.Services.AddSingleton((IFunctionInvocationFilter)filter);
        }
        Kernel kernel = builder.Build();
        kernel.ImportPluginFromFunctions("P",
        [
            KernelFunctionFactory.CreateFromMethod((string x) => { lock (log) log.Add($"run {x}"); return x; }, "f"),
        ]);
        return kernel;
    }

    static ScriptedChatClient TwoCalls() => new(
        ScriptedChatClient.Calls(("P-f", new { x = "a" }), ("P-f", new { x = "b" })), ScriptedChatClient.Text("Done."));

    static ChatHistory Question(KernelContent? more = null)
    {
        ChatHistory history = [];
        history.AddUserMessage([new TextContent("q"), .. more is null ? Array.Empty<KernelContent>() : [more]]);
        return history;
    }

    static readonly FasterVlmPromptExecutionSettings Auto = new() { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_filter_knows_where_it_is_and_may_change_the_result(bool streaming)
    {
        List<string> log = [];
        using ScriptedChatClient client = TwoCalls();
        ChatHistory history = Question(new ImageContent("A"u8.ToArray(), null)); // no MIME type: the context copies the history
        Kernel kernel = CreateKernel(log, new PlainFilter(log), new AutoFilter(async (context, next) =>
        {
            log.Add($"{context.RequestSequenceIndex}.{context.FunctionSequenceIndex}/{context.FunctionCount} {context.ToolCallId} {context.Function.Name} "
                + $"{context.Arguments!["x"]} {context.IsStreaming} {ReferenceEquals(context.ExecutionSettings, Auto)} {ReferenceEquals(context.ChatHistory, history)}");
            await next(context);
            context.Result = new FunctionResult(context.Result, $"<{context.Result.GetValue<string>()}>");
        }), new AutoFilter(async (context, next) =>
        {
            log.Add("inner");
            await next(context);
        }));
        Assert.Equal("Done.", await Ask(client, history, kernel, streaming));
        Assert.Equal(
        [
            $"0.0/2 call-0 f a {streaming} True True", "inner", "plain f", "run a",
            $"0.1/2 call-1 f b {streaming} True True", "inner", "plain f", "run b",
        ], log);
        Assert.Equal(["<a>", "<b>"], Results(history));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_filter_can_end_the_conversation(bool streaming)
    {
        List<string> log = [];
        using ScriptedChatClient client = TwoCalls();
        ChatHistory history = Question();
        Kernel kernel = CreateKernel(log, new AutoFilter(async (context, next) =>
        {
            await next(context);
            context.Terminate = true;
        }));
        Assert.Equal("a", await Ask(client, history, kernel, streaming)); // the last message: the result of the first function
        Assert.Equal(["run a"], log);
        Assert.Single(client.Requests);
        Assert.Equal(AuthorRole.Tool, history[^1].Role);
    }

    [Fact]
    public async Task A_filter_can_keep_a_function_from_running_and_its_error_is_told()
    {
        List<string> log = [];
        using ScriptedChatClient client = TwoCalls();
        ChatHistory history = Question();
        int calls = 0;
        Kernel kernel = CreateKernel(log, new AutoFilter((context, _) =>
        {
            if (calls++ == 0) context.Result = new FunctionResult(context.Result, "from a cache");
            else throw new KernelException("not allowed");
            return Task.CompletedTask;
        }));
        await Ask(client, history, kernel, false);
        Assert.Empty(log);
        Assert.Equal("from a cache", Results(history)[0]);
        Assert.Contains("not allowed", Results(history)[1]);
    }

    [Fact]
    public async Task Calls_of_one_message_run_at_the_same_time_when_allowed_and_in_order_in_the_history()
    {
        List<string> log = [];
        using ScriptedChatClient client = TwoCalls();
        ChatHistory history = Question();
        TaskCompletionSource both = new();
        int inside = 0;
        Kernel kernel = CreateKernel(log, new AutoFilter(async (context, next) =>
        {
            if (Interlocked.Increment(ref inside) == 2) both.SetResult();
            await both.Task.WaitAsync(Test); // one after the other would wait for ever
            await next(context);
        }));
        FasterVlmPromptExecutionSettings settings = new() { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto(options: new() { AllowConcurrentInvocation = true }) };
        await new FasterVlmChatCompletionService(client).GetChatMessageContentAsync(history, settings, kernel, Test);
        Assert.Equal(["a", "b"], Results(history));
    }

    [Fact]
    public async Task A_filter_may_add_to_the_history()
    {
        using ScriptedChatClient client = new(ScriptedChatClient.Calls(("P-f", new { x = "a" })), ScriptedChatClient.Text("Done."));
        ChatHistory history = Question();
        Kernel kernel = CreateKernel([], new AutoFilter(async (context, next) =>
        {
            await next(context);
            context.ChatHistory.AddUserMessage("And hurry.");
        }));
        await Ask(client, history, kernel, false);
        Assert.Contains(client.Requests[1].Messages, static m => m.Text == "And hurry.");
    }

    static string[] Results(ChatHistory history) => [.. history.SelectMany(static m => m.Items).OfType<FunctionResultContent>().Select(static r => (string)r.Result!)];

    static async Task<string> Ask(ScriptedChatClient client, ChatHistory history, Kernel kernel, bool streaming)
    {
        var service = new FasterVlmChatCompletionService(client);
        if (!streaming) return (await service.GetChatMessageContentAsync(history, Auto, kernel, Test)).Content!;
        string text = "";
        await foreach (StreamingChatMessageContent piece in service.GetStreamingChatMessageContentsAsync(history, Auto, kernel, Test)) text += piece.Content;
        return text;
    }
}
