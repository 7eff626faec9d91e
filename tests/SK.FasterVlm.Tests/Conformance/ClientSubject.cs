using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Core.Tests.EndToEnd;
using SK.FasterVlm.Generation;
using FunctionCallContent = Microsoft.Extensions.AI.FunctionCallContent;
using TextContent = Microsoft.Extensions.AI.TextContent;

namespace SK.FasterVlm.Tests.Conformance;

/// <summary>The registered chat client, with the kernel's functions as its tools.</summary>
public sealed class ClientSubject(string[]? script) : Subject(script)
{
    protected override string Separator => "_";

    public override async Task<Outcome> AskAsync(Question question, bool streaming)
    {
        // A data content has to have a type; that it is no type of image says nothing about the bytes.
        List<ChatMessage> messages =
        [
            new(ChatRole.User, question.WithPicture ? [new TextContent("What is in the picture?"), new DataContent(TinyPair.Picture(), "application/octet-stream")] : [new TextContent("What is it?")]),
        ];
        IChatClient client = Kernel.GetRequiredService<IChatClient>();
        Answer answer;
        if (!streaming)
        {
            ChatResponse response = await client.GetResponseAsync(messages, Options(question), Test);
            answer = Answer(response.Messages[^1].Contents, response.FinishReason, [response.ResponseId], response.CreatedAt, response.ModelId, response.Usage, response.AdditionalProperties);
            Assert.Equal(ChatRole.Assistant, response.Messages[^1].Role);
        }
        else
        {
            List<ChatResponseUpdate> updates = [];
            await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(messages, Options(question), Test)) updates.Add(update);
            ChatResponseUpdate end = updates.Last(static u => u.FinishReason is not null);
            ChatResponseUpdate[] last = [.. updates.Where(u => u.ResponseId == end.ResponseId)]; // the rounds before it were of calls that were invoked
            Assert.All(last, static u => Assert.Equal(ChatRole.Assistant, u.Role));
            answer = Answer(
                [.. last.SelectMany(static u => u.Contents)], end.FinishReason, [.. last.Select(static u => u.ResponseId)], end.CreatedAt, end.ModelId,
                end.Contents.OfType<UsageContent>().Single().Details, end.AdditionalProperties);
        }
        return new([answer], messages.Count - 1);
    }

    static Answer Answer(
        IEnumerable<AIContent> contents, ChatFinishReason? reason, IEnumerable<string?> ids, DateTimeOffset? created, string? model, UsageDetails? usage,
        AdditionalPropertiesDictionary? more) => new(
            string.Concat(contents.OfType<TextContent>().Select(static t => t.Text)),
            [.. contents.OfType<FunctionCallContent>().Select(static c => new Call(
                c.CallId, c.Name.Replace('_', '.'), Texts(c.Arguments), (int)c.AdditionalProperties![FasterVlmChatClient.CallIndexKey]!))],
            reason?.Value, [.. ids.Select(static i => i!)], created, model, usage!, Assert.IsType<GenerationStatistics>(more![FasterVlmChatClient.StatisticsKey]));

    ChatOptions Options(Question question) => new()
    {
        Temperature = question.Temperature,
        Seed = 3,
        MaxOutputTokens = question.MaxTokens,
        ResponseFormat = question.Schema is { } schema ? ChatResponseFormat.ForJsonSchema(schema, "answer") : null,
        AllowMultipleToolCalls = question.Functions == Functions.NotOffered ? null : question.Parallel,
        Tools = question.Functions == Functions.NotOffered ? null : [.. Kernel.Plugins["Cam"].Select(AITool (f) => question.Manual ? f.WithKernel(Kernel).AsDeclarationOnly() : f.WithKernel(Kernel))],
        ToolMode = question.Functions switch
        {
            Functions.NotOffered => null,
            Functions.None => ChatToolMode.None,
            Functions.Auto => ChatToolMode.Auto,
            Functions.Required => ChatToolMode.RequireAny,
            _ => ChatToolMode.RequireSpecific($"Cam_{question.Named}"),
        },
    };
}
