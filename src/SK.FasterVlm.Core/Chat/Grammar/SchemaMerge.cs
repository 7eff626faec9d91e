using System.Text.Json.Nodes;

namespace SK.FasterVlm.Chat.Grammar;

/// <summary>Two sets of constraints as one that holds when both do.</summary>
static class SchemaMerge
{
    // What says something about several keywords at once is merged by methods of its own.
    static readonly HashSet<string> s_apart = ["properties", "additionalProperties", "items", "prefixItems", "additionalItems"];

    /// <summary>Merges; null when nothing can satisfy both.</summary>
    /// <exception cref="SchemaNotSupportedException">The conjunction of two keywords cannot be written as one.</exception>
    public static FlatSchema? Merge(FlatSchema a, FlatSchema b, SchemaWork work)
    {
        if (a.Node.Count == 0) return b with { Recursion = Math.Min(a.Recursion, b.Recursion) };
        work.SpendOn(a.Node);
        work.SpendOn(b.Node);
        FlatSchema result = new((JsonObject)a.Node.DeepClone(), Math.Min(a.Recursion, b.Recursion), a.Pointer);
        foreach ((string keyword, JsonNode? value) in b.Node)
        {
            if (s_apart.Contains(keyword)) continue;
            if (!a.Has(keyword))
            {
                result.Node[keyword] = value?.DeepClone();
                continue;
            }
            if (JsonNode.DeepEquals(a[keyword], value)) continue;
            JsonNode? both = Both(keyword, a, b, work);
            if (both is JsonArray { Count: 0 } && keyword is "type" or "enum") return null;
            result.Node[keyword] = both;
        }
        MergeProperties(a, b, result.Node, work);
        MergeItems(a, b, result.Node);
        return result;
    }

    static JsonNode? Both(string keyword, FlatSchema a, FlatSchema b, SchemaWork work) => keyword switch
    {
        "type" => Texts(a.Types().SelectMany(x => b.Types(), Common).OfType<string>().Distinct()),
        "enum" => Shared(List(a), List(b), work),
        "required" => Texts(a.Texts(keyword)!.Union(b.Texts(keyword)!)),
        "minimum" or "exclusiveMinimum" or "minLength" or "minItems" or "minProperties" => Math.Max(a.Number(keyword)!.Value, b.Number(keyword)!.Value),
        "maximum" or "exclusiveMaximum" or "maxLength" or "maxItems" or "maxProperties" => Math.Min(a.Number(keyword)!.Value, b.Number(keyword)!.Value),
        "propertyNames" => All(a[keyword], b[keyword]),
        "uniqueItems" => true, // they differ, so one of them is true
        _ => throw a.Unsupported($"\"{keyword}\" twice, with different values, in schemas that must both hold."),
    };

    static string? Common(string a, string b) => (a, b) switch
    {
        _ when a == b => a,
        ("integer", "number") or ("number", "integer") => "integer",
        _ => null,
    };

    static JsonArray Shared(JsonArray a, JsonArray b, SchemaWork work)
    {
        work.Spend((long)a.Count * b.Count);
        return new([.. a.Where(x => b.Any(y => JsonNode.DeepEquals(x, y))).Select(static x => x?.DeepClone())]);
    }

    static void MergeProperties(FlatSchema a, FlatSchema b, JsonObject result, SchemaWork work)
    {
        // Names under one side's patterns still fall under the other's additionalProperties, which one schema cannot say.
        bool samePatterns = JsonNode.DeepEquals(a["patternProperties"], b["patternProperties"]);
        if (!samePatterns && ((a.Has("patternProperties") && IsNarrow(b["additionalProperties"])) || (b.Has("patternProperties") && IsNarrow(a["additionalProperties"]))))
            throw a.Unsupported("\"patternProperties\" with \"additionalProperties\" of another schema that must hold, too.");
        JsonObject properties = [];
        foreach (string name in Names(a).Union(Names(b)))
            properties[name] = All(Of(a, name), Of(b, name));
        if (properties.Count > 0) result["properties"] = properties;
        if (a.Has("additionalProperties") && b.Has("additionalProperties"))
            result["additionalProperties"] = All(a["additionalProperties"], b["additionalProperties"]);
        else if (b["additionalProperties"] is { } only)
            result["additionalProperties"] = only.DeepClone();

        static bool IsNarrow(JsonNode? additional) => additional is not (null or JsonValue) || (additional is JsonValue value && value.TryGetValue(out bool yes) && !yes);

        static IEnumerable<string> Names(FlatSchema schema) => (schema["properties"] as JsonObject)?.Select(static p => p.Key) ?? [];

        // A property that only one side declares falls under the other's patterns, which stay, or additionalProperties.
        JsonNode Of(FlatSchema schema, string name)
        {
            if ((schema["properties"] as JsonObject)?.TryGetPropertyValue(name, out JsonNode? declared) is true && declared is not null) return declared;
            if (schema["additionalProperties"] is not { } additional) return true;
            return schema["patternProperties"] is JsonObject patterns && patterns.Any(p => work.Matches(name, p.Key, schema)) ? true : additional;
        }
    }

    /// <summary>Item by item: what holds for the rest on one side holds for items the other lists, too.</summary>
    static void MergeItems(FlatSchema a, FlatSchema b, JsonObject result)
    {
        if (!b.Has("items") && !b.Has("prefixItems")) return;
        (JsonArray firstA, JsonNode? restA) = Items(a);
        (JsonArray firstB, JsonNode? restB) = Items(b);
        JsonArray first = [];
        for (int i = 0; i < Math.Max(firstA.Count, firstB.Count); i++)
            first.Add(All(i < firstA.Count ? firstA[i] : restA ?? true, i < firstB.Count ? firstB[i] : restB ?? true));
        result.Remove("additionalItems");
        if (first.Count > 0) result["prefixItems"] = first;
        if (restA is null && restB is null) result.Remove("items");
        else result["items"] = All(restA ?? true, restB ?? true);

        // Before draft 2020-12 a tuple was a list under "items".
        static (JsonArray First, JsonNode? Others) Items(FlatSchema schema) =>
            schema["items"] is JsonArray list ? (list, schema["additionalItems"]) : (schema["prefixItems"] as JsonArray ?? [], schema["items"]);
    }

    static JsonNode All(JsonNode? a, JsonNode? b) => (a, b) switch
    {
        (JsonValue x, _) when x.TryGetValue(out bool yes) => yes ? b?.DeepClone() ?? true : false,
        (_, JsonValue y) when y.TryGetValue(out bool yes) => yes ? a?.DeepClone() ?? true : false,
        _ when JsonNode.DeepEquals(a, b) => a!.DeepClone(),
        _ => new JsonObject { ["allOf"] = new JsonArray([.. Parts(a), .. Parts(b)]) },
    };

    // A list in a list would nest deeper with every schema that is merged.
    static IEnumerable<JsonNode?> Parts(JsonNode? node) =>
        node is JsonObject { Count: 1 } only && only["allOf"] is JsonArray { Count: > 0 } parts ? parts.Select(static p => p?.DeepClone()) : [node?.DeepClone()];

    static JsonArray List(FlatSchema schema) => schema["enum"] as JsonArray ?? throw schema.Wrong("enum");

    static JsonArray Texts(IEnumerable<string> texts) => new([.. texts.Select(static t => (JsonNode?)t)]);
}
