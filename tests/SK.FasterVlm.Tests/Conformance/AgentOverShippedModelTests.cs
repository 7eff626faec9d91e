using Microsoft.Agents.AI;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Core.Tests.EndToEnd;
using TextContent = Microsoft.Extensions.AI.TextContent;

namespace SK.FasterVlm.Tests.Conformance;

/// <summary>The Agent Framework's agent over the shipped model: it must call, its call is valid and is invoked once, and it answers.</summary>
public sealed class AgentOverShippedModelTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_agent_calls_a_function_about_a_picture_and_answers(bool streaming)
    {
        Shipped.Require();
        await using Subject subject = new ClientSubject(null);
        ChatClientAgent agent = new(subject.Kernel.GetRequiredService<IChatClient>(), instructions: "You look after a house.", tools: [AIFunctionFactory.Create(subject.Camera.Snap, "snap")]);
        ChatClientAgentRunOptions options = new(new ChatOptions { ToolMode = ChatToolMode.RequireAny, AllowMultipleToolCalls = false });
        ChatMessage question = new(ChatRole.User, [new TextContent("What is in the picture?"), new DataContent(TinyPair.Picture(), "image/png")]);
        CancellationToken test = TestContext.Current.CancellationToken;
        AgentResponse answer = streaming
            ? await agent.RunStreamingAsync([question], options: options, cancellationToken: test).ToAgentResponseAsync(test)
            : await agent.RunAsync([question], options: options, cancellationToken: test);
        Assert.True(Enum.IsDefined(Assert.Single(subject.Camera.Snapped).Room));
        Assert.Equal(ChatRole.Assistant, answer.Messages[^1].Role);
        Assert.Empty(answer.Messages[^1].Contents.OfType<Microsoft.Extensions.AI.FunctionCallContent>());
    }
}
