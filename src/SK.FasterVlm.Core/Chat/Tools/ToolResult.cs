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
            JsonElement json => Protocol(json) ?? [new TextContent(json.GetRawText())],
            { } value => Contents(Json(value)),
        };
    }

    static List<AIContent> Contents(JsonElement json) => Protocol(json) ?? [new TextContent(Write(json))];

    /// <summary>The arguments of an earlier call: as the model wrote them where they came from here, so that its tokens are the same again.</summary>
    public static string Arguments(FunctionCallContent call) =>
        call.RawRepresentation is ToolCall own ? own.Arguments
        : call.Arguments is { Count: > 0 } arguments ? Write(Json(arguments))
        : "{}";

    /// <summary>
    /// The result of a tool of the Model Context Protocol: a list of contents, each with its type. Tools of its clients give it back as
    /// JSON, in which a picture is text of many thousand characters. Null for any other JSON.
    /// </summary>
    static List<AIContent>? Protocol(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object || !json.TryGetProperty("content", out JsonElement list) || list.ValueKind != JsonValueKind.Array) return null;
        List<AIContent> contents = [];
        if (json.TryGetProperty("isError", out JsonElement failed) && failed.ValueKind == JsonValueKind.True) contents.Add(new TextContent("Error:"));
        foreach (JsonElement item in list.EnumerateArray())
        {
            if (Text(item, "type") is not { } type || Content(item, type) is not { } content) return null;
            contents.Add(content);
        }
        if (list.GetArrayLength() == 0 && json.TryGetProperty("structuredContent", out JsonElement structured)) contents.Add(new TextContent(structured.GetRawText()));
        return contents.Count > 0 ? contents : [new TextContent("")];
    }

    static AIContent? Content(JsonElement item, string type) => type switch
    {
        "text" => Text(item, "text") is { } text ? new TextContent(text) : null,
        "image" => Data(item, "data"),
        "audio" => new TextContent("(audio, which is not heard)"),
        "resource_link" => Text(item, "uri") is { } uri ? new TextContent(uri) : null,
        "resource" => item.TryGetProperty("resource", out JsonElement resource) && resource.ValueKind == JsonValueKind.Object
            ? Text(resource, "text") is { } said ? new TextContent(said) : Data(resource, "blob")
            : null,
        _ => null,
    };

    static AIContent? Data(JsonElement item, string name)
    {
        if (!item.TryGetProperty(name, out JsonElement data) || data.ValueKind != JsonValueKind.String) return null;
        string type = Text(item, "mimeType") ?? "image/*";
        if (!type.StartsWith("image/", StringComparison.OrdinalIgnoreCase)) return new TextContent("(a file, which is not read)");
        // What the bytes really are is for the decoder to find out.
        return data.TryGetBytesFromBase64(out byte[]? bytes) ? new DataContent(bytes, "application/octet-stream") : new TextContent("(an image, whose base64 is broken)");
    }

    static string? Text(JsonElement item, string name) =>
        item.ValueKind == JsonValueKind.Object && item.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    static JsonElement Json(object value) => JsonSerializer.SerializeToElement(value, AIJsonUtilities.DefaultOptions.GetTypeInfo(value.GetType()));

    static string Write(JsonElement json) => SchemaValue.Write(json);
}
