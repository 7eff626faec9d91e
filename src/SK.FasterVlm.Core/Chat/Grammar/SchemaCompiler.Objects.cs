using System.Text.Json.Nodes;

namespace SK.FasterVlm.Chat.Grammar;

partial class SchemaCompiler
{
    const int MostProperties = 512;
    const int LongestKey = 64;

    readonly record struct Member(string Name, string Rule, bool IsRequired);

    string? Object(FlatSchema schema)
    {
        foreach (string keyword in (string[])["dependentSchemas", "dependencies"])
            if (schema.Has(keyword)) throw schema.Unsupported($"\"{keyword}\".");
        if (schema.Has("unevaluatedProperties")) throw schema.Unsupported("\"unevaluatedProperties\" with a schema.");
        JsonObject properties = schema["properties"] switch
        {
            null => [],
            JsonObject declared => declared,
            _ => throw schema.Wrong("properties"),
        };
        HashSet<string> required = Required(schema, properties);
        int least = schema.Count("minProperties") ?? 0, most = schema.Count("maxProperties") ?? int.MaxValue;

        if (properties.Count + required.Count > MostProperties) throw schema.Unsupported($"it has {properties.Count} properties; at most {MostProperties} are taken.");
        List<Member> members = [];
        // Declared ones first, in their order; then what is required without being declared.
        foreach (string name in properties.Select(static p => p.Key).Concat(required.Order(StringComparer.Ordinal)).Distinct())
        {
            string? rule = AllowsName(schema, name) ? Compile(Property(schema, properties, name), schema.Recursion, $"{schema.Pointer}/properties/{Escape(name)}") : null;
            if (rule is not null) members.Add(new(name, rule, required.Contains(name)));
            else if (required.Contains(name)) return null;
        }
        if (members.Count > 0 && schema.Has("patternProperties"))
            _notes.Add($"{schema.Pointer}: \"patternProperties\" holds for declared names; no other is written.");
        // Free names where none is known: an object whose declared properties can have no value is empty.
        if (properties.Count == 0 && required.Count == 0 && Extra(schema) is { } extra) return MapOf(schema, extra, least, most);

        // Too many may be valid: leave the last optional ones away. Too few: the first optional ones become required.
        while (members.Count > most)
        {
            int last = members.FindLastIndex(static m => !m.IsRequired);
            if (last < 0) return null;
            members.RemoveAt(last);
        }
        if (members.Count < least) throw schema.Unsupported($"\"minProperties\" {least} with {members.Count} declared properties.");
        for (int i = 0, missing = least - members.Count(static m => m.IsRequired); missing > 0; i++)
        {
            if (members[i].IsRequired) continue;
            members[i] = members[i] with { IsRequired = true };
            missing--;
        }
        return ObjectRule(members);
    }

    static HashSet<string> Required(FlatSchema schema, JsonObject properties)
    {
        HashSet<string> required = [.. schema.Texts("required") ?? []];
        if (schema["dependentRequired"] is not { } dependent) return required;
        // Whatever a property brings along is required from the start, which is stricter and so valid. What is brought along may bring
        // along more.
        JsonObject rules = dependent as JsonObject ?? throw schema.Wrong("dependentRequired");
        Queue<string> todo = new(properties.Select(static p => p.Key).Concat(required));
        for (HashSet<string> seen = []; todo.TryDequeue(out string? name);)
        {
            if (!seen.Add(name)) continue;
            foreach (string brought in new FlatSchema(rules, 0, schema.Pointer).Texts(name) ?? [])
                if (required.Add(brought)) todo.Enqueue(brought);
        }
        return required;
    }

    /// <summary>The schema of a property: its own and those of the patterns its name matches, or what holds for undeclared ones.</summary>
    JsonNode? Property(FlatSchema schema, JsonObject properties, string name)
    {
        List<JsonNode?> all = [];
        if (properties.TryGetPropertyValue(name, out JsonNode? own)) all.Add(own);
        if (schema["patternProperties"] is JsonObject patterns)
            foreach ((string pattern, JsonNode? value) in patterns)
                if (_work.Matches(name, pattern, schema)) all.Add(value);
        return all.Count switch
        {
            0 => schema["additionalProperties"] ?? true,
            1 => all[0],
            _ => new JsonObject { ["allOf"] = new JsonArray([.. all.Select(static s => s?.DeepClone())]) },
        };
    }

    bool AllowsName(FlatSchema schema, string name) =>
        schema["propertyNames"] is not { } names
        || _normalizer.Alternatives(names, schema.Recursion, schema.Pointer + "/propertyNames").Any(s =>
            SchemaValue.Satisfies(name, s, _work) && (s["enum"] is not JsonArray list || list.Any(v => JsonNode.DeepEquals(v, name))));

    /// <summary>The rule for values of undeclared properties; null when there can be none.</summary>
    string? Extra(FlatSchema schema)
    {
        JsonNode? extra = schema["additionalProperties"];
        if (extra is JsonValue no && no.TryGetValue(out bool allowed) && !allowed) return null;
        if (schema["unevaluatedProperties"] is JsonValue none && none.TryGetValue(out allowed) && !allowed && extra is null) return null;
        if (schema.Has("patternProperties") || schema.Has("propertyNames"))
        {
            _notes.Add($"{schema.Pointer}: names are only known by a pattern; no property is written.");
            return null;
        }
        return extra is null or JsonValue ? Free(Math.Max(0, _limits.FreeDepth - 1)) : Compile(extra, schema.Recursion, schema.Pointer + "/additionalProperties");
    }

    string? MapOf(FlatSchema schema, string value, int least, int most)
    {
        // A model may write one key twice, which counts once.
        if (least > 1) throw schema.Unsupported("\"minProperties\" above 1 where names are free.");
        if (schema["dependentRequired"] is JsonObject { Count: > 0 }) throw schema.Unsupported("\"dependentRequired\" where names are free.");
        return least > most ? null : Map(value, least, Math.Min(most, _limits.MapEntries));
    }

    string Map(string value, int least, int most)
    {
        string entry = _rules.Add($"{TextRule(1, LongestKey, isFree: false)} \":\" {GrammarRules.Space} {value}");
        return ArrayRule([], entry, least, most, '{', '}')!;
    }

    /// <summary>Members in order; what is optional may be left out.</summary>
    string ObjectRule(List<Member> members)
    {
        // From the last to the first: "after" continues behind a member, "first" has none before it.
        string after = "", first = "";
        for (int i = members.Count - 1; i >= 0; i--)
        {
            string member = _rules.Add($"{GrammarRules.Literal(SchemaValue.Write(members[i].Name) + ":")} {GrammarRules.Space} {members[i].Rule}");
            string here = after.Length == 0 ? member : $"{member} {after}", next = $"\",\" {GrammarRules.Space} {here}";
            if (members[i].IsRequired) (first, after) = (here, next);
            else if (i == members.Count - 1) (first, after) = ($"({here})?", $"({next})?");
            else (first, after) = ($"{here} | {_rules.Add(first)}", $"{next} | {after}");
            after = _rules.Add(after);
        }
        if (first.Contains('|', StringComparison.Ordinal)) first = _rules.Add(first);
        return _rules.Add(first.Length == 0 ? "\"{\" \"}\"" : $"\"{{\" {first} \"}}\"");
    }

    static string Escape(string name) => name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);
}
