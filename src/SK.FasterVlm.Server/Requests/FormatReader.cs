using Microsoft.Extensions.AI;
using SK.FasterVlm.Server.Protocol;

namespace SK.FasterVlm.Server.Requests;

/// <summary>Reads the format of the answer: <c>response_format</c>, or <c>text.format</c> of a response.</summary>
static class FormatReader
{
    const int MaxDescription = 16_384;

    /// <summary>Reads a format.</summary>
    /// <param name="format">The object; null for text.</param>
    /// <param name="schemas">Gets its schema.</param>
    /// <param name="nested">Whether a schema stands in a field of its own (chat completions) or is flat (responses).</param>
    /// <returns>Null for text.</returns>
    public static ChatResponseFormat? Read(JsonFields? format, RequestSchemas schemas, bool nested)
    {
        if (format is null) return null;
        string type = format.RequiredText("type");
        ChatResponseFormat? read = type switch
        {
            "text" => null,
            "json_object" => ChatResponseFormat.Json,
            "json_schema" => Schema(nested ? format.Object("json_schema") ?? throw ApiErrors.Missing(format.PathOf("json_schema")) : format, schemas),
            _ => throw ApiErrors.Value(format.PathOf("type"), $"'{Names.Printable(type)}' is not one of: text, json_object, json_schema."),
        };
        format.End();
        return read;
    }

    static ChatResponseFormatJson Schema(JsonFields format, RequestSchemas schemas)
    {
        string name = format.RequiredText("name", 64);
        string? description = format.Text("description", MaxDescription);
        bool strict = format.Boolean("strict") is true; // an answer follows its schema either way: the grammar leaves no other
        ChatResponseFormatJson read = format.Take("schema") is { } schema
            ? ChatResponseFormat.ForJsonSchema(schemas.Add(schema, format.PathOf("schema"), strict), name, description)
            : ChatResponseFormat.Json;
        format.End();
        return read;
    }
}
