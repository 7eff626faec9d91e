using System.ComponentModel;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using FunctionCallContent = Microsoft.SemanticKernel.FunctionCallContent;
using FunctionResultContent = Microsoft.SemanticKernel.FunctionResultContent;

namespace SK.FasterVlm.Tests.Service;

/// <summary>Functions of a kernel through the service, with a client that calls them as written.</summary>
public class FunctionCallingTests
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    /// <summary>What the functions were given, in order.</summary>
    readonly List<string> _called = [];

    Kernel CreateKernel(params object[] filters)
    {
        IKernelBuilder builder = Kernel.CreateBuilder();
        foreach (object filter in filters)
        {
            if (filter is IAutoFunctionInvocationFilter auto) builder.Services.AddSingleton(auto);
            if (filter is IFunctionInvocationFilter plain) builder.Services.AddSingleton(plain);
        }
        Kernel kernel = builder.Build();
        kernel.ImportPluginFromFunctions("Cam",
        [
            KernelFunctionFactory.CreateFromMethod(Snap, "Snap"),
            KernelFunctionFactory.CreateFromMethod(string () => throw new InvalidOperationException("the lens is dirty"), "Fail"),
            KernelFunctionFactory.CreateFromMethod(static () => new { Width = 3, Note = "ä" }, "Measure"),
            KernelFunctionFactory.CreateFromMethod(static () => new ImageContent("A"u8.ToArray(), null), "Look"),
        ]);
        return kernel;

        [Description("Takes a picture.")]
        string Snap([Description("Which room")] string room, int count = 1)
        {
            _called.Add($"{room}*{count}");
            return $"{count} of {room}";
        }
    }

    static ChatHistory Question() => [new ChatMessageContent(AuthorRole.User, "What is in the hall?")];

    static FasterVlmPromptExecutionSettings With(FunctionChoiceBehavior behavior) => new() { FunctionChoiceBehavior = behavior };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Calls_are_invoked_and_their_results_sent_back_until_the_model_answers(bool streaming)
    {
        using ScriptedChatClient client = new(
            ScriptedChatClient.Calls(("Cam-Snap", new { room = "hall" }), ("Cam-Snap", new { room = "attic", count = 2 })),
            ScriptedChatClient.Text("Two pictures."));
        ChatHistory history = Question();
        string answer = await Ask(client, history, With(FunctionChoiceBehavior.Auto()), CreateKernel(), streaming);

        Assert.Equal("Two pictures.", answer);
        Assert.Equal(["hall*1", "attic*2"], _called);
        Assert.Equal([AuthorRole.User, AuthorRole.Assistant, AuthorRole.Tool, AuthorRole.Tool], history.Select(static m => m.Role));
        FunctionCallContent[] calls = [.. FunctionCallContent.GetFunctionCalls(history[1])];
        Assert.Equal([("Cam", "Snap", "call-0"), ("Cam", "Snap", "call-1")], calls.Select(static c => (c.PluginName, c.FunctionName, c.Id)));
        FunctionResultContent result = history[3].Items.OfType<FunctionResultContent>().Single();
        Assert.Equal(("Cam", "Snap", "call-1", "2 of attic"), (result.PluginName, result.FunctionName, result.CallId, (string?)result.Result));

        ChatOptions first = client.Requests[0].Options!;
        AIFunctionDeclaration tool = Assert.IsAssignableFrom<AIFunctionDeclaration>(first.Tools!.Single(static t => t.Name == "Cam-Snap"));
        Assert.IsNotAssignableFrom<AIFunction>(tool); // no client in between can invoke it
        Assert.Equal("Takes a picture.", tool.Description);
        Assert.Equal("room", tool.JsonSchema.GetProperty("required")[0].GetString());
        Assert.Equal(ChatToolMode.Auto, first.ToolMode);

        List<ChatMessage> second = client.Requests[1].Messages;
        Assert.Equal([ChatRole.User, ChatRole.Assistant, ChatRole.Tool, ChatRole.Tool], second.Select(static m => m.Role));
        Assert.Equal(["Cam-Snap", "Cam-Snap"], second[1].Contents.Cast<Microsoft.Extensions.AI.FunctionCallContent>().Select(static c => c.Name));
        var sent = Assert.IsType<Microsoft.Extensions.AI.FunctionResultContent>(Assert.Single(second[2].Contents)); // not beside its text once more
        Assert.Equal(("call-0", "1 of hall"), (sent.CallId, sent.Result));
    }

    [Fact]
    public async Task Required_is_required_once_and_one_function_is_named()
    {
        using ScriptedChatClient client = new(ScriptedChatClient.Calls(("Cam-Snap", new { room = "hall" })), ScriptedChatClient.Text("Done."));
        Kernel kernel = CreateKernel();
        KernelFunction snap = kernel.Plugins.GetFunction("Cam", "Snap");
        await Ask(client, Question(), With(FunctionChoiceBehavior.Required([snap])), kernel, false);
        Assert.Equal("Cam-Snap", Assert.IsType<RequiredChatToolMode>(client.Requests[0].Options!.ToolMode).RequiredFunctionName);
        Assert.Null(client.Requests[1].Options!.Tools); // else it would be called for ever
        Assert.Null(client.Requests[1].Options!.ToolMode);

        client.Requests.Clear();
        await Ask(client, Question(), With(FunctionChoiceBehavior.Required()), kernel, false);
        Assert.Null(Assert.IsType<RequiredChatToolMode>(client.Requests[0].Options!.ToolMode).RequiredFunctionName);
        Assert.Equal(4, client.Requests[0].Options!.Tools!.Count);
    }

    [Fact]
    public async Task None_shows_the_functions_and_parallel_calls_can_be_forbidden()
    {
        using ScriptedChatClient client = new(ScriptedChatClient.Text("No."));
        await Ask(client, Question(), With(FunctionChoiceBehavior.None()), CreateKernel(), false);
        Assert.Equal((ChatToolMode.None, 4), (client.Requests[0].Options!.ToolMode, client.Requests[0].Options!.Tools!.Count));
        await Ask(client, Question(), With(FunctionChoiceBehavior.Auto(options: new() { AllowParallelCalls = false })), CreateKernel(), false);
        Assert.False(client.Requests[1].Options!.AllowMultipleToolCalls);
        await Ask(client, Question(), With(FunctionChoiceBehavior.Auto()), Kernel.CreateBuilder().Build(), false);
        Assert.Null(client.Requests[2].Options!.Tools);
    }

    [Fact]
    public async Task Errors_are_told_to_the_model()
    {
        using ScriptedChatClient client = new(
            [
                .. ScriptedChatClient.Calls(("Cam-Fail", new { }), ("Cam-Teleport", new { })),
                new Microsoft.Extensions.AI.FunctionCallContent("call-9", "Cam-Snap") { Exception = new FormatException("an unclosed brace") },
            ],
            ScriptedChatClient.Text("Sorry."));
        ChatHistory history = Question();
        Assert.Equal("Sorry.", await Ask(client, history, With(FunctionChoiceBehavior.Auto()), CreateKernel(), false));
        string[] results = [.. history.SelectMany(static m => m.Items).OfType<FunctionResultContent>().Select(static r => (string)r.Result!)];
        Assert.Contains("the lens is dirty", results[0]);
        Assert.Contains("no function \"Cam-Teleport\"", results[1]);
        Assert.Contains("an unclosed brace", results[2]);
        Assert.Equal(results, client.Requests[1].Messages.SelectMany(static m => m.Contents)
            .OfType<Microsoft.Extensions.AI.FunctionResultContent>().Select(static r => (string)r.Result!));
        Assert.Empty(_called);
    }

    [Fact]
    public async Task The_text_of_an_error_can_be_kept_from_the_model()
    {
        using ScriptedChatClient client = new(ScriptedChatClient.Calls(("Cam-Fail", new { })), ScriptedChatClient.Text("Sorry."));
        ChatHistory history = Question();
        await new FasterVlmChatCompletionService(client, functionErrorDetails: false)
            .GetChatMessageContentAsync(history, With(FunctionChoiceBehavior.Auto()), CreateKernel(), Test);
        Assert.Equal("Error: The function failed.", history.SelectMany(static m => m.Items).OfType<FunctionResultContent>().Single().Result);
    }

    [Fact]
    public async Task Cancelling_is_not_an_error_of_the_function()
    {
        using CancellationTokenSource cancel = new();
        using ScriptedChatClient client = new(ScriptedChatClient.Calls(("P-Stop", new { })), ScriptedChatClient.Text("never"));
        Kernel kernel = CreateKernel();
        kernel.ImportPluginFromFunctions("P", [KernelFunctionFactory.CreateFromMethod((CancellationToken token) => { cancel.Cancel(); token.ThrowIfCancellationRequested(); }, "Stop")]);
        var service = new FasterVlmChatCompletionService(client);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => service.GetChatMessageContentAsync(Question(), With(FunctionChoiceBehavior.Auto()), kernel, cancel.Token));
        Assert.Single(client.Requests);
    }

    [Fact]
    public async Task Values_become_json_and_pictures_stay_pictures()
    {
        using ScriptedChatClient client = new(
            ScriptedChatClient.Calls(("Cam-Measure", new { }), ("Cam-Look", new { })), ScriptedChatClient.Text("I see."));
        await Ask(client, Question(), With(FunctionChoiceBehavior.Auto()), CreateKernel(), false);
        object?[] results = [.. client.Requests[1].Messages.SelectMany(static m => m.Contents)
            .OfType<Microsoft.Extensions.AI.FunctionResultContent>().Select(static r => r.Result)];
        Assert.Equal("""{"Width":3,"Note":"ä"}""", results[0]);
        Assert.Equal("A"u8.ToArray(), Assert.IsType<DataContent>(results[1]).Data.ToArray());
    }

    [Fact]
    public async Task Arguments_become_what_the_parameters_are()
    {
        using ScriptedChatClient client = new(
            ScriptedChatClient.Calls(("P-f", new { day = "Friday", amount = 1.5, on = "2026-01-02", names = new[] { "a" }, flag = true })), ScriptedChatClient.Text("x"));
        Kernel kernel = new();
        kernel.ImportPluginFromFunctions("P", [KernelFunctionFactory.CreateFromMethod(
            (DayOfWeek day, decimal amount, DateOnly on, string[] names, bool flag) => _called.Add(FormattableString.Invariant($"{day} {amount} {on:O} {names[0]} {flag}")), "f")]);
        ChatHistory history = Question();
        await Ask(client, history, With(FunctionChoiceBehavior.Auto()), kernel, false);
        Assert.Equal("", history.SelectMany(static m => m.Items).OfType<FunctionResultContent>().Single().Result); // else the error
        Assert.Equal(["Friday 1.5 2026-01-02 a True"], _called);
    }

    [Fact]
    public async Task Rounds_are_limited_and_the_calls_after_them_are_the_callers()
    {
        using ScriptedChatClient client = new(ScriptedChatClient.Calls(("Cam-Snap", new { room = "hall" })));
        var service = new FasterVlmChatCompletionService(client, maxAutoInvokeRounds: 3);
        ChatMessageContent answer = await service.GetChatMessageContentAsync(Question(), With(FunctionChoiceBehavior.Auto()), CreateKernel(), Test);
        Assert.Equal((3, 4), (_called.Count, client.Requests.Count));
        Assert.Single(FunctionCallContent.GetFunctionCalls(answer));
        await new FasterVlmChatCompletionService(client).GetChatMessageContentAsync(Question(), With(FunctionChoiceBehavior.Auto()), CreateKernel(), Test);
        Assert.Equal(3 + 128, _called.Count);
        Assert.Throws<ArgumentOutOfRangeException>(() => new FasterVlmChatCompletionService(client, maxAutoInvokeRounds: 129));
    }

    [Fact]
    public async Task Two_functions_of_one_name_are_refused()
    {
        using ScriptedChatClient client = new(ScriptedChatClient.Text("x"));
        KernelFunction Same() => KernelFunctionFactory.CreateFromMethod(static () => 1, "f");
        await Assert.ThrowsAsync<ArgumentException>(
            () => Ask(client, Question(), With(FunctionChoiceBehavior.Auto([Same(), Same()], autoInvoke: false)), CreateKernel(), false));
    }

    static async Task<string> Ask(IChatClient client, ChatHistory history, PromptExecutionSettings settings, Kernel kernel, bool streaming)
    {
        var service = new FasterVlmChatCompletionService(client);
        if (!streaming) return (await service.GetChatMessageContentAsync(history, settings, kernel, Test)).Content!;
        string text = "";
        await foreach (StreamingChatMessageContent piece in service.GetStreamingChatMessageContentsAsync(history, settings, kernel, Test)) text += piece.Content;
        return text;
    }
}
