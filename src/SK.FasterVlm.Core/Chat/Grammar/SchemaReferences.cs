using System.Globalization;
using System.Text.Json.Nodes;

namespace SK.FasterVlm.Chat.Grammar;

/// <summary>The schema's own references (<c>#</c>, <c>#/$defs/x</c>, <c>#/properties/a/items</c>): what they point at, and whether they come back.</summary>
sealed class SchemaReferences(JsonNode root)
{
    readonly Dictionary<string, bool> _cyclic = new(StringComparer.Ordinal);

    /// <summary>Finds what a reference points at; false when it is not in this schema.</summary>
    public bool TryResolve(string reference, out JsonNode? target)
    {
        target = root;
        if (reference == "#") return true;
        if (!reference.StartsWith("#/", StringComparison.Ordinal)) return false;
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
            if (next == reference) cyclic = true;
            else if (seen.Add(next)) foreach (string inner in Inside(next)) todo.Push(inner);
        }
        return _cyclic[reference] = cyclic;
    }

    List<string> Inside(string reference)
    {
        List<string> found = [];
        if (TryResolve(reference, out JsonNode? target)) Collect(target, found);
        return found;
    }

    static void Collect(JsonNode? node, List<string> found)
    {
        if (node is JsonArray list) foreach (JsonNode? item in list) Collect(item, found);
        if (node is not JsonObject members) return;
        foreach ((string name, JsonNode? value) in members)
        {
            if (name == "$ref" && value is JsonValue text && text.TryGetValue(out string? reference)) found.Add(reference);
            // Definitions are reached through references only.
            else if (name is not ("$defs" or "definitions")) Collect(value, found);
        }
    }
}
