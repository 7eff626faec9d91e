using System.ComponentModel;
using Microsoft.Agents.AI;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using FunctionCallContent = Microsoft.Extensions.AI.FunctionCallContent;
using TextContent = Microsoft.Extensions.AI.TextContent;

namespace SK.FasterVlm.Tests.Hosting;

/// <summary>Who invokes functions around a registered client: it itself, the Agent Framework, or Semantic Kernel's service; never two.</summary>
public class AgentTests
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    int _booked;

    AITool Book => AIFunctionFactory.Create([Description("Books a payment.")] (decimal amount) => { _booked++; return $"booked {amount}"; }, "book_payment");

    static ScriptedChatClient Script() =>
        new(ScriptedChatClient.Calls(("book_payment", new { amount = 12.5 })), ScriptedChatClient.Text("Paid."));

    static IChatClient Registered(ScriptedChatClient script, bool invokeFunctions) =>
        new ChatClientPipeline(script, new() { InvokeFunctions = invokeFunctions }, new ServiceCollection().BuildServiceProvider()).Public();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_agent_of_the_agent_framework_calls_functions(bool invokeFunctions)
    {
        using ScriptedChatClient script = Script();
        ChatClientAgent agent = new(Registered(script, invokeFunctions), instructions: "You pay invoices.", name: "Clerk", tools: [Book]);
        AgentResponse answer = await agent.RunAsync(
            [new ChatMessage(ChatRole.User, [new TextContent("Pay it."), new DataContent("A"u8.ToArray(), "image/png")])], cancellationToken: Test);
        Assert.Equal(("Paid.", 1, 2), (answer.Text, _booked, script.Requests.Count));
        Assert.Equal("You pay invoices.", script.Requests[0].Options!.Instructions);
        Assert.Equal("booked 12.5", script.Requests[1].Messages.SelectMany(static m => m.Contents).OfType<Microsoft.Extensions.AI.FunctionResultContent>().Single().Result?.ToString());
    }

    [Fact]
    public async Task An_agent_streams()
    {
        using ScriptedChatClient script = Script();
        ChatClientAgent agent = new(Registered(script, true), tools: [Book]);
        string text = "";
        await foreach (AgentResponseUpdate update in agent.RunStreamingAsync("Pay it.", cancellationToken: Test)) text += update.Text;
        Assert.Equal(("Paid.", 1), (text, _booked));
    }

    [Fact]
    public async Task The_registered_client_invokes_functions_unless_told_not_to_and_never_mere_declarations()
    {
        using ScriptedChatClient script = Script();
        Assert.Equal("Paid.", (await Registered(script, true).GetResponseAsync("Pay it.", new ChatOptions { Tools = [Book] }, Test)).Text);
        Assert.Equal(1, _booked);

        using ScriptedChatClient manual = Script();
        ChatResponse calls = await Registered(manual, false).GetResponseAsync("Pay it.", new ChatOptions { Tools = [Book] }, Test);
        Assert.Equal("book_payment", calls.Messages.SelectMany(static m => m.Contents).OfType<FunctionCallContent>().Single().Name);

        using ScriptedChatClient declared = Script();
        ChatResponse given = await Registered(declared, true).GetResponseAsync("Pay it.", new ChatOptions { Tools = [((AIFunction)Book).AsDeclarationOnly()] }, Test);
        Assert.Single(given.Messages.SelectMany(static m => m.Contents).OfType<FunctionCallContent>());
        Assert.Equal((1, 1), (_booked, declared.Requests.Count));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_service_invokes_by_itself_over_a_client_that_would(bool streaming)
    {
        using ScriptedChatClient script = new(ScriptedChatClient.Calls(("Bank-book_payment", new { amount = 3 })), ScriptedChatClient.Text("Paid."));
        Kernel kernel = new();
        kernel.ImportPluginFromFunctions("Bank", [KernelFunctionFactory.CreateFromMethod((decimal amount) => { _booked++; return $"booked {amount}"; }, "book_payment")]);
        FasterVlmChatCompletionService service = new(Registered(script, true));
        ChatHistory history = [new ChatMessageContent(AuthorRole.User, "Pay it.")];
        FasterVlmPromptExecutionSettings settings = new() { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() };
        if (streaming) await foreach (StreamingChatMessageContent _ in service.GetStreamingChatMessageContentsAsync(history, settings, kernel, Test)) { }
        else await service.GetChatMessageContentAsync(history, settings, kernel, Test);
        Assert.Equal((1, 2, 3), (_booked, script.Requests.Count, history.Count));
    }

    [Fact]
    public async Task A_prompt_function_over_the_chat_client_alone_invokes_with_the_kernels_filters()
    {
        using ScriptedChatClient script = new(ScriptedChatClient.Calls(("Bank_book_payment", new { amount = 3 })), ScriptedChatClient.Text("Paid."));
        IKernelBuilder builder = Kernel.CreateBuilder();
        builder.Services.AddSingleton(Registered(script, true));
        Kernel kernel = builder.Build();
        kernel.ImportPluginFromFunctions("Bank", [KernelFunctionFactory.CreateFromMethod((decimal amount) => { _booked++; return $"booked {amount}"; }, "book_payment")]);
        FunctionResult result = await kernel.InvokePromptAsync(
            "Pay it.", new(new FasterVlmPromptExecutionSettings { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() }), cancellationToken: Test);
        Assert.Equal(("Paid.", 1), (result.ToString(), _booked));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_picture_that_a_kernel_function_gives_back_is_a_picture_through_the_chat_client(bool invokeFunctions)
    {
        using ScriptedChatClient script = new(ScriptedChatClient.Calls(("Cam_Look", new { }), ("Cam_Both", new { })), ScriptedChatClient.Text("I see."));
        Kernel kernel = new();
        kernel.ImportPluginFromFunctions("Cam",
        [
            KernelFunctionFactory.CreateFromMethod(static () => new ImageContent("A"u8.ToArray(), "image/png"), "Look"),
            KernelFunctionFactory.CreateFromMethod(static () => new KernelContent[] { new Microsoft.SemanticKernel.TextContent("here:"), new ImageContent("B"u8.ToArray(), "image/png") }, "Both"),
        ]);
        // The Agent Framework invokes by itself where the client does not.
        ChatClientAgent agent = new(Registered(script, invokeFunctions), tools: [.. kernel.Plugins["Cam"].Select(f => f.WithKernel(kernel))]);
        Assert.Equal("I see.", (await agent.RunAsync("Look.", cancellationToken: Test)).Text);
        object?[] results = [.. script.Requests[1].Messages.SelectMany(static m => m.Contents).OfType<Microsoft.Extensions.AI.FunctionResultContent>().Select(static r => r.Result)];
        Assert.Equal("A"u8.ToArray(), Assert.IsType<DataContent>(results[0]).Data.ToArray());
        AIContent[] both = Assert.IsType<AIContent[]>(results[1]);
        Assert.Equal(("here:", "B"), (Assert.IsType<TextContent>(both[0]).Text, System.Text.Encoding.UTF8.GetString(Assert.IsType<DataContent>(both[1]).Data.Span)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_registered_client_tells_the_text_of_an_error_unless_told_not_to(bool details)
    {
        using ScriptedChatClient script = new(ScriptedChatClient.Calls(("fail", new { })), ScriptedChatClient.Text("Sorry."));
        using IChatClient client = new ChatClientPipeline(script, new() { FunctionErrorDetails = details }, new ServiceCollection().BuildServiceProvider()).Public();
        AITool fail = AIFunctionFactory.Create(string () => throw new InvalidOperationException("the lens is dirty"), "fail");
        await client.GetResponseAsync("q", new ChatOptions { Tools = [fail] }, Test);
        string? result = script.Requests[1].Messages.SelectMany(static m => m.Contents).OfType<Microsoft.Extensions.AI.FunctionResultContent>().Single().Result?.ToString();
        Assert.StartsWith("Error: ", result, StringComparison.Ordinal);
        Assert.Equal(details, result!.Contains("the lens is dirty", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Several_answers_of_a_chat_client_alone_are_refused_by_name()
    {
        using ScriptedChatClient script = new(ScriptedChatClient.Text("x"));
        IKernelBuilder builder = Kernel.CreateBuilder();
        builder.Services.AddSingleton(Registered(script, true));
        Exception error = await Assert.ThrowsAnyAsync<Exception>(() => builder.Build().InvokePromptAsync(
            "q", new(new FasterVlmPromptExecutionSettings { Choices = 2 }), cancellationToken: Test));
        Assert.Contains("n is 2", error.ToString());
        Assert.Empty(script.Requests);
    }
}
