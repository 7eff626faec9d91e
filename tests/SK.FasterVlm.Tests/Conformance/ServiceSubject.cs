using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using SK.FasterVlm.Core.Tests.EndToEnd;
using SK.FasterVlm.Generation;
using FunctionCallContent = Microsoft.SemanticKernel.FunctionCallContent;
using TextContent = Microsoft.SemanticKernel.TextContent;

namespace SK.FasterVlm.Tests.Conformance;

/// <summary>Semantic Kernel's chat completion service.</summary>
public sealed class ServiceSubject(string[]? script) : Subject(script)
{
    protected override string Separator => "-";

    public override async Task<Outcome> AskAsync(Question question, bool streaming)
    {
        ChatHistory history = [];
        history.AddUserMessage(question.WithPicture ? [new TextContent("What is in the picture?"), new ImageContent(TinyPair.Picture(), null)] : [new TextContent("What is it?")]);
        IChatCompletionService service = Kernel.GetRequiredService<IChatCompletionService>();
        PromptExecutionSettings settings = Settings(question);
        List<Answer> answers = [];
        if (!streaming)
        {
            foreach (ChatMessageContent answer in await service.GetChatMessageContentsAsync(history, settings, Kernel, Test))
            {
                Assert.Equal(AuthorRole.Assistant, answer.Role);
                Call[] calls = [.. FunctionCallContent.GetFunctionCalls(answer).Select(static (c, i) => new Call(c.Id!, Name(c), Texts(c.Arguments), i))];
                answers.Add(Answer(answer.Content ?? "", calls, answer.ModelId, [answer.Metadata!]));
            }
        }
        else
        {
            List<StreamingChatMessageContent> pieces = [];
            await foreach (StreamingChatMessageContent piece in service.GetStreamingChatMessageContentsAsync(history, settings, Kernel, Test)) pieces.Add(piece);
            foreach (IGrouping<int, StreamingChatMessageContent> choice in pieces.GroupBy(static p => p.ChoiceIndex))
            {
                // The answer is the last round; the rounds before it were of calls that the service has invoked.
                StreamingChatMessageContent[] last = [.. LastRound(choice)];
                Assert.Equal(AuthorRole.Assistant, last[0].Role);
                Assert.All(last.Skip(1), static p => Assert.Null(p.Role));
                Assert.All(last, static p => Assert.Equal(p.Metadata!["Id"], p.Metadata["CompletionId"]));
                FunctionCallContentBuilder builder = new(); // merges what has one index: calls that are not told apart come out broken
                foreach (StreamingChatMessageContent piece in last) builder.Append(piece);
                int[] indices = [.. last.SelectMany(static p => p.Items).OfType<StreamingFunctionCallUpdateContent>().Select(static c => c.FunctionCallIndex)];
                Call[] calls = [.. builder.Build().Select((c, i) => new Call(c.Id!, Name(c), Texts(c.Arguments), indices[i]))];
                answers.Add(Answer(string.Concat(last.Select(static p => p.Content)), calls, last[0].ModelId, [.. last.Select(static p => p.Metadata!)]));
            }
        }
        return new(answers, history.Count - 1);
    }

    static IEnumerable<StreamingChatMessageContent> LastRound(IEnumerable<StreamingChatMessageContent> pieces)
    {
        string? id = null;
        return pieces.Reverse().TakeWhile(p => p.Metadata!["Id"] is string own && own == (id ??= own)).Reverse();
    }

    // Plugin and function come apart, as the kernel has them.
    static string Name(FunctionCallContent call) => $"{call.PluginName}.{call.FunctionName}";

    static Answer Answer(string text, IReadOnlyList<Call> calls, string? model, IReadOnlyList<IReadOnlyDictionary<string, object?>> metadata)
    {
        IReadOnlyDictionary<string, object?> last = metadata[^1];
        return new(
            text, calls, (string?)last["FinishReason"], [.. metadata.Select(static m => (string)m["Id"]!)], (DateTimeOffset?)last["CreatedAt"], model,
            Assert.IsType<UsageDetails>(last["Usage"]), Assert.IsType<GenerationStatistics>(last["fastervlm"]));
    }

    FasterVlmPromptExecutionSettings Settings(Question question) => new()
    {
        Temperature = question.Temperature,
        Seed = 3,
        MaxTokens = question.MaxTokens,
        Choices = question.Choices,
        // OpenAI's object, as a JsonElement: the stock adapter takes all of it for the schema.
        ResponseFormat = question.Schema is { } schema ? JsonSerializer.SerializeToElement(new { type = "json_schema", json_schema = new { name = "answer", schema } }) : null,
        FunctionChoiceBehavior = question.Functions switch
        {
            Functions.NotOffered => null,
            Functions.None => FunctionChoiceBehavior.None(),
            Functions.Auto => FunctionChoiceBehavior.Auto(autoInvoke: !question.Manual, options: new() { AllowParallelCalls = question.Parallel }),
            Functions.Required => FunctionChoiceBehavior.Required(autoInvoke: !question.Manual, options: new() { AllowParallelCalls = question.Parallel }),
            _ => FunctionChoiceBehavior.Required([Kernel.Plugins.GetFunction("Cam", question.Named)], !question.Manual, new() { AllowParallelCalls = question.Parallel }),
        },
    };
}
