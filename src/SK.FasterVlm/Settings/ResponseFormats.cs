using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.Extensions.AI;

namespace SK.FasterVlm;

/// <summary>The many forms of Semantic Kernel's <c>ResponseFormat</c> as the one of the chat client.</summary>
static class ResponseFormats
{
    const string Forms = "write \"text\", \"json_object\", a JSON schema, a Type, or {\"type\": \"json_schema\", \"json_schema\": {...}}";

    /// <exception cref="ArgumentException">Not one of the forms.</exception>
    public static ChatResponseFormat? Read(object? value) => value switch
    {
        null => null,
        ChatResponseFormat format => format,
        Type type => ChatResponseFormat.ForJsonSchema(type),
        JsonElement { ValueKind: JsonValueKind.Null or JsonValueKind.Undefined } => null,
        JsonElement { ValueKind: JsonValueKind.String } word => Read(word.GetString()),
        JsonElement json => ReadObject(json),
        JsonNode node => Read(JsonSerializer.SerializeToElement(node)),
        string text when text.TrimStart().StartsWith('{') => ReadObject(Parse(text)),
        string text => text.Trim().ToUpperInvariant() switch
        {
            "TEXT" => ChatResponseFormat.Text,
            "JSON_OBJECT" or "JSON" => ChatResponseFormat.Json,
            _ => throw new ArgumentException($"The response format \"{text}\" is not known; {Forms}."),
        },
        _ when JsonOfItsOwn(value) is { } own => ReadObject(Parse(own)),
        // An object of a program, for example an anonymous one with the shape of OpenAI's or of a schema.
        _ => ReadObject(JsonSerializer.SerializeToElement(value, value.GetType())),
    };

    /// <summary>OpenAI's form, which <see cref="Read"/> reads again.</summary>
    public static JsonNode? ToJson(object? value) => Read(value) switch
    {
        null => null,
        ChatResponseFormatText => JsonValue.Create("text"),
        ChatResponseFormatJson { Schema: null } => JsonValue.Create("json_object"),
        ChatResponseFormatJson json => new JsonObject
        {
            ["type"] = "json_schema",
            ["json_schema"] = new JsonObject
            {
                ["name"] = json.SchemaName,
                ["description"] = json.SchemaDescription,
                ["schema"] = JsonNode.Parse(json.Schema.Value.GetRawText()),
            },
        },
        { } other => throw new ArgumentException($"A response format of type {other.GetType().Name} has no JSON form."),
    };

    /// <summary>
    /// The JSON of an object that writes itself by System.ClientModel's contract, as the OpenAI SDK's <c>ChatResponseFormat</c> does: its
    /// properties hide what it is. Found by name, for that library is the caller's and not one of ours. Null for any other object.
    /// </summary>
    public static string? JsonOfItsOwn(object value)
    {
        const string Space = "System.ClientModel.Primitives.";
        Type? contract = value.GetType().GetInterfaces().FirstOrDefault(static i => i.IsGenericType && i.FullName!.StartsWith(Space + "IPersistableModel`1", StringComparison.Ordinal));
        object? options = contract?.Assembly.GetType(Space + "ModelReaderWriterOptions")?.GetProperty("Json")?.GetValue(null);
        return options is null ? null : contract!.GetMethod("Write")?.Invoke(value, [options])?.ToString();
    }

    static ChatResponseFormat ReadObject(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object) throw new ArgumentException($"The response format is {json.GetRawText()}; {Forms}.");
        string? type = json.TryGetProperty("type", out JsonElement kind) && kind.ValueKind == JsonValueKind.String ? kind.GetString() : null;
        if (type is "text" or "json_object") return type == "text" ? ChatResponseFormat.Text : ChatResponseFormat.Json;
        if (type != "json_schema") return ChatResponseFormat.ForJsonSchema(json);
        if (!json.TryGetProperty("json_schema", out JsonElement format) || format.ValueKind != JsonValueKind.Object
            || !format.TryGetProperty("schema", out JsonElement schema))
            throw new ArgumentException("A response format of the type json_schema needs {\"json_schema\": {\"name\": ..., \"schema\": {...}}}.");
        return ChatResponseFormat.ForJsonSchema(schema, Text("name"), Text("description"));

        string? Text(string name) => format.TryGetProperty(name, out JsonElement text) && text.ValueKind == JsonValueKind.String ? text.GetString() : null;
    }

    static JsonElement Parse(string text)
    {
        try
        {
            return JsonElement.Parse(text);
        }
        catch (JsonException e)
        {
            throw new ArgumentException($"The response format is not valid JSON: {e.Message}", e);
        }
    }
}

/// <summary>Writes every form of a response format as JSON, a <see cref="Type"/> as its schema; reads it as a <see cref="JsonElement"/>.</summary>
sealed class ResponseFormatJsonConverter : JsonConverter<object>
{
    public override object Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => JsonElement.ParseValue(ref reader);

    public override void Write(Utf8JsonWriter writer, object value, JsonSerializerOptions options)
    {
        if (ResponseFormats.ToJson(value) is { } json) json.WriteTo(writer, options);
        else writer.WriteNullValue();
    }
}
