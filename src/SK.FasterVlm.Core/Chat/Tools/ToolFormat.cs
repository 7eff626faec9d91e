using System.Text.Json;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Chat.Tools;

/// <summary>A function a model may call.</summary>
/// <param name="Name">Its exact name.</param>
/// <param name="Description">What it does; may be empty.</param>
/// <param name="Parameters">JSON schema of the object of its arguments.</param>
public sealed record ToolDescription(string Name, string Description, JsonElement Parameters);

/// <summary>A call a model has made.</summary>
/// <param name="Name">The function's name.</param>
/// <param name="Arguments">The arguments: a JSON object, as the model wrote it.</param>
public sealed record ToolCall(string Name, string Arguments);

/// <summary>
/// How functions are described to a model, how it writes calls, and how calls and results stand in the conversation. The syntax is
/// enforced by a grammar made from what a format says, so a model need not have been trained for it.
/// </summary>
public abstract class ToolFormat
{
    static readonly ToolFormat[] s_all = [new LineToolFormat(), new HermesToolFormat()];

    /// <summary>Short lower-case name for options.</summary>
    public abstract string Name { get; }

    /// <summary>
    /// What every call begins with. Text of an answer cannot contain it: from its last character on, the rest of a call follows.
    /// </summary>
    public abstract string CallStart { get; }

    /// <summary>What stands between two calls of one turn.</summary>
    public abstract string BetweenCalls { get; }

    /// <summary>Spellings of structure that nobody's text may contain; they are broken by a space where they occur.</summary>
    public abstract IReadOnlyList<string> Reserved { get; }

    /// <summary>The part of the system text that describes the functions and the syntax.</summary>
    /// <param name="tools">At least one.</param>
    /// <param name="severalCalls">Whether one turn may hold several calls.</param>
    public abstract string Describe(IReadOnlyList<ToolDescription> tools, bool severalCalls);

    /// <summary>
    /// What stands before and after the arguments in a call of a function, behind <see cref="CallStart"/>. In the conversation the name
    /// is text, like the arguments: it cannot become a special token.
    /// </summary>
    public abstract (string Before, string After) Frame(string name);

    /// <summary>An earlier call as it stands in the conversation.</summary>
    public virtual IReadOnlyList<PromptSegment> WriteCall(ToolCall call)
    {
        ArgumentNullException.ThrowIfNull(call);
        // The name is somebody's word like the arguments: a caller may send any conversation.
        (string before, string after) = Frame(call.Name);
        int at = before.IndexOf(call.Name, StringComparison.Ordinal);
        (int from, int to) = at < 0 ? (0, before.Length) : (at, at + call.Name.Length);
        PromptSegment[] segments =
        [
            PromptSegment.Marker(CallStart), PromptSegment.Marker(before[..from]), PromptSegment.UserText(before[from..to]),
            PromptSegment.Marker(before[to..]), PromptSegment.UserText(call.Arguments), PromptSegment.Marker(after),
        ];
        return [.. segments.Where(static s => s.Text.Length > 0)];
    }

    /// <summary>A function's result as it stands in the conversation.</summary>
    /// <param name="name">The function's name.</param>
    /// <param name="result">Untrusted text.</param>
    public abstract IReadOnlyList<PromptSegment> WriteResult(string name, string result);

    /// <summary>The names <see cref="ByName"/> knows: <c>line</c>, <c>hermes</c>.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. s_all.Select(static f => f.Name)];

    /// <summary>Finds a format.</summary>
    /// <param name="name">One of <see cref="Names"/>, in any case.</param>
    /// <exception cref="ArgumentException">No format has that name; the message lists those there are.</exception>
    public static ToolFormat ByName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return Array.Find(s_all, f => f.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            ?? throw new ArgumentException($"There is no tool format \"{name}\"; choose one of: {string.Join(", ", Names)}.", nameof(name));
    }

    /// <summary>
    /// The format a model was trained on, as far as its chat template tells (<c>&lt;tool_call&gt;</c> is Hermes'); <c>line</c> for
    /// all others.
    /// </summary>
    public static ToolFormat ForModel(LanguageModelInfo model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model.ChatTemplate?.Contains("<tool_call>", StringComparison.Ordinal) is true ? ByName("hermes") : ByName("line");
    }

    /// <summary>Breaks what looks like structure in somebody's text.</summary>
    internal string Neutralize(string text)
    {
        foreach (string reserved in Reserved)
            text = text.Replace(reserved, $"{reserved[0]} {reserved[1..]}", StringComparison.OrdinalIgnoreCase);
        return text;
    }
}

/// <summary>
/// For models never trained for tools: one line per call, <c>#call name({"key": "value"})</c>, and results as
/// <c>#result name: text</c>. Functions are described by signatures, which takes fewer tokens than JSON schemas.
/// </summary>
sealed class LineToolFormat : ToolFormat
{
    public override string Name => "line";

    public override string CallStart => "#call ";

    public override string BetweenCalls => "\n";

    public override IReadOnlyList<string> Reserved => ["#call", "#result"];

    public override string Describe(IReadOnlyList<ToolDescription> tools, bool severalCalls)
    {
        int left = SchemaText.MostCharacters;
        return "You can call functions. To call one, write a line of its own:\n#call name({\"parameter\": value})\n"
            + (severalCalls ? "Several calls stand on lines of their own. " : "Make one call at a time. ")
            + "Results come back as lines that begin with #result. Call a function only when it helps; otherwise answer in plain text.\nFunctions:\n"
            + string.Join('\n', tools.Select(t => $"{t.Name}({SchemaText.Of(t.Parameters, ref left)}){(t.Description.Length > 0 ? " - " + OneLine(t.Description) : "")}"));
    }

    public override (string Before, string After) Frame(string name) => (name + "(", ")");

    public override IReadOnlyList<PromptSegment> WriteResult(string name, string result) =>
        [PromptSegment.Marker("#result "), PromptSegment.UserText(name), PromptSegment.Marker(": "), PromptSegment.UserText(result)];

    static string OneLine(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}

/// <summary>
/// The format of Hermes, Qwen and others whose chat templates write <c>&lt;tool_call&gt;</c>: JSON schemas between
/// <c>&lt;tools&gt;</c>, calls and results as JSON in tags.
/// </summary>
sealed class HermesToolFormat : ToolFormat
{
    public override string Name => "hermes";

    public override string CallStart => "<tool_call>";

    public override string BetweenCalls => "\n";

    public override IReadOnlyList<string> Reserved =>
        ["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<tools>", "</tools>"];

    public override string Describe(IReadOnlyList<ToolDescription> tools, bool severalCalls) =>
        "# Tools\n\nYou may call " + (severalCalls ? "one or more functions" : "one function") + " to assist with the user query.\n\n"
        + "You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n"
        + string.Join('\n', tools.Select(static t =>
            $"{{\"type\": \"function\", \"function\": {{\"name\": {Grammar.SchemaValue.Write(t.Name)}, \"description\": {Grammar.SchemaValue.Write(t.Description)}, \"parameters\": {t.Parameters.GetRawText()}}}}}"))
        + "\n</tools>\n\nFor each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:\n"
        + "<tool_call>\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call>";

    public override (string Before, string After) Frame(string name) =>
        ($"\n{{\"name\": {Grammar.SchemaValue.Write(name)}, \"arguments\": ", "}\n</tool_call>");

    public override IReadOnlyList<PromptSegment> WriteResult(string name, string result) =>
        [PromptSegment.Marker("<tool_response>\n"), PromptSegment.UserText(result), PromptSegment.Marker("\n</tool_response>")];
}
