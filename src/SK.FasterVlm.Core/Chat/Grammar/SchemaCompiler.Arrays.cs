using System.Text.Json.Nodes;

namespace SK.FasterVlm.Chat.Grammar;

partial class SchemaCompiler
{
    const int MostItems = 256;

    string? Array(FlatSchema schema)
    {
        if (schema.Has("contains")) throw schema.Unsupported("\"contains\".");
        if (schema.Has("unevaluatedItems")) throw schema.Unsupported("\"unevaluatedItems\" with a schema.");
        int least = schema.Count("minItems") ?? 0;
        int most = Math.Min(schema.Count("maxItems") ?? Math.Max(_limits.ArrayItems, least), MostItems);
        if (least > MostItems) throw schema.Unsupported($"\"minItems\" {least}; at most {MostItems} are written.");

        // Before draft 2020-12 a tuple was a list under "items".
        JsonArray? prefix = schema["prefixItems"] as JsonArray ?? schema["items"] as JsonArray;
        JsonNode? rest = schema["items"] is JsonArray ? schema["additionalItems"] : schema["items"];
        List<string> first = [];
        for (int i = 0; i < (prefix?.Count ?? 0) && first.Count == i; i++)
        {
            if (Compile(prefix![i], schema.Recursion, $"{schema.Pointer}/prefixItems/{i}") is { } rule) first.Add(rule);
            else most = Math.Min(most, i);
        }
        if (IsUnique(schema) && most > 1) return UniqueItems(schema, rest, first, least, most);
        string? item = first.Count >= most ? null
            : rest is null ? Free(Math.Max(0, _limits.FreeDepth - 1))
            : Compile(rest, schema.Recursion, schema.Pointer + "/items");
        return ArrayRule(first, item, least, most);
    }

    static bool IsUnique(FlatSchema schema) => schema["uniqueItems"] is JsonValue unique && unique.TryGetValue(out bool yes) && yes;

    /// <summary>Different items, where they are listed: in the order of the list, which makes each come at most once.</summary>
    string? UniqueItems(FlatSchema schema, JsonNode? items, List<string> first, int least, int most)
    {
        IReadOnlyList<FlatSchema> kinds = items is null ? [] : _normalizer.Alternatives(items, schema.Recursion, schema.Pointer + "/items");
        if (kinds is not [{ } only] || only["enum"] is not JsonArray listed || first.Count > 0 || least > 1)
            throw schema.Unsupported("\"uniqueItems\" for items that are not listed (\"enum\"), or with \"minItems\" above 1.");
        List<string> literals = [.. listed.Where(v => SchemaValue.Satisfies(v, only, _work)).Select(static v => GrammarRules.Literal(SchemaValue.Write(v))).Distinct(StringComparer.Ordinal).Take(most)];
        if (literals.Count == 0) return least > 0 ? null : ArrayRule([], null, 0, 0);
        string after = "", from = "";
        for (int i = literals.Count - 1; i >= 0; i--)
        {
            string here = after.Length == 0 ? literals[i] : $"{literals[i]} {after}";
            from = _rules.Add(from.Length == 0 ? here : $"{here} | {from}");
            after = _rules.Add(after.Length == 0 ? $"(\",\" {GrammarRules.Space} {here})?" : $"\",\" {GrammarRules.Space} {here} | {after}");
        }
        return _rules.Add($"\"[\" {(least > 0 ? from : from + "?")} \"]\"");
    }

    /// <summary>Items between brackets: fixed ones, then any number of one kind.</summary>
    /// <returns>The rule; null when <paramref name="least"/> cannot be reached.</returns>
    string? ArrayRule(List<string> first, string? item, int least, int most, char open = '[', char close = ']')
    {
        if (item is null) most = Math.Min(most, first.Count);
        if (least > most) return null;
        string comma = $"\",\" {GrammarRules.Space} ";
        string after = "";
        if (item is not null && most > first.Count)
        {
            int low = Math.Max(0, least - first.Count), high = most - first.Count;
            if (first.Count > 0)
            {
                after = _rules.Add(comma + item) + GrammarRules.Times(low, high);
            }
            else
            {
                string more = high > 1 ? $" {_rules.Add(comma + item)}{GrammarRules.Times(Math.Max(0, low - 1), high - 1)}" : "";
                after = least > 0 ? item + more : $"({item}{more})?";
            }
        }
        for (int i = Math.Min(first.Count, most) - 1; i >= 0; i--)
        {
            string here = $"{(i > 0 ? comma : "")}{first[i]} {after}".TrimEnd();
            after = _rules.Add(i < least ? here : $"({here})?");
        }
        return _rules.Add($"\"{open}\" {after} \"{close}\"".Replace("  ", " ", StringComparison.Ordinal));
    }
}
