using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat.Grammar;

namespace SK.FasterVlm.Chat.Tools;

/// <summary>
/// What an answer may look like: text, calls, JSON, or a choice of them; with the grammar that enforces it and the words that tell the
/// model. Made from the options of a request; immutable.
/// </summary>
sealed class AnswerForm
{
    const int MostCalls = 8;
    const int MostTools = 128;

    // Keywords that bring parameters which are not under "properties".
    static readonly string[] s_saying = ["required", "allOf", "anyOf", "oneOf", "$ref", "patternProperties"];

    AnswerForm(ToolFormat format, IReadOnlyList<ToolDescription> tools) => (Format, Tools) = (format, tools);

    /// <summary>How calls are written.</summary>
    public ToolFormat Format { get; }

    /// <summary>Functions that may be called in this answer; empty when none may.</summary>
    public IReadOnlyList<ToolDescription> Tools { get; }

    /// <summary>Whether calls stand at the beginning or nowhere: other answers are JSON, which may hold any text.</summary>
    public bool CallsComeFirst { get; private init; }

    /// <summary>The grammar; null for free text.</summary>
    public string? Grammar { get; private init; }

    /// <summary>What is added to the system text; null for nothing.</summary>
    public string? Instructions { get; private init; }

    /// <summary>What of the schemas was not taken literally.</summary>
    public IReadOnlyList<string> Notes { get; private init; } = [];

    /// <summary>Reads the form from the options.</summary>
    /// <exception cref="ArgumentException">A function is named twice or not at all, or one is required that there is not.</exception>
    /// <exception cref="NotSupportedException">A tool is none that runs at the caller's.</exception>
    /// <exception cref="SchemaNotSupportedException">A schema asks for what cannot be guaranteed.</exception>
    public static AnswerForm From(ChatOptions? options, ToolFormat format)
    {
        ToolDescription[] tools = [.. (options?.Tools ?? []).Select(Describe)];
        if (tools.Length > MostTools) throw new ArgumentException($"{tools.Length} tools are given; at most {MostTools} are taken.", nameof(options));
        if (tools.GroupBy(static t => t.Name, StringComparer.Ordinal).FirstOrDefault(static g => g.Count() > 1) is { } twice)
            throw new ArgumentException($"ChatOptions.Tools holds two tools named \"{twice.Key}\".", nameof(options));
        CheckSize(tools, options?.ResponseFormat);
        ToolDescription[] callable = Callable(tools, options?.ToolMode);

        GrammarRules rules = new();
        List<string> notes = [];
        string? json = Json(options?.ResponseFormat, rules, notes);
        bool several = options?.AllowMultipleToolCalls is not false, required = options?.ToolMode is RequiredChatToolMode;
        string? calls = callable.Length == 0 ? null : Calls(callable, format, several, rules, notes);
        List<string> words = [];
        if (tools.Length > 0) words.Add(format.Describe(tools, several));
        if (json is not null && !required) words.Add(Words(options!.ResponseFormat!, calls is not null));
        return new AnswerForm(format, callable)
        {
            CallsComeFirst = json is not null || required,
            Grammar = (calls, json) switch
            {
                (null, null) => tools.Length == 0 ? null : FreeText(format.CallStart, null),
                (null, _) => rules.Finish($"{GrammarRules.Space} {json}"),
                _ when required => rules.Finish($"{GrammarRules.Space} {GrammarRules.Literal(format.CallStart)} {calls}"),
                (_, null) => FreeText(format.CallStart, calls) + rules,
                _ => rules.Finish($"{GrammarRules.Space} ({GrammarRules.Literal(format.CallStart)} {calls} | {json})"),
            },
            Instructions = words.Count > 0 ? string.Join("\n\n", words) : null,
            Notes = notes,
        };
    }

    // Schemas that need no grammar (no call is possible) are shown to the model all the same.
    static void CheckSize(ToolDescription[] tools, ChatResponseFormat? format)
    {
        long characters = tools.Sum(static t => (long)Length(t.Parameters)) + (format is ChatResponseFormatJson { Schema: { } schema } ? Length(schema) : 0);
        if (characters > SchemaGrammar.LongestSchema)
            throw new SchemaNotSupportedException($"The schemas of tools and answer have {characters} characters; at most {SchemaGrammar.LongestSchema} are taken.", "");

        static int Length(JsonElement schema) => JsonMarshal.GetRawUtf8Value(schema).Length;
    }

    static ToolDescription Describe(AITool tool)
    {
        if (tool is not AIFunctionDeclaration function)
            throw new NotSupportedException($"ChatOptions.Tools holds a {tool.GetType().Name}; this model can call functions only.");
        if (string.IsNullOrWhiteSpace(function.Name) || function.Name.Any(char.IsControl))
            throw new ArgumentException("ChatOptions.Tools holds a function without a usable name.", nameof(tool));
        return new ToolDescription(function.Name, function.Description, Closed(function.Name, function.JsonSchema));
    }

    /// <summary>Arguments are an object of the declared parameters and nothing else, also where there are none.</summary>
    static JsonElement Closed(string name, JsonElement schema)
    {
        if (schema.ValueKind is JsonValueKind.Undefined or JsonValueKind.True or JsonValueKind.Null) return JsonSerializer.SerializeToElement(new JsonObject { ["type"] = "object", ["properties"] = new JsonObject(), ["additionalProperties"] = false });
        if (schema.ValueKind != JsonValueKind.Object || JsonNode.Parse(schema.GetRawText()) is not JsonObject node)
            throw new SchemaNotSupportedException($"The parameters of \"{name}\" are no object schema.", "");
        node.TryAdd("type", "object");
        if (node["type"] is not JsonValue type || !type.TryGetValue(out string? kind) || kind != "object")
            throw new SchemaNotSupportedException($"The parameters of \"{name}\" are no object schema.", "/type");
        bool saysNothing = node["properties"] is null or JsonObject { Count: 0 };
        if (saysNothing && !s_saying.Any(node.ContainsKey)) node.TryAdd("additionalProperties", false);
        return JsonSerializer.SerializeToElement(node);
    }

    static ToolDescription[] Callable(ToolDescription[] tools, ChatToolMode? mode)
    {
        if (mode is NoneChatToolMode) return [];
        if (mode is not RequiredChatToolMode required) return tools;
        if (tools.Length == 0) throw new ArgumentException("ChatOptions.ToolMode requires a call but ChatOptions.Tools is empty.", nameof(mode));
        if (required.RequiredFunctionName is not { } name) return tools;
        ToolDescription[] named = [.. tools.Where(t => t.Name == name)];
        return named.Length == 1 ? named : throw new ArgumentException($"ChatOptions.ToolMode requires \"{name}\", which ChatOptions.Tools does not hold.", nameof(mode));
    }

    /// <summary>One call or several, without the start of the first.</summary>
    static string Calls(ToolDescription[] tools, ToolFormat format, bool several, GrammarRules rules, List<string> notes)
    {
        List<string> calls = [];
        foreach (ToolDescription tool in tools)
        {
            string arguments;
            try
            {
                (arguments, IReadOnlyList<string> remarks) = SchemaGrammar.Compile(tool.Parameters, rules, GrammarLimits.Default);
                notes.AddRange(remarks.Select(n => $"{tool.Name}{n}"));
            }
            catch (SchemaNotSupportedException e)
            {
                throw new SchemaNotSupportedException($"Parameters of \"{tool.Name}\": {e.Message}", e.SchemaPath);
            }
            (string before, string after) = format.Frame(tool.Name);
            calls.Add(rules.Add($"{GrammarRules.Literal(before)} {arguments} {GrammarRules.Literal(after)}"));
        }
        string call = rules.Union(calls);
        if (!several) return call;
        string next = rules.Add($"{GrammarRules.Literal(format.BetweenCalls + format.CallStart)} {call}");
        return rules.Add($"{call} {next}{GrammarRules.Times(0, MostCalls - 1)}");
    }

    static string? Json(ChatResponseFormat? format, GrammarRules rules, List<string> notes)
    {
        if (format is not ChatResponseFormatJson json) return null;
        JsonElement schema = json.Schema ?? JsonSerializer.SerializeToElement(new JsonObject { ["type"] = "object" });
        (string rule, IReadOnlyList<string> remarks) = SchemaGrammar.Compile(schema, rules, GrammarLimits.Default);
        notes.AddRange(remarks);
        return rule;
    }

    static string Words(ChatResponseFormat format, bool orCall)
    {
        string form = format is ChatResponseFormatJson { Schema: { } schema } ? $"JSON of this form: {SchemaText.Of(schema)}" : "a JSON object";
        string about = format is ChatResponseFormatJson { SchemaDescription: { Length: > 0 } description } ? $" ({description})" : "";
        return orCall ? $"When you do not call a function, answer with {form}{about}" : $"Answer with {form}{about}";
    }

    /// <summary>
    /// Text that does not contain a word, and optionally that word with what must follow: the automaton that finds the word (Knuth,
    /// Morris and Pratt 1977), one rule for each of its states. No text has two ways through it.
    /// </summary>
    static string FreeText(string word, string? then)
    {
        char[] letters = [.. word.Distinct()];
        System.Text.StringBuilder grammar = new("root ::= text0\n");
        for (int state = 0; state < word.Length; state++)
        {
            List<string> ways = [$"[^{string.Concat(letters.Select(Class))}] text0"];
            foreach (char letter in letters)
            {
                string read = word[..state] + letter;
                int next = Math.Min(read.Length, word.Length);
                while (!word.StartsWith(read[^next..], StringComparison.Ordinal)) next--;
                if (next < word.Length) ways.Add($"{GrammarRules.Literal(letter.ToString())} text{next}");
                else if (then is not null) ways.Add($"{GrammarRules.Literal(letter.ToString())} {then}");
            }
            grammar.Append("text").Append(state).Append(" ::= ").AppendJoin(" | ", ways).Append(" | \"\"\n");
        }
        return grammar.ToString();

        static string Class(char c) => $"\\u{(int)c:X4}";
    }
}
