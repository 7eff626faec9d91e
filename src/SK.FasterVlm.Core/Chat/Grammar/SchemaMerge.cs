using System.Text.Json.Nodes;

namespace SK.FasterVlm.Chat.Grammar;

/// <summary>Two sets of constraints as one that holds when both do.</summary>
static class SchemaMerge
{
    /// <summary>Merges; null when nothing can satisfy both.</summary>
    /// <exception cref="SchemaNotSupportedException">The conjunction of two keywords cannot be written as one.</exception>
    public static FlatSchema? Merge(FlatSchema a, FlatSchema b)
    {
        if (a.Node.Count == 0) return b with { Recursion = Math.Min(a.Recursion, b.Recursion) };
        FlatSchema result = new((JsonObject)a.Node.DeepClone(), Math.Min(a.Recursion, b.Recursion), a.Pointer);
        foreach ((string keyword, JsonNode? value) in b.Node)
        {
            if (keyword is "properties" or "additionalProperties") continue;
            if (!a.Has(keyword))
            {
                result.Node[keyword] = value?.DeepClone();
                continue;
            }
            if (JsonNode.DeepEquals(a[keyword], value)) continue;
            JsonNode? both = Both(keyword, a, b);
            if (both is JsonArray { Count: 0 } && keyword is "type" or "enum") return null;
            result.Node[keyword] = both;
        }
        MergeProperties(a, b, result.Node);
        return result;
    }

    static JsonNode? Both(string keyword, FlatSchema a, FlatSchema b) => keyword switch
    {
        "type" => Texts(a.Types().SelectMany(x => b.Types(), Common).OfType<string>().Distinct()),
        "enum" => new JsonArray([.. List(a).Where(x => List(b).Any(y => JsonNode.DeepEquals(x, y))).Select(static x => x?.DeepClone())]),
        "required" => Texts(a.Texts(keyword)!.Union(b.Texts(keyword)!)),
        "minimum" or "exclusiveMinimum" or "minLength" or "minItems" or "minProperties" => Math.Max(a.Number(keyword)!.Value, b.Number(keyword)!.Value),
        "maximum" or "exclusiveMaximum" or "maxLength" or "maxItems" or "maxProperties" => Math.Min(a.Number(keyword)!.Value, b.Number(keyword)!.Value),
        "items" or "contains" or "propertyNames" or "additionalItems" or "unevaluatedProperties" or "unevaluatedItems"
            when a[keyword] is not JsonArray && b[keyword] is not JsonArray => All(a[keyword], b[keyword]),
        "uniqueItems" => true, // they differ, so one of them is true
        _ => throw a.Unsupported($"\"{keyword}\" twice, with different values, in schemas that must both hold."),
    };

    static string? Common(string a, string b) => (a, b) switch
    {
        _ when a == b => a,
        ("integer", "number") or ("number", "integer") => "integer",
        _ => null,
    };

    static void MergeProperties(FlatSchema a, FlatSchema b, JsonObject result)
    {
        JsonObject properties = [];
        foreach (string name in Names(a).Union(Names(b)))
            properties[name] = All(Of(a, name), Of(b, name));
        if (properties.Count > 0) result["properties"] = properties;
        if (a.Has("additionalProperties") && b.Has("additionalProperties"))
            result["additionalProperties"] = All(a["additionalProperties"], b["additionalProperties"]);
        else if (b["additionalProperties"] is { } only)
            result["additionalProperties"] = only.DeepClone();

        static IEnumerable<string> Names(FlatSchema schema) => (schema["properties"] as JsonObject)?.Select(static p => p.Key) ?? [];

        // A property that only one side declares falls under the other's additionalProperties.
        static JsonNode Of(FlatSchema schema, string name) =>
            (schema["properties"] as JsonObject)?.TryGetPropertyValue(name, out JsonNode? declared) is true && declared is not null ? declared
            : schema["additionalProperties"] ?? true;
    }

    static JsonNode All(JsonNode? a, JsonNode? b) => (a, b) switch
    {
        (JsonValue x, _) when x.TryGetValue(out bool yes) => yes ? b?.DeepClone() ?? true : false,
        (_, JsonValue y) when y.TryGetValue(out bool yes) => yes ? a?.DeepClone() ?? true : false,
        _ when JsonNode.DeepEquals(a, b) => a!.DeepClone(),
        _ => new JsonObject { ["allOf"] = new JsonArray(a?.DeepClone(), b?.DeepClone()) },
    };

    static JsonArray List(FlatSchema schema) => schema["enum"] as JsonArray ?? throw schema.Wrong("enum");

    static JsonArray Texts(IEnumerable<string> texts) => new([.. texts.Select(static t => (JsonNode?)t)]);
}
