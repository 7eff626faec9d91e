using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Server.Protocol;

namespace SK.FasterVlm.Server.Requests;

/// <summary>Reads <c>tools</c>, <c>tool_choice</c> and <c>parallel_tool_calls</c>.</summary>
static partial class ToolReader
{
    const int MaxDescription = 16_384;
    static readonly JsonElement NoParameters = JsonElement.Parse("""{"type":"object","properties":{},"additionalProperties":false}""");

    /// <summary>Puts the tools and how to choose among them into the options.</summary>
    /// <param name="body">The request.</param>
    /// <param name="options">Gets the tools.</param>
    /// <param name="maxTools">Most tools.</param>
    /// <param name="schemas">Gets the schemas of their arguments.</param>
    /// <param name="nested">Whether a function stands in a field of its own (chat completions) or is flat (responses).</param>
    public static void Read(JsonFields body, ChatOptions options, int maxTools, RequestSchemas schemas, bool nested)
    {
        List<AITool> tools = [];
        foreach ((JsonElement element, string path) in body.List("tools", maxTools) ?? [])
        {
            AIFunctionDeclaration tool = Tool(new JsonFields(element, path), schemas, nested);
            if (tools.Any(t => t.Name == tool.Name)) throw ApiErrors.Value(path, $"there are two functions called '{tool.Name}'.");
            tools.Add(tool);
        }
        bool chosen = body.Has("tool_choice"), several = body.Has("parallel_tool_calls");
        if (body.Take("tool_choice") is { } choice) options.ToolMode = Choice(choice, body.PathOf("tool_choice"), ref tools, nested);
        options.AllowMultipleToolCalls = body.Boolean("parallel_tool_calls");
        if (tools.Count > 0) options.Tools = tools;
        else if (chosen && options.ToolMode is not NoneChatToolMode) throw ApiErrors.Value("tool_choice", "it is only allowed when 'tools' are given.");
        else if (several) throw ApiErrors.Value("parallel_tool_calls", "it is only allowed when 'tools' are given.");
        else options.ToolMode = null;
    }

    static AIFunctionDeclaration Tool(JsonFields tool, RequestSchemas schemas, bool nested)
    {
        string type = tool.RequiredText("type");
        if (type != "function") throw ApiErrors.UnsupportedValue(tool.PathOf("type"), $"is '{Names.Printable(type)}'; only 'function' is supported");
        JsonFields function = nested ? tool.Object("function") ?? throw ApiErrors.Missing(tool.PathOf("function")) : tool;
        string name = Name(function);
        string? description = function.Text("description", MaxDescription);
        bool strict = function.Boolean("strict") is true; // arguments follow the schema either way: the grammar leaves no other
        JsonElement schema = function.Take("parameters") is { } parameters
            ? schemas.AddParameters(parameters, function.PathOf("parameters"), strict)
            : NoParameters;
        function.End();
        if (nested) tool.End();
        return AIFunctionFactory.CreateDeclaration(name, description, schema);
    }

    /// <summary>The name of a function: of a tool, or of a call in the conversation.</summary>
    public static string Name(JsonFields function)
    {
        string name = function.RequiredText("name");
        return ValidName().IsMatch(name) ? name : throw ApiErrors.Value(
            function.PathOf("name"), "string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$' and has at most 64 characters.");
    }

    static ChatToolMode Choice(JsonElement choice, string path, ref List<AITool> tools, bool nested)
    {
        if (choice.ValueKind == JsonValueKind.String) return Mode(JsonFields.Text(choice, path), path);
        JsonFields fields = new(choice, path);
        string type = fields.RequiredText("type");
        switch (type)
        {
            case "function":
                JsonFields function = nested ? fields.Object("function") ?? throw ApiErrors.Missing(fields.PathOf("function")) : fields;
                string name = Known(function, tools);
                function.End();
                if (nested) fields.End();
                return ChatToolMode.RequireSpecific(name);
            case "allowed_tools":
                JsonFields allowed = nested ? fields.Object("allowed_tools") ?? throw ApiErrors.Missing(fields.PathOf("allowed_tools")) : fields;
                tools = Allowed(allowed, tools, nested);
                ChatToolMode mode = Mode(allowed.Word("mode", "auto", "required") ?? throw ApiErrors.Missing(allowed.PathOf("mode")), path);
                allowed.End();
                if (nested) fields.End();
                return mode;
            default:
                throw ApiErrors.UnsupportedValue(
                    fields.PathOf("type"), $"is '{Names.Printable(type)}'; only 'function' and 'allowed_tools' are supported");
        }
    }

    static ChatToolMode Mode(string word, string path) => word switch
    {
        "auto" => ChatToolMode.Auto,
        "none" => ChatToolMode.None,
        "required" => ChatToolMode.RequireAny,
        _ => throw ApiErrors.Value(path, $"'{Names.Printable(word)}' is not one of: auto, none, required."),
    };

    static List<AITool> Allowed(JsonFields allowed, List<AITool> tools, bool nested)
    {
        List<AITool> chosen = [];
        foreach ((JsonElement element, string path) in allowed.List("tools", Math.Max(tools.Count, 1)) ?? throw ApiErrors.Missing(allowed.PathOf("tools")))
        {
            JsonFields tool = new(element, path);
            tool.Word("type", "function");
            JsonFields function = nested ? tool.Object("function") ?? throw ApiErrors.Missing(tool.PathOf("function")) : tool;
            string name = Known(function, tools);
            function.End();
            if (nested) tool.End();
            chosen.Add(tools.First(t => t.Name == name));
        }
        return chosen.Count > 0 ? chosen : throw ApiErrors.Value(allowed.PathOf("tools"), "it is empty.", "empty_array");
    }

    static string Known(JsonFields function, List<AITool> tools)
    {
        string name = Name(function);
        return tools.Any(t => t.Name == name) ? name : throw ApiErrors.Value(function.PathOf("name"), $"there is no function '{name}' in 'tools'.");
    }

    [GeneratedRegex(@"^[a-zA-Z0-9_-]{1,64}\z", RegexOptions.CultureInvariant)]
    private static partial Regex ValidName();
}
