using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Chat.Tools;
using SK.FasterVlm.Core.Tests.Chat.Grammar;
using SK.FasterVlm.Core.Tests.EndToEnd;
using SK.FasterVlm.Generation;

namespace SK.FasterVlm.Core.Tests.Chat.Tools;

/// <summary>
/// Real sampling at temperature 1.5 over 50 sets of random tools and schemas, with the embedded model and one of random weights, in both
/// formats and all modes, with varied prompts and pictures: no malformed call, no unknown name, no violated schema, no endless answer.
/// The number of runs of each model: <c>FASTERVLM_TOOL_RUNS=1000 dotnet test --project tests/SK.FasterVlm.Core.Tests -- --filter-class
/// '*.ToolRunTests'</c>.
/// </summary>
/// <remarks>
/// No endless answer: every call and object is bounded by its grammar. Where that bound is at most <see cref="Room"/> tokens the run gets
/// them all and must end by itself. Where it is wider the run may be cut, and then what was written must be the beginning of what the
/// grammar takes, which no grammar of ours takes for ever (it has no recursion). Only free text has no bound but the limit on tokens.
/// </remarks>
public sealed class ToolRunTests(TinyPair tiny) : IClassFixture<TinyPair>
{
    const int Sets = 50;
    const int Room = 4000;
    const int Shortest = 120;
    const int DefaultRuns = 50;

    static readonly string[] s_prompts = ["the dog", "", "Call a tool.", "What is red, 3 + 4 and \"quoted\"?", "{\"a\": [1, 2", "#call tool_0({})", "zwölf Köche 日本"];

    static readonly int s_runs = int.TryParse(Environment.GetEnvironmentVariable("FASTERVLM_TOOL_RUNS"), out int runs) && runs > 0 ? runs : DefaultRuns;

    static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Random_weights_break_nothing()
    {
        await using FasterVlmModel model = await tiny.LoadAsync(static o => o.ContextLength = 16_384);
        await RunAsync(model, "random weights");
    }

    [Fact]
    public async Task The_embedded_model_breaks_nothing()
    {
        await using FasterVlmModel model = await FasterVlmModel.LoadAsync(new() { Threads = 1, ContextLength = 16_384 }, cancellationToken: Test);
        await RunAsync(model, "embedded model");
    }

    sealed class Count
    {
        public int Calls, Objects, Texts, Ended, Cut, CutTexts, Pictures;
        public long Tokens;
        public Dictionary<string, int> Kinds { get; } = [];
    }

    static async Task RunAsync(FasterVlmModel model, string name)
    {
        using FasterVlmChatClient client = model.CreateChatClient();
        Count count = new();
        int each = (s_runs + Sets - 1) / Sets;
        for (int run = 0; run < s_runs; run++)
        {
            // The runs of a set follow each other, so that the prompt of one is the beginning of the next.
            Random random = new(run);
            string format = run / each % 2 == 0 ? "line" : "hermes";
            JsonObject[] schemas = Schemas(run / each, format == "line" ? 12_000 : 2_500);
            await RunAsync(client, run, random, format, schemas, count, name);
        }
        string summary = $"{name}: {s_runs} runs, {count.Tokens} tokens: {count.Calls} calls, {count.Objects} objects, {count.Texts} texts; {count.Ended} of the bounded answers "
            + $"ended by themselves, {count.Cut} with a wider bound were cut and {count.CutTexts} texts; {count.Pictures} with a picture; {string.Join(", ", count.Kinds.OrderBy(static k => k.Key).Select(static k => $"{k.Value} {k.Key}"))}";
        TestContext.Current.TestOutputHelper!.WriteLine(summary);
        Assert.True(count.Calls > s_runs / 4 && count.Objects > s_runs / 20 && count.Ended > s_runs / 4, summary);
        Assert.True(count.Kinds.Keys.Count >= Math.Min(10, s_runs / 20), summary);
    }

    static async Task RunAsync(FasterVlmChatClient client, int run, Random random, string format, JsonObject[] schemas, Count count, string name)
    {
        ChatOptions options = Options(run, random, format, schemas, out string mode);
        AnswerForm form = AnswerForm.From(options, ToolFormat.ByName(format));
        bool isBounded = form.CallsComeFirst && form.Grammar is not null; // no free text before
        Gbnf? grammar = form.Grammar is null || form is { Tools.Count: 0, CallsComeFirst: false } ? null : new Gbnf(isBounded ? form.Grammar : Required(options, format));
        long? bound = grammar?.Longest();
        bool mustEnd = isBounded && bound <= Room;
        options.MaxOutputTokens = mustEnd ? (int)bound! + 2 : Shortest;
        (ChatResponse response, string? raw) = await AskAsync(client, random, options, count);
        count.Kinds[$"{format} {mode}"] = count.Kinds.GetValueOrDefault($"{format} {mode}") + 1;
        count.Tokens += response.Usage!.OutputTokenCount!.Value;

        string about = $"{name}, run {run}, {format}, {mode}: {response.FinishReason} after {response.Usage.OutputTokenCount} of {options.MaxOutputTokens}: {raw ?? response.Text}";
        bool isCut = response.FinishReason == ChatFinishReason.Length;
        FunctionCallContent[] made = [.. response.Messages.SelectMany(static m => m.Contents).OfType<FunctionCallContent>()];
        foreach (FunctionCallContent call in made)
        {
            int tool = int.Parse(call.Name.AsSpan("tool_".Length), CultureInfo.InvariantCulture); // one of ours, or this throws
            Assert.InRange(tool, 0, schemas.Length - 1);
            string arguments = ((ToolCall)call.RawRepresentation!).Arguments;
            Assert.True(SchemaValidator.IsValid(schemas[tool], arguments), $"{about}: {call.Name}({arguments}) violates {schemas[tool].ToJsonString()}");
            count.Calls++;
        }
        Assert.Equal(made.Length, made.Select(static c => c.CallId).Distinct().Count());
        Assert.True(made.Length == 0 || options.ToolMode is not NoneChatToolMode, about);

        // What was begun is a call or an object, or the beginning of one.
        int start = isBounded ? 0 : raw?.IndexOf(form.Format.CallStart, StringComparison.Ordinal) ?? -1;
        if (grammar is not null && raw is not null && start >= 0)
        {
            // The last token there was room for may have been the last of the answer.
            Assert.True(grammar.Accepts(raw[start..]) || (isCut && grammar.Begins(raw[start..])), $"{about} does not follow the grammar");
        }
        Assert.False(isCut && mustEnd, $"{about}: no end within the bound of the grammar, {bound} tokens");
        if (isCut) _ = start >= 0 && grammar is not null ? count.Cut++ : count.CutTexts++;
        else if (mustEnd) count.Ended++;

        if (made.Length > 0) Assert.Equal(isCut ? ChatFinishReason.Length : ChatFinishReason.ToolCalls, response.FinishReason);
        else if (!isCut && options.ResponseFormat is ChatResponseFormatJson)
        {
            Assert.True(SchemaValidator.IsValid(schemas[0], response.Text), $"{about} violates {schemas[0].ToJsonString()}");
            count.Objects++;
        }
        else if (!isCut)
        {
            Assert.False(options.ToolMode is RequiredChatToolMode, about);
            count.Texts++;
        }
        if (options.ResponseFormat is null) Assert.DoesNotContain(form.Format.CallStart, response.Text, StringComparison.Ordinal);
    }

    static async Task<(ChatResponse Response, string? Raw)> AskAsync(FasterVlmChatClient client, Random random, ChatOptions options, Count count)
    {
        List<AIContent> contents = [new TextContent(s_prompts[random.Next(s_prompts.Length)])];
        if (random.Next(5) == 0 || ((TextContent)contents[0]).Text.Length == 0)
        {
            contents.Add(new DataContent(TinyPair.Picture(1 + random.Next(3)), "image/png"));
            count.Pictures++;
        }
        ChatMessage[] messages = [new(ChatRole.User, contents)];
        if (random.Next(2) == 0)
        {
            ChatResponse streamed = await client.GetStreamingResponseAsync(messages, options, Test).ToChatResponseAsync(Test);
            if (streamed.FinishReason != ChatFinishReason.Length) return (streamed, null);
        }
        // Only a whole answer has the text of a call that was cut.
        ChatResponse response = await client.GetResponseAsync(messages, options, Test);
        return (response, ((GenerationResult)response.RawRepresentation!).Text.TrimEnd('\uFFFD')); // the cut may go through a character
    }

    /// <summary>Schemas of this set that are supported; the first is the response format's, too. Every other set has the rare keywords.</summary>
    static JsonObject[] Schemas(int set, int longestGrammar)
    {
        List<JsonObject> schemas = [];
        for (int seed = set * 1000; schemas.Count < 1 + (set % 4); seed++)
        {
            JsonObject schema = new RandomSchemas(seed, isWide: set % 3 == 0).Next();
            try
            {
                SK.FasterVlm.Chat.Grammar.SchemaGrammar grammar = SK.FasterVlm.Chat.Grammar.SchemaGrammar.FromSchema(JsonSerializer.SerializeToElement(schema));
                if (grammar.Grammar.Length < longestGrammar && schema.ToJsonString().Length < Math.Min(3000, longestGrammar / 2)) schemas.Add(schema);
            }
            catch (SchemaNotSupportedException)
            {
                // the next one
            }
        }
        return [.. schemas];
    }

    static ChatOptions Options(int run, Random random, string format, JsonObject[] schemas, out string mode)
    {
        AITool[] tools = [.. schemas.Select(static (s, i) => AIFunctionFactory.CreateDeclaration($"tool_{i}", "", JsonSerializer.SerializeToElement(s)))];
        ChatOptions options = new()
        {
            Temperature = 1.5f,
            Seed = run,
            Tools = tools,
            AllowMultipleToolCalls = random.Next(2) == 0,
            AdditionalProperties = new() { ["tool_format"] = format },
        };
        ChatResponseFormat json = ChatResponseFormat.ForJsonSchema(JsonSerializer.SerializeToElement(schemas[0]));
        (mode, options.ToolMode, options.ResponseFormat) = random.Next(10) switch
        {
            0 or 1 or 2 => ("required", ChatToolMode.RequireAny, null),
            3 or 4 => ("one required", ChatToolMode.RequireSpecific(tools[^1].Name), null),
            5 => ("auto", ChatToolMode.Auto, null),
            6 => ("none", ChatToolMode.None, null),
            7 => ("auto or JSON", ChatToolMode.Auto, json),
            8 => ("none, JSON", ChatToolMode.None, json),
            _ => ("JSON", (ChatToolMode?)null, json),
        };
        if (mode == "JSON") options.Tools = null;
        return options;
    }

    // What may follow free text.
    static string Required(ChatOptions options, string format)
    {
        ChatOptions required = options.Clone();
        required.ToolMode = ChatToolMode.RequireAny;
        return AnswerForm.From(required, ToolFormat.ByName(format)).Grammar!;
    }
}
