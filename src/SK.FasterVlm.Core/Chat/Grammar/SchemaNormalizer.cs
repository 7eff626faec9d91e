using System.Text.Json.Nodes;

namespace SK.FasterVlm.Chat.Grammar;

/// <summary>
/// Resolves references and combinations: from a schema to the flat schemas of which one holds. <c>oneOf</c> is taken as
/// <c>anyOf</c> where its branches provably exclude each other, and refused elsewhere.
/// </summary>
/// <param name="references">Of the document.</param>
/// <param name="notes">Receives what was not taken literally.</param>
sealed class SchemaNormalizer(SchemaReferences references, ICollection<string> notes)
{
    const int MostAlternatives = 256;
    const int DeepestCombination = 64;

    /// <summary>Normalises.</summary>
    /// <param name="schema">An object or a boolean.</param>
    /// <param name="recursion">How often a schema that refers to itself may still be followed.</param>
    /// <param name="pointer">Where it stands.</param>
    /// <returns>The alternatives; none when nothing is valid.</returns>
    public IReadOnlyList<FlatSchema> Alternatives(JsonNode? schema, int recursion, string pointer) => Alternatives(schema, recursion, pointer, 0);

    List<FlatSchema> Alternatives(JsonNode? schema, int recursion, string pointer, int depth)
    {
        FlatSchema any = new([], recursion, pointer);
        if (depth > DeepestCombination) throw any.Unsupported("it refers to itself without end.");
        if (schema is JsonValue value && value.TryGetValue(out bool all)) return all ? [any] : [];
        if (schema is not JsonObject node) throw any.Unsupported("a schema is an object or a boolean.");

        List<FlatSchema> result = [any with { Node = Own(node, any) }];
        if (node.ContainsKey("$dynamicRef")) throw any.Unsupported("\"$dynamicRef\".");
        foreach (JsonNode? part in Branches(node, "allOf", any)) result = And(result, Alternatives(part, recursion, pointer, depth + 1), any);
        if (new FlatSchema(node, recursion, pointer).Text("$ref") is { } reference) result = And(result, Follow(reference, recursion, pointer, depth), any);
        if (node.ContainsKey("anyOf"))
            result = And(result, [.. Branches(node, "anyOf", any).SelectMany(b => Alternatives(b, recursion, pointer, depth + 1))], any);
        if (node.ContainsKey("oneOf")) result = And(result, OneOf(node, any, recursion, depth), any);
        return result;
    }

    List<FlatSchema> Follow(string reference, int recursion, string pointer, int depth)
    {
        if (!references.TryResolve(reference, out JsonNode? target))
        {
            notes.Add($"{pointer}: the reference \"{reference}\" points nowhere; any value is taken.");
            return [new([], recursion, pointer)];
        }
        if (references.IsCyclic(reference) && --recursion < 0) return [];
        return Alternatives(target, recursion, pointer, depth + 1);
    }

    List<FlatSchema> OneOf(JsonObject node, FlatSchema any, int recursion, int depth)
    {
        List<List<FlatSchema>> branches = [.. Branches(node, "oneOf", any).Select(b => Alternatives(b, recursion, any.Pointer, depth + 1))];
        for (int i = 0; i < branches.Count; i++)
            for (int j = i + 1; j < branches.Count; j++)
                if (!branches[i].All(a => branches[j].All(b => SchemaOverlap.Exclude(a, b))))
                    throw any.Unsupported(
                        $"branches {i} and {j} of \"oneOf\" may both match a value; use \"anyOf\", or tell them apart by a required constant.");
        return [.. branches.SelectMany(static b => b)];
    }

    static List<FlatSchema> And(List<FlatSchema> left, List<FlatSchema> right, FlatSchema at)
    {
        if ((long)left.Count * right.Count > MostAlternatives) throw at.Unsupported($"its combinations have more than {MostAlternatives} cases.");
        List<FlatSchema> result = [];
        foreach (FlatSchema a in left)
            foreach (FlatSchema b in right)
                if (SchemaMerge.Merge(a, b) is { } both) result.Add(both);
        return result;
    }

    static JsonArray Branches(JsonObject node, string keyword, FlatSchema at) => node[keyword] switch
    {
        null when !node.ContainsKey(keyword) => [],
        JsonArray { Count: > 0 } list => list,
        _ => throw at.Wrong(keyword),
    };

    /// <summary>A schema's own constraints: without annotations, references and combinations, and a constant as a list of one.</summary>
    JsonObject Own(JsonObject node, FlatSchema at)
    {
        JsonObject own = [];
        foreach ((string keyword, JsonNode? value) in node)
        {
            if (SchemaKeywords.Constraints.Contains(keyword)) own[keyword] = value?.DeepClone();
            else if (!SchemaKeywords.Applicators.Contains(keyword) && !SchemaKeywords.Annotations.Contains(keyword))
                notes.Add($"{at.Pointer}: \"{keyword}\" is no keyword of JSON Schema and is ignored.");
        }
        if (node.TryGetPropertyValue("const", out JsonNode? constant))
        {
            if (!own.ContainsKey("enum")) own["enum"] = new JsonArray(constant?.DeepClone());
            else own["enum"] = SchemaMerge.Merge(at with { Node = own }, at with { Node = new() { ["enum"] = new JsonArray(constant?.DeepClone()) } })?["enum"]?.DeepClone() ?? new JsonArray();
        }
        Draft4Exclusive(own, "exclusiveMinimum", "minimum");
        Draft4Exclusive(own, "exclusiveMaximum", "maximum");
        return own;
    }

    // Draft 4: a boolean beside the bound.
    static void Draft4Exclusive(JsonObject own, string exclusive, string bound)
    {
        if (own[exclusive] is not JsonValue value || !value.TryGetValue(out bool isExclusive)) return;
        own.Remove(exclusive);
        if (!isExclusive || own[bound] is not { } limit) return;
        own.Remove(bound);
        own[exclusive] = limit;
    }
}
