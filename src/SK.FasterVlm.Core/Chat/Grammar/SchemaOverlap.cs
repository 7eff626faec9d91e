using System.Text.Json.Nodes;

namespace SK.FasterVlm.Chat.Grammar;

/// <summary>
/// Whether no value the grammar writes for one flat schema is valid for another, and the other way round. The grammar writes declared
/// and required properties only, which is what makes most branches tell themselves apart. Answers no where it cannot tell.
/// </summary>
sealed class SchemaOverlap(SchemaWork work)
{
    public bool Exclude(FlatSchema a, FlatSchema b)
    {
        work.Spend(8);
        if (a["enum"] is JsonArray listA && b["enum"] is JsonArray listB) return !Share([.. listA], [.. listB]);
        if (a["enum"] is JsonArray list) return !list.Any(x => SchemaValue.IsOf(x, Named(b)));
        if (b["enum"] is JsonArray other) return !other.Any(x => SchemaValue.IsOf(x, Named(a)));
        // What is written for either and may be valid for the other.
        return Both(a, b).Concat(Both(b, a)).All(t => t switch
        {
            "object" => DifferByConstant(a, b) || (Misses(a, b) && Misses(b, a)),
            "integer" or "number" => Above(a, b) || Above(b, a),
            _ => false,
        });
    }

    static IEnumerable<string> Both(FlatSchema written, FlatSchema other) =>
        written.Types().Where(t => Named(other).Any(u => t == u || (t is "integer" or "number" && u is "integer" or "number")));

    // Without "type" every type is valid, whatever the other keywords are about.
    static IReadOnlyList<string> Named(FlatSchema schema) => schema.Has("type") ? schema.Types() : SchemaKeywords.Types;

    bool Share(List<JsonNode?> a, List<JsonNode?> b)
    {
        work.Spend((long)a.Count * b.Count);
        return a.Any(x => b.Any(y => JsonNode.DeepEquals(x, y)));
    }

    /// <summary>A property both require, with constants that differ.</summary>
    bool DifferByConstant(FlatSchema a, FlatSchema b) =>
        Required(a).Intersect(Required(b)).Any(name => Constants(a, name) is { } x && Constants(b, name) is { } y && !Share(x, y));

    static List<JsonNode?>? Constants(FlatSchema schema, string name) => Constants((schema["properties"] as JsonObject)?[name]);

    static List<JsonNode?>? Constants(JsonNode? property)
    {
        if (property is not JsonObject node) return null;
        if (node.TryGetPropertyValue("const", out JsonNode? constant)) return [constant];
        if (node["enum"] is JsonArray list) return [.. list];
        // Two schemas that declare the property have been merged; the constant is in one of the parts.
        return node["allOf"] is JsonArray parts ? parts.Select(Constants).FirstOrDefault(static c => c is not null) : null;
    }

    /// <summary>Whether <paramref name="b"/> requires a property that is never written for <paramref name="a"/>.</summary>
    bool Misses(FlatSchema a, FlatSchema b)
    {
        if (a["properties"] is not JsonObject declared || declared.Count == 0) return false; // a map may write any name
        HashSet<string> required = [.. Required(a)];
        return Required(b).Any(name => !declared.ContainsKey(name) && !required.Contains(name));
    }

    IReadOnlyList<string> Required(FlatSchema schema)
    {
        IReadOnlyList<string> names = schema.Texts("required") ?? [];
        work.Spend(names.Count);
        return names;
    }

    static bool Above(FlatSchema a, FlatSchema b)
    {
        decimal? low = a.Number("minimum") ?? a.Number("exclusiveMinimum"), high = b.Number("maximum") ?? b.Number("exclusiveMaximum");
        if (low is null || high is null) return false;
        return low > high || (low == high && (!a.Has("minimum") || !b.Has("maximum")));
    }
}
