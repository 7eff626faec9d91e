using System.Text.Json.Nodes;

namespace SK.FasterVlm.Chat.Grammar;

/// <summary>
/// Resolves references and combinations: from a schema to the flat schemas of which one holds. <c>oneOf</c> is taken as
/// <c>anyOf</c> where its branches provably exclude each other, and refused elsewhere.
/// </summary>
/// <param name="references">Of the document.</param>
/// <param name="notes">Receives what was not taken literally.</param>
/// <param name="work">What it may cost.</param>
sealed class SchemaNormalizer(SchemaReferences references, ICollection<string> notes, SchemaWork work)
{
    const int MostAlternatives = 256;
    const int DeepestCombination = 64;

    readonly Dictionary<(JsonNode Schema, int Recursion), List<FlatSchema>> _known = [];
    readonly HashSet<List<FlatSchema>> _judged = [];
    readonly SchemaOverlap _overlap = new(work);

    /// <summary>Normalises.</summary>
    /// <param name="schema">An object or a boolean.</param>
    /// <param name="recursion">How often a schema that refers to itself may still be followed.</param>
    /// <param name="pointer">Where it stands.</param>
    /// <returns>The alternatives; none when nothing is valid.</returns>
    public IReadOnlyList<FlatSchema> Alternatives(JsonNode? schema, int recursion, string pointer)
    {
        List<FlatSchema> alternatives = Alternatives(schema, recursion, pointer, 0);
        if (_judged.Add(alternatives)) Judge(alternatives, pointer);
        return alternatives;
    }

    List<FlatSchema> Alternatives(JsonNode? schema, int recursion, string pointer, int depth)
    {
        FlatSchema any = new([], recursion, pointer);
        if (schema is JsonValue value && value.TryGetValue(out bool all)) return all ? [any] : [];
        if (schema is not JsonObject node) throw any.Unsupported("a schema is an object or a boolean.");
        if (_known.TryGetValue((schema, recursion), out List<FlatSchema>? known)) return known;
        if (depth > DeepestCombination) throw any.Unsupported("it refers to itself without end.");
        work.Step();

        List<FlatSchema> result = [any with { Node = Own(node, any) }];
        if (node.ContainsKey("$dynamicRef")) throw any.Unsupported("\"$dynamicRef\".");
        foreach (JsonNode? part in Branches(node, "allOf", any)) result = And(result, Alternatives(part, recursion, pointer, depth + 1), any);
        if (new FlatSchema(node, recursion, pointer).Text("$ref") is { } reference) result = And(result, Follow(reference, recursion, pointer, depth), any);
        if (node.ContainsKey("anyOf"))
            result = And(result, [.. Branches(node, "anyOf", any).SelectMany(b => Alternatives(b, recursion, pointer, depth + 1))], any);
        if (node.ContainsKey("oneOf")) result = And(result, OneOf(node, any, recursion, depth), any);
        if (IsBoolean(node["unevaluatedProperties"]) || IsBoolean(node["unevaluatedItems"])) result = [.. result.Select(Close)];
        return _known[(schema, recursion)] = result;

        static bool IsBoolean(JsonNode? keyword) => keyword is JsonValue flag && flag.TryGetValue(out bool _);
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
        List<FlatSchema> all = [];
        JsonArray branches = Branches(node, "oneOf", any);
        for (int i = 0; i < branches.Count; i++)
            foreach (FlatSchema branch in Alternatives(branches[i], recursion, any.Pointer, depth + 1))
                all.Add(branch with { Branches = [.. branch.Branches ?? [], (node, i)] });
        return all;
    }

    /// <summary>
    /// Refuses branches of <c>oneOf</c> that may both match. Judged when all else that holds is merged in: a property that two branches
    /// tell each other apart by may be declared beside them.
    /// </summary>
    void Judge(List<FlatSchema> alternatives, string pointer)
    {
        for (int i = 0; i < alternatives.Count; i++)
        {
            if (alternatives[i].Branches is not { } own) continue;
            for (int j = i + 1; j < alternatives.Count; j++)
            {
                if (alternatives[j].Branches is not { } others) continue;
                work.Spend(own.Count * others.Count);
                foreach ((JsonObject oneOf, int branch) in own)
                    foreach ((JsonObject other, int otherBranch) in others)
                        if (ReferenceEquals(oneOf, other) && branch != otherBranch && !_overlap.Exclude(alternatives[i], alternatives[j]))
                            throw new FlatSchema([], 0, pointer).Unsupported(
                                $"branches {branch} and {otherBranch} of \"oneOf\" may both match a value; use \"anyOf\", or tell them apart by a required constant.");
            }
        }
    }

    List<FlatSchema> And(List<FlatSchema> left, List<FlatSchema> right, FlatSchema at)
    {
        if ((long)left.Count * right.Count > MostAlternatives) throw at.Unsupported($"its combinations have more than {MostAlternatives} cases.");
        List<FlatSchema> result = [];
        foreach (FlatSchema a in left)
        {
            foreach (FlatSchema b in right)
            {
                if (a.Branches is { } own && b.Branches is { } others && own.Any(x => others.Any(y => ReferenceEquals(x.OneOf, y.OneOf) && x.Branch != y.Branch)))
                    continue; // two branches of one "oneOf" at once
                if (SchemaMerge.Merge(a, b, work) is { } both)
                    result.Add(both with { Branches = a.Branches is null ? b.Branches : b.Branches is null ? a.Branches : [.. a.Branches.Union(b.Branches)] });
            }
        }
        return result;
    }

    /// <summary>What is unevaluated once everything beside it is merged in: what is neither declared nor under "additional".</summary>
    FlatSchema Close(FlatSchema schema)
    {
        work.SpendOn(schema.Node);
        JsonObject node = (JsonObject)schema.Node.DeepClone();
        Take("unevaluatedProperties", "additionalProperties");
        Take("unevaluatedItems", node["items"] is JsonArray ? "additionalItems" : "items");
        return schema with { Node = node };

        void Take(string unevaluated, string rest)
        {
            if (node[unevaluated] is not JsonValue flag || !flag.TryGetValue(out bool allowed)) return;
            node.Remove(unevaluated);
            if (!allowed) node.TryAdd(rest, false);
        }
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
        work.SpendOn(node);
        foreach ((string keyword, JsonNode? value) in node)
        {
            if (SchemaKeywords.Constraints.Contains(keyword)) own[keyword] = value?.DeepClone();
            else if (!SchemaKeywords.Applicators.Contains(keyword) && !SchemaKeywords.Annotations.Contains(keyword))
                notes.Add($"{at.Pointer}: \"{keyword}\" is no keyword of JSON Schema and is ignored.");
        }
        if (node.TryGetPropertyValue("const", out JsonNode? constant))
        {
            if (!own.ContainsKey("enum")) own["enum"] = new JsonArray(constant?.DeepClone());
            else own["enum"] = SchemaMerge.Merge(at with { Node = own }, at with { Node = new() { ["enum"] = new JsonArray(constant?.DeepClone()) } }, work)?["enum"]?.DeepClone() ?? new JsonArray();
        }
        Draft4Exclusive(own, "exclusiveMinimum", "minimum");
        Draft4Exclusive(own, "exclusiveMaximum", "maximum");
        // What belongs to a keyword beside it must not meet that keyword of another schema when the two are merged.
        if (own["items"] is not JsonArray) own.Remove("additionalItems");
        if (at with { Node = own } is var self && self.Count("minContains") is 0 && !own.ContainsKey("maxContains")) own.Remove("contains");
        if (!own.ContainsKey("contains"))
        {
            own.Remove("minContains");
            own.Remove("maxContains");
        }
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
