using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Core.Tests.Chat.Grammar;
using SK.FasterVlm.Core.Tests.EndToEnd;

namespace SK.FasterVlm.Core.Tests.Chat.Tools;

/// <summary>
/// Real sampling at temperature 1.5 over 50 sets of random tools and schemas, with the embedded model and one of random weights: no
/// malformed call, no unknown name, no violated schema, no endless answer. A short run by default; the full one is
/// <c>FASTERVLM_TOOL_RUNS=1000 dotnet test --project tests/SK.FasterVlm.Core.Tests -- --filter-class '*.ToolRunTests'</c>.
/// </summary>
public sealed class ToolRunTests(TinyPair tiny) : IClassFixture<TinyPair>
{
    const int Sets = 50;
    const int MostTokens = 400;

    static readonly int s_runs = int.TryParse(Environment.GetEnvironmentVariable("FASTERVLM_TOOL_RUNS"), out int runs) && runs > 0 ? runs : Sets;

    static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Random_weights_break_nothing()
    {
        await using FasterVlmModel model = await tiny.LoadAsync(static o => o.ContextLength = 8192);
        await RunAsync(model, "random weights");
    }

    [Fact]
    public async Task The_embedded_model_breaks_nothing()
    {
        await using FasterVlmModel model = await FasterVlmModel.LoadAsync(new() { Threads = 1, ContextLength = 8192 }, cancellationToken: Test);
        await RunAsync(model, "embedded model");
    }

    static async Task RunAsync(FasterVlmModel model, string name)
    {
        using FasterVlmChatClient client = model.CreateChatClient();
        int calls = 0, objects = 0, cut = 0, texts = 0;
        for (int run = 0; run < s_runs; run++)
        {
            JsonObject[] schemas = Schemas(run % Sets);
            ChatOptions options = Options(run, schemas);
            ChatResponse response = await client.GetStreamingResponseAsync("the dog", options, Test).ToChatResponseAsync(Test);
            string about = $"{name}, run {run}: {response.FinishReason}: {response.Text}";
            Assert.True(response.Usage!.OutputTokenCount <= MostTokens, about);
            FunctionCallContent[] made = [.. response.Messages.SelectMany(static m => m.Contents).OfType<FunctionCallContent>()];
            foreach (FunctionCallContent call in made)
            {
                int tool = int.Parse(call.Name.AsSpan("tool_".Length), CultureInfo.InvariantCulture); // one of ours, or this throws
                Assert.InRange(tool, 0, schemas.Length - 1);
                string arguments = ((SK.FasterVlm.Chat.Tools.ToolCall)call.RawRepresentation!).Arguments;
                Assert.True(SchemaValidator.IsValid(schemas[tool], arguments), $"{about}: {call.Name}({arguments}) violates {schemas[tool].ToJsonString()}");
                calls++;
            }
            Assert.Equal(made.Length, made.Select(static c => c.CallId).Distinct().Count());
            if (response.FinishReason == ChatFinishReason.Length) cut++;
            else if (made.Length > 0) Assert.Equal(ChatFinishReason.ToolCalls, response.FinishReason);
            else if (options.ResponseFormat is ChatResponseFormatJson)
            {
                Assert.True(SchemaValidator.IsValid(schemas[0], response.Text), $"{about} violates {schemas[0].ToJsonString()}");
                objects++;
            }
            else
            {
                Assert.False(options.ToolMode is RequiredChatToolMode, about);
                texts++;
            }
            Assert.DoesNotContain("#call ", response.Text, StringComparison.Ordinal);
        }
        TestContext.Current.TestOutputHelper!.WriteLine($"{name}: {s_runs} runs, {calls} calls, {objects} objects, {texts} texts, {cut} cut at {MostTokens} tokens");
        Assert.True(calls > s_runs / 4 && objects > s_runs / 20, $"{name}: only {calls} calls and {objects} objects in {s_runs} runs, {cut} cut, {texts} texts");
    }

    /// <summary>Schemas of this set that are supported; the first is the response format's, too.</summary>
    static JsonObject[] Schemas(int set)
    {
        List<JsonObject> schemas = [];
        for (int seed = set * 100; schemas.Count < 1 + (set % 4); seed++)
        {
            JsonObject schema = new RandomSchemas(seed).Next();
            try
            {
                SK.FasterVlm.Chat.Grammar.SchemaGrammar grammar = SK.FasterVlm.Chat.Grammar.SchemaGrammar.FromSchema(JsonSerializer.SerializeToElement(schema));
                if (grammar.Grammar.Length < 12_000) schemas.Add(schema);
            }
            catch (SchemaNotSupportedException)
            {
                // the next one
            }
        }
        return [.. schemas];
    }

    static ChatOptions Options(int run, JsonObject[] schemas)
    {
        AITool[] tools = [.. schemas.Select(static (s, i) => AIFunctionFactory.CreateDeclaration($"tool_{i}", "", JsonSerializer.SerializeToElement(s)))];
        ChatOptions options = new() { Temperature = 1.5f, Seed = run, MaxOutputTokens = MostTokens, Tools = tools, AllowMultipleToolCalls = run % 2 == 0 };
        options.ToolMode = (run % 5) switch
        {
            0 or 1 => ChatToolMode.RequireAny,
            2 => ChatToolMode.RequireSpecific(tools[^1].Name),
            _ => ChatToolMode.Auto,
        };
        if (run % 5 == 3) options.ResponseFormat = ChatResponseFormat.ForJsonSchema(JsonSerializer.SerializeToElement(schemas[0]));
        if (run % 10 == 3) (options.Tools, options.ToolMode) = (null, null);
        return options;
    }
}
