using System.Globalization;
using System.Text.Json.Nodes;

namespace SK.FasterVlm.Chat.Grammar;

/// <summary>The schema's own references (<c>#</c>, <c>#/$defs/x</c>, <c>#/properties/a/items</c>): what they point at, and whether they come back.</summary>
sealed class SchemaReferences(JsonNode root, SchemaWork work)
{
    // Keywords whose members are named by the schema's author, and those whose values are no schemas.
    static readonly HashSet<string> s_maps = ["properties", "patternProperties", "dependentSchemas", "dependencies"];
    static readonly HashSet<string> s_values = ["const", "enum", "default", "example", "examples"];

    readonly Dictionary<string, bool> _cyclic = new(StringComparer.Ordinal);
    readonly Dictionary<string, List<string>> _inside = new(StringComparer.Ordinal);

    /// <summary>Finds what a reference points at; false when it is not in this schema.</summary>
    public bool TryResolve(string reference, out JsonNode? target)
    {
        target = root;
        if (reference == "#") return true;
        if (!reference.StartsWith("#/", StringComparison.Ordinal)) return false;
        work.Spend(1 + (reference.Length / 64));
        foreach (string part in reference[2..].Split('/'))
        {
            string name = Uri.UnescapeDataString(part).Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            if (target is JsonObject node && node.TryGetPropertyValue(name, out JsonNode? member)) target = member;
            else if (target is JsonArray list && int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int i) && i < list.Count) target = list[i];
            else return false;
        }
        return target is JsonObject || (target is JsonValue value && value.TryGetValue(out bool _));
    }

    /// <summary>Whether following a reference leads to the same reference again.</summary>
    public bool IsCyclic(string reference)
    {
        if (_cyclic.TryGetValue(reference, out bool known)) return known;
        HashSet<string> seen = [];
        Stack<string> todo = new(Inside(reference));
        bool cyclic = false;
        while (!cyclic && todo.TryPop(out string? next))
        {
            work.Spend(1);
            if (next == reference) cyclic = true;
            else if (seen.Add(next)) foreach (string inner in Inside(next)) todo.Push(inner);
        }
        return _cyclic[reference] = cyclic;
    }

    List<string> Inside(string reference)
    {
        if (_inside.TryGetValue(reference, out List<string>? found)) return found;
        HashSet<string> references = [];
        if (TryResolve(reference, out JsonNode? target)) Collect(target, isMap: false, references);
        return _inside[reference] = [.. references];
    }

    /// <param name="node">A schema, a list of schemas, or schemas by name.</param>
    /// <param name="isMap">Whether its members are named freely: then <c>$ref</c> and <c>definitions</c> are names like any other.</param>
    /// <param name="found">Receives the references.</param>
    void Collect(JsonNode? node, bool isMap, HashSet<string> found)
    {
        work.Spend(1);
        if (node is JsonArray list) foreach (JsonNode? item in list) Collect(item, isMap: false, found);
        if (node is not JsonObject members) return;
        foreach ((string name, JsonNode? value) in members)
        {
            if (isMap) Collect(value, isMap: false, found);
            else if (name == "$ref" && value is JsonValue text && text.TryGetValue(out string? reference)) found.Add(reference);
            // Definitions are reached through references only.
            else if (name is not ("$defs" or "definitions") && !s_values.Contains(name)) Collect(value, s_maps.Contains(name), found);
        }
    }
}
