using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace SK.FasterVlm.Chat.Grammar;

/// <summary>Values that stand in a schema: how they are written, and whether they satisfy its simple constraints.</summary>
static class SchemaValue
{
    static readonly JsonSerializerOptions s_plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>As compact JSON, with letters of all scripts as they are.</summary>
    public static string Write(JsonNode? value) => value?.ToJsonString(s_plain) ?? "null";

    /// <summary>A value of any kind.</summary>
    public static string Write(JsonElement value) => JsonSerializer.Serialize(value, s_plain);

    /// <summary>A text as JSON.</summary>
    public static string Write(string text) => JsonSerializer.Serialize(text, s_plain);

    /// <summary>The number a value is; null when it is none.</summary>
    public static decimal? Decimal(JsonNode? value)
    {
        if (value is not JsonValue || value.GetValueKind() != JsonValueKind.Number) return null;
        string text = value.ToJsonString();
        if (decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out decimal number)) return number;
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double large)
            ? large > 0 ? decimal.MaxValue : decimal.MinValue
            : null;
    }

    /// <summary>Whether a value is of one of these types.</summary>
    public static bool IsOf(JsonNode? value, IReadOnlyList<string> types) => (value?.GetValueKind() ?? JsonValueKind.Null) switch
    {
        JsonValueKind.Null => types.Contains("null"),
        JsonValueKind.True or JsonValueKind.False => types.Contains("boolean"),
        JsonValueKind.String => types.Contains("string"),
        JsonValueKind.Number => types.Contains("number") || (types.Contains("integer") && Decimal(value) is { } n && n == decimal.Truncate(n)),
        JsonValueKind.Array => types.Contains("array"),
        _ => types.Contains("object"),
    };

    /// <summary>Whether a listed value satisfies the constraints listed beside it.</summary>
    /// <exception cref="SchemaNotSupportedException">A constraint is not one that is judged here.</exception>
    public static bool Satisfies(JsonNode? value, FlatSchema schema, SchemaWork work)
    {
        if (schema.Has("type") && !IsOf(value, schema.Types())) return false;
        foreach ((string keyword, _) in schema.Node)
        {
            if (keyword is "type" or "enum") continue;
            bool about = SchemaKeywords.Implied.FirstOrDefault(i => i.Keywords.Contains(keyword)) is not { Type: { } type } || IsOf(value, [type]);
            if (about && !Satisfies(value, keyword, schema, work)) return false;
        }
        return true;
    }

    static bool Satisfies(JsonNode? value, string keyword, FlatSchema schema, SchemaWork work) => keyword switch
    {
        "minLength" => Length(value) >= schema.Count(keyword),
        "maxLength" => Length(value) <= schema.Count(keyword),
        "pattern" => work.Matches((string)value!, schema.Text(keyword)!, schema),
        "minimum" => Decimal(value) >= schema.Number(keyword),
        "maximum" => Decimal(value) <= schema.Number(keyword),
        "exclusiveMinimum" => Decimal(value) > schema.Number(keyword),
        "exclusiveMaximum" => Decimal(value) < schema.Number(keyword),
        "minItems" => ((JsonArray)value!).Count >= schema.Count(keyword),
        "maxItems" => ((JsonArray)value!).Count <= schema.Count(keyword),
        "required" => schema.Texts(keyword)!.All(((JsonObject)value!).ContainsKey),
        "format" or "contentEncoding" => true, // a listed value is what its author holds to be of the format
        _ => throw schema.Unsupported($"\"{keyword}\" beside \"enum\" or \"const\"."),
    };

    static int Length(JsonNode? value) => ((string)value!).EnumerateRunes().Count();
}
