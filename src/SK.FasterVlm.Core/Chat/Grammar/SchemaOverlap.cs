using System.Text.Json.Nodes;

namespace SK.FasterVlm.Chat.Grammar;

/// <summary>
/// Whether no value the grammar writes for one flat schema is valid for another, and the other way round. The grammar writes declared
/// and required properties only, which is what makes most branches tell themselves apart. Answers no where it cannot tell.
/// </summary>
static class SchemaOverlap
{
    public static bool Exclude(FlatSchema a, FlatSchema b)
    {
        if (a["enum"] is JsonArray listA && b["enum"] is JsonArray listB)
            return !listA.Any(x => listB.Any(y => JsonNode.DeepEquals(x, y)));
        if (a["enum"] is JsonArray list) return !list.Any(x => SchemaValue.IsOf(x, Named(b)));
        if (b["enum"] is JsonArray other) return !other.Any(x => SchemaValue.IsOf(x, Named(a)));
        IEnumerable<string> common = a.Types().Where(t => Named(b).Any(u => t == u || (t is "integer" or "number" && u is "integer" or "number")));
        return common.All(t => t switch
        {
            "object" => DifferByConstant(a, b) || (Misses(a, b) && Misses(b, a)),
            "integer" or "number" => Above(a, b) || Above(b, a),
            _ => false,
        });
    }

    // Without "type" every type is valid, whatever the other keywords are about.
    static IReadOnlyList<string> Named(FlatSchema schema) => schema.Has("type") ? schema.Types() : SchemaKeywords.Types;

    /// <summary>A property both require, with constants that differ.</summary>
    static bool DifferByConstant(FlatSchema a, FlatSchema b) =>
        (a.Texts("required") ?? []).Intersect(b.Texts("required") ?? []).Any(name =>
            Constants(a, name) is { } x && Constants(b, name) is { } y && !x.Any(v => y.Any(w => JsonNode.DeepEquals(v, w))));

    static List<JsonNode?>? Constants(FlatSchema schema, string name)
    {
        if ((schema["properties"] as JsonObject)?[name] is not JsonObject property) return null;
        if (property.TryGetPropertyValue("const", out JsonNode? constant)) return [constant];
        return property["enum"] is JsonArray list ? [.. list] : null;
    }

    /// <summary>Whether <paramref name="b"/> requires a property that is never written for <paramref name="a"/>.</summary>
    static bool Misses(FlatSchema a, FlatSchema b)
    {
        if (a["properties"] is not JsonObject declared || declared.Count == 0) return false; // a map may write any name
        IReadOnlyList<string> required = a.Texts("required") ?? [];
        return (b.Texts("required") ?? []).Any(name => !declared.ContainsKey(name) && !required.Contains(name));
    }

    static bool Above(FlatSchema a, FlatSchema b)
    {
        decimal? low = a.Number("minimum") ?? a.Number("exclusiveMinimum"), high = b.Number("maximum") ?? b.Number("exclusiveMaximum");
        if (low is null || high is null) return false;
        return low > high || (low == high && (!a.Has("minimum") || !b.Has("maximum")));
    }
}
