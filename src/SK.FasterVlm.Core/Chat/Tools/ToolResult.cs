using System.Text.Json;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat.Grammar;

namespace SK.FasterVlm.Chat.Tools;

/// <summary>What a function gave back, as a model is shown it: text, and images where there are some.</summary>
static class ToolResult
{
    /// <summary>The contents of a result, in their order.</summary>
    public static IReadOnlyList<AIContent> Contents(FunctionResultContent result)
    {
        if (result.Exception is { } error && result.Result is null or "") return [new TextContent($"Error: {error.Message}")];
        return result.Result switch
        {
            null => [new TextContent("null")],
            string text => [new TextContent(text)],
            AIContent content => [content],
            IEnumerable<AIContent> contents => [.. contents],
            Exception exception => [new TextContent($"Error: {exception.Message}")],
            JsonElement { ValueKind: JsonValueKind.String } json => [new TextContent(json.GetString()!)],
            JsonElement json => [new TextContent(json.GetRawText())],
            { } value => [new TextContent(Write(value))],
        };
    }

    /// <summary>The arguments of an earlier call: as the model wrote them where they came from here, so that its tokens are the same again.</summary>
    public static string Arguments(FunctionCallContent call) =>
        call.RawRepresentation is ToolCall own ? own.Arguments
        : call.Arguments is { Count: > 0 } arguments ? Write(arguments)
        : "{}";

    static string Write(object value) =>
        SchemaValue.Write(JsonSerializer.SerializeToNode(value, AIJsonUtilities.DefaultOptions.GetTypeInfo(value.GetType())));
}
