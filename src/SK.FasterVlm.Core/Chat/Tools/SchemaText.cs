using System.Text;
using System.Text.Json;

namespace SK.FasterVlm.Chat.Tools;

/// <summary>
/// A JSON schema in the words of a type, <c>{city: string /* where */, unit?: "c" | "f"}</c>: what a model is shown of it. Short
/// rather than complete, since the grammar enforces the rest: a schema within itself is <c>any</c>, and so is what comes after the
/// bound on characters.
/// </summary>
sealed class SchemaText
{
    /// <summary>Characters all schemas of a description may take together, to within one name or word.</summary>
    public const int MostCharacters = 65_536;

    const int Deepest = 6;

    readonly StringBuilder _text = new();
    readonly HashSet<string> _open = new(StringComparer.Ordinal);
    readonly JsonElement _root;
    int _left;

    SchemaText(JsonElement root, int most) => (_root, _left) = (root, most);

    /// <summary>A schema by itself.</summary>
    public static string Of(JsonElement schema)
    {
        int left = MostCharacters;
        return Of(schema, ref left);
    }

    /// <summary>One of several schemas.</summary>
    /// <param name="schema">The schema.</param>
    /// <param name="left">Characters it may take; what it took is subtracted.</param>
    public static string Of(JsonElement schema, ref int left)
    {
        SchemaText text = new(schema, left);
        text.Write(schema, Deepest);
        left = text._left;
        return text._text.ToString();
    }

    void Write(JsonElement schema, int depth)
    {
        if (schema.ValueKind != JsonValueKind.Object || depth == 0 || _left <= 0) Add("any");
        else if (Text(schema, "$ref") is { } reference) WriteTarget(reference, depth);
        else if (schema.TryGetProperty("const", out JsonElement constant)) Add(constant.GetRawText());
        else if (List(schema, "enum") is { } values) Join(values, " | ", v => Add(v.GetRawText()));
        else if ((List(schema, "anyOf") ?? List(schema, "oneOf")) is { } choices) WriteChoices(choices, depth);
        else if (List(schema, "allOf") is { Count: > 0 } all && !schema.TryGetProperty("properties", out _)) Join(all, " & ", p => Write(p, depth - 1));
        else if (List(schema, "type") is { } types) Join(types, " | ", t => WriteType(t.ToString(), schema, depth));
        else WriteType(Text(schema, "type") ?? (schema.TryGetProperty("properties", out _) ? "object" : "any"), schema, depth);
    }

    void WriteTarget(string reference, int depth)
    {
        if (Target(_root, reference) is not { } target || !_open.Add(reference))
        {
            Add("any");
            return;
        }
        Write(target, depth - 1);
        _open.Remove(reference);
    }

    void WriteChoices(List<JsonElement> choices, int depth)
    {
        HashSet<string> known = new(StringComparer.Ordinal);
        foreach (JsonElement choice in choices)
        {
            if (_left <= 0) break;
            int before = _text.Length;
            if (known.Count > 0) Add(" | ");
            int start = _text.Length;
            Write(choice, depth - 1);
            if (!known.Add(_text.ToString(start, _text.Length - start))) _text.Length = before;
        }
        if (known.Count == 0) Add("any");
    }

    void WriteType(string type, JsonElement schema, int depth)
    {
        switch (type)
        {
            case "object":
                WriteMembers(schema, depth);
                break;
            case "array" when schema.TryGetProperty("items", out JsonElement items):
                Add("[");
                Write(items, depth - 1);
                Add(", ...]");
                break;
            case "array":
                Add("[any, ...]");
                break;
            case "string":
                Add(Text(schema, "format") ?? "string");
                break;
            default:
                Add(type);
                break;
        }
    }

    void WriteMembers(JsonElement schema, int depth)
    {
        if (!schema.TryGetProperty("properties", out JsonElement properties) || properties.ValueKind != JsonValueKind.Object)
        {
            bool isMap = schema.TryGetProperty("additionalProperties", out JsonElement extra) && extra.ValueKind == JsonValueKind.Object;
            Add(isMap ? "{name: " : "{}");
            if (!isMap) return;
            Write(extra, depth - 1);
            Add(", ...}");
            return;
        }
        HashSet<string> required = [.. (List(schema, "required") ?? []).Select(static r => r.ToString())];
        Add("{");
        Join(properties.EnumerateObject(), ", ", property =>
        {
            Add(property.Name);
            Add(required.Contains(property.Name) ? ": " : "?: ");
            Write(property.Value, depth - 1);
            if (Text(property.Value, "description") is not { Length: > 0 } about || _left <= 0) return;
            Add(" /* ");
            Add(string.Join(' ', about[..Math.Min(about.Length, _left)].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));
            Add(" */");
        });
        Add("}");
    }

    void Join<T>(IEnumerable<T> items, string separator, Action<T> write)
    {
        bool isFirst = true;
        foreach (T item in items)
        {
            if (!isFirst) Add(separator);
            isFirst = false;
            if (_left <= 0)
            {
                Add("...");
                return;
            }
            write(item);
        }
    }

    // Counts also what is taken back as a repetition: the bound is on the work, too.
    void Add(string text)
    {
        _left -= text.Length;
        _text.Append(text);
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
