using System.Text.Json.Nodes;

namespace SK.FasterVlm.Chat.Grammar;

/// <summary>
/// A JSON schema as rules of a grammar. Whatever the rules let through is valid for the schema; not all that is valid is let through
/// (declared properties come in their order, free text is bounded). What cannot be promised is refused.
/// </summary>
sealed partial class SchemaCompiler
{
    const int DeepestSchema = 64;

    readonly GrammarRules _rules;
    readonly GrammarLimits _limits;
    readonly SchemaNormalizer _normalizer;
    readonly SchemaWork _work = new();
    readonly JsonNode? _root;
    readonly List<string> _notes = [];
    readonly Dictionary<string, string?> _compiled = new(StringComparer.Ordinal);
    readonly Dictionary<(JsonObject, int), string?> _compiledNodes = [];
    int _depth;

    /// <summary>Prepares a compilation.</summary>
    /// <param name="root">The whole schema, which references start from.</param>
    /// <param name="rules">Receives the rules.</param>
    /// <param name="limits">Bounds where the schema has none.</param>
    public SchemaCompiler(JsonNode? root, GrammarRules rules, GrammarLimits limits)
    {
        _root = root;
        _rules = rules;
        _limits = limits;
        _normalizer = new SchemaNormalizer(new SchemaReferences(root ?? true, _work), _notes, _work);
    }

    /// <summary>What was not taken literally, in words for a log.</summary>
    public IReadOnlyList<string> Notes => [.. _notes.Distinct(StringComparer.Ordinal)];

    /// <summary>Compiles the whole schema.</summary>
    /// <returns>The name of the rule for a value.</returns>
    /// <exception cref="SchemaNotSupportedException">It cannot be expressed, or allows no value at all.</exception>
    public string Compile() =>
        Compile(_root, _limits.Recursion, "") ?? throw new FlatSchema([], 0, "").Unsupported("no value satisfies it.");

    /// <summary>The rule for a schema; null when no value is valid.</summary>
    string? Compile(JsonNode? schema, int recursion, string pointer)
    {
        if (_depth > DeepestSchema) throw new FlatSchema([], 0, pointer).Unsupported($"it is nested more than {DeepestSchema} deep.");
        _depth++;
        try
        {
            List<string> rules = [];
            foreach (FlatSchema alternative in _normalizer.Alternatives(schema, recursion, pointer))
                if (Compile(alternative) is { } rule) rules.Add(rule);
            return rules.Count == 0 ? null : _rules.Union(rules);
        }
        finally
        {
            _depth--;
        }
    }

    string? Compile(FlatSchema schema)
    {
        if (_compiledNodes.TryGetValue((schema.Node, schema.Recursion), out string? same)) return same;
        return _compiledNodes[(schema.Node, schema.Recursion)] = CompileByText(schema);
    }

    string? CompileByText(FlatSchema schema)
    {
        _work.SpendOn(schema.Node);
        string key = $"{schema.Recursion} {schema.Node.ToJsonString()}";
        if (_compiled.TryGetValue(key, out string? known)) return known;
        if (schema["not"] is { } not) schema = Without(schema, not);
        if (schema.Has("if") && (schema.Has("then") || schema.Has("else"))) throw schema.Unsupported("\"if\" with \"then\" or \"else\".");
        return _compiled[key] = schema["enum"] is null ? Typed(schema) : Listed(schema);
    }

    string? Typed(FlatSchema schema)
    {
        // Nothing is said about the value: no keyword that implies a type, no type.
        if (schema.Node.All(static k => k.Key is "if" or "then" or "else")) return Free(_limits.FreeDepth);
        IReadOnlyList<string> types = schema.Types();
        List<string> rules = [];
        foreach (string type in types)
        {
            if (type == "integer" && types.Contains("number")) continue;
            string? rule = type switch
            {
                "object" => Object(schema),
                "array" => Array(schema),
                "string" => Text(schema),
                "boolean" => _rules.Add("\"true\" | \"false\""),
                "null" => _rules.Add("\"null\""),
                _ => Number(schema, type == "integer"),
            };
            if (rule is not null) rules.Add(rule);
        }
        return rules.Count == 0 ? null : _rules.Union(rules);
    }

    /// <summary>Listed values, each as one literal.</summary>
    string? Listed(FlatSchema schema)
    {
        if (schema["enum"] is not JsonArray values) throw schema.Wrong("enum");
        List<string> literals = [.. values.Where(v => SchemaValue.Satisfies(v, schema, _work)).Select(static v => GrammarRules.Literal(SchemaValue.Write(v))).Distinct(StringComparer.Ordinal)];
        return literals.Count == 0 ? null : _rules.Add(string.Join(" | ", literals));
    }

    /// <summary>The forms of "not" that only take types or listed values away.</summary>
    FlatSchema Without(FlatSchema schema, JsonNode not)
    {
        FlatSchema result = schema with { Node = (JsonObject)schema.Node.DeepClone() };
        result.Node.Remove("not");
        if (not is JsonObject { Count: 1 } single)
        {
            if (single["type"] is not null)
            {
                IReadOnlyList<string> removed = new FlatSchema(single, 0, schema.Pointer).Types();
                if (removed.Contains("integer")) throw schema.Unsupported("\"not\" with the type integer.");
                result.Node["type"] = new JsonArray([.. schema.Types().Where(t => !removed.Contains(t) && !(t == "integer" && removed.Contains("number"))).Select(static t => (JsonNode?)t)]);
                return result;
            }
            JsonArray? values = single.TryGetPropertyValue("const", out JsonNode? one) ? new JsonArray(one?.DeepClone()) : single["enum"] as JsonArray;
            if (values is not null && schema["enum"] is JsonArray listed)
            {
                _work.Spend((long)values.Count * listed.Count);
                result.Node["enum"] = new JsonArray([.. listed.Where(v => !values.Any(w => JsonNode.DeepEquals(v, w))).Select(static v => v?.DeepClone())]);
                return result;
            }
        }
        throw schema.Unsupported("\"not\" with more than a type, or listed values to take away from others.");
    }

    /// <summary>Any JSON down to a depth.</summary>
    string Free(int depth)
    {
        List<string> rules =
            [TextRule(0, _limits.StringLength, isFree: true), UnboundedNumber(isInteger: false), _rules.Add("\"true\" | \"false\""), _rules.Add("\"null\"")];
        if (depth > 0)
        {
            string inner = Free(depth - 1);
            rules.Add(ArrayRule([], inner, 0, _limits.ArrayItems)!);
            rules.Add(Map(inner, 0, _limits.MapEntries));
        }
        return _rules.Union(rules);
    }
}
