using System.Text;
using System.Text.Json;

namespace SK.FasterVlm.Chat.Tools;

/// <summary>
/// A JSON schema in the words of a type, <c>{city: string /* where */, unit?: "c" | "f"}</c>: what a model is shown of it. Short
/// rather than complete, since the grammar enforces the rest.
/// </summary>
static class SchemaText
{
    const int Deepest = 6;

    public static string Of(JsonElement schema) => Of(schema, schema, Deepest);

    static string Of(JsonElement schema, JsonElement root, int depth)
    {
        if (schema.ValueKind != JsonValueKind.Object || depth == 0) return "any";
        if (Text(schema, "$ref") is { } reference) return Target(root, reference) is { } target ? Of(target, root, depth - 1) : "any";
        if (schema.TryGetProperty("const", out JsonElement constant)) return constant.GetRawText();
        if (List(schema, "enum") is { } values) return string.Join(" | ", values.Select(static v => v.GetRawText()));
        if ((List(schema, "anyOf") ?? List(schema, "oneOf")) is { } choices)
            return string.Join(" | ", choices.Select(c => Of(c, root, depth - 1)).Distinct());
        if (List(schema, "allOf") is { Count: > 0 } all && !schema.TryGetProperty("properties", out _)) return string.Join(" & ", all.Select(p => Of(p, root, depth - 1)));
        if (List(schema, "type") is { } types) return string.Join(" | ", types.Select(t => Typed(t.ToString(), schema, root, depth)));
        return Typed(Text(schema, "type") ?? (schema.TryGetProperty("properties", out _) ? "object" : "any"), schema, root, depth);
    }

    static string Typed(string type, JsonElement schema, JsonElement root, int depth) => type switch
    {
        "object" => Members(schema, root, depth),
        "array" => schema.TryGetProperty("items", out JsonElement items) ? $"[{Of(items, root, depth - 1)}, ...]" : "[any, ...]",
        "string" => Text(schema, "format") ?? "string",
        _ => type,
    };

    static string Members(JsonElement schema, JsonElement root, int depth)
    {
        if (!schema.TryGetProperty("properties", out JsonElement properties) || properties.ValueKind != JsonValueKind.Object)
            return schema.TryGetProperty("additionalProperties", out JsonElement extra) && extra.ValueKind == JsonValueKind.Object
                ? $"{{name: {Of(extra, root, depth - 1)}, ...}}"
                : "{}";
        HashSet<string> required = [.. (List(schema, "required") ?? []).Select(static r => r.ToString())];
        StringBuilder text = new("{");
        foreach (JsonProperty property in properties.EnumerateObject())
        {
            if (text.Length > 1) text.Append(", ");
            text.Append(property.Name).Append(required.Contains(property.Name) ? ": " : "?: ").Append(Of(property.Value, root, depth - 1));
            if (Text(property.Value, "description") is { Length: > 0 } about)
                text.Append(" /* ").AppendJoin(' ', about.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).Append(" */");
        }
        return text.Append('}').ToString();
    }

    static JsonElement? Target(JsonElement root, string reference)
    {
        if (!reference.StartsWith('#')) return null;
        JsonElement at = root;
        foreach (string part in reference.TrimStart('#').Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            string name = Uri.UnescapeDataString(part).Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            if (at.ValueKind != JsonValueKind.Object || !at.TryGetProperty(name, out at)) return null;
        }
        return at;
    }

    static string? Text(JsonElement schema, string keyword) =>
        schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty(keyword, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    static List<JsonElement>? List(JsonElement schema, string keyword) =>
        schema.TryGetProperty(keyword, out JsonElement value) && value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : null;
}
