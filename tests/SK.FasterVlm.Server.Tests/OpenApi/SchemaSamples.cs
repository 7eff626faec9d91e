using System.Text.Json;
using System.Text.Json.Nodes;

namespace SK.FasterVlm.Server.Tests.OpenApi;

/// <summary>
/// Values a request schema allows, and values it does not, each with the place of its one fault. Knows the keywords the schemas of the
/// document use, and fails at any other.
/// </summary>
/// <param name="document">The OpenAPI document, for its components.</param>
/// <param name="words">Names to try where the schema has no such property.</param>
sealed class SchemaSamples(JsonObject document, IReadOnlyCollection<string> words)
{
    /// <summary>The place of a fault that can be described in more than one way.</summary>
    public const string AnyPath = "*";

    const int LongestSample = 20_000;

    static readonly HashSet<string> Known =
    [
        "$ref", "type", "const", "enum", "oneOf", "anyOf", "properties", "required", "additionalProperties", "propertyNames", "items", "minItems",
        "maxItems", "minLength", "maxLength", "pattern", "minimum", "maximum", "maxProperties", "not", "dependentSchemas", "description",
        "default", "deprecated", "examples", "format",
    ];

    readonly HashSet<JsonObject> _tried = [];

    /// <summary>A schema of the document, behind its references.</summary>
    public JsonObject Component(string name) => document["components"]!["schemas"]![name]!.AsObject();

    public JsonObject Resolve(JsonNode schema)
    {
        JsonObject node = schema.AsObject();
        Assert.All(node, static k => Assert.Contains(k.Key, Known));
        return (string?)node["$ref"] is { } reference ? Component(reference.Split('/')[^1]) : node;
    }

    /// <summary>The smallest value.</summary>
    public JsonNode Least(JsonNode schema) => Allowed(schema).First()!;

    /// <summary>Values the schema allows: every word, both ends of every range, every property.</summary>
    public IEnumerable<JsonNode?> Allowed(JsonNode schema)
    {
        JsonObject node = Resolve(schema);
        if (node["examples"] is JsonArray examples) return examples;
        if (node["const"] is { } only) return [only];
        if (node["enum"] is JsonArray all) return all;
        if (node["oneOf"] is JsonArray branches) return branches.SelectMany(b => Allowed(b!));
        return (string?)node["type"] switch
        {
            "boolean" => [true, false],
            "integer" or "number" => node.ContainsKey("minimum") ? [node["minimum"], node["maximum"]] : [1, -1],
            "string" => Texts(node),
            "array" => Arrays(node),
            "object" => Objects(node),
            _ => [new JsonArray(), 1, "x"],
        };
    }

    static IEnumerable<JsonNode?> Texts(JsonObject node)
    {
        yield return "x";
        if ((int?)node["maxLength"] is { } most and <= LongestSample) yield return new string('x', most);
    }

    IEnumerable<JsonNode?> Arrays(JsonObject node)
    {
        if ((int?)node["minItems"] is not > 0) yield return new JsonArray();
        foreach (JsonNode? item in Allowed(node["items"]!)) yield return new JsonArray(item?.DeepClone());
        // Items with a name must have different ones.
        if ((int?)node["maxItems"] is { } most && Resolve(node["items"]!)["required"] is not JsonArray)
            yield return new JsonArray([.. Enumerable.Repeat(Least(node["items"]!), most).Select(static i => i.DeepClone())]);
    }

    IEnumerable<JsonNode?> Objects(JsonObject node)
    {
        // What must be there; or, of things of which one must be there, each.
        foreach (string[] more in node["anyOf"]?.AsArray().Select(Required) ?? [[]]) yield return Smallest(node, more);
        foreach ((string name, JsonNode? schema) in node["properties"]?.AsObject() ?? [])
        {
            foreach (JsonNode? value in Allowed(schema!)) yield return With(Smallest(node), name, value);
            if (!Required(node).Contains(name) && !Required(node["anyOf"]?[0]).Contains(name)) yield return With(Smallest(node), name, null);
        }
        if (node["additionalProperties"] is JsonObject free)
            foreach (JsonNode? value in Allowed(free)) yield return new JsonObject { ["5"] = value?.DeepClone() };
    }

    /// <summary>Values the schema does not allow.</summary>
    /// <param name="schema">The schema.</param>
    /// <param name="path">Where it stands.</param>
    /// <returns>The values, the path of what is wrong with each, and whether it is a name that is not one of the schema's.</returns>
    public IEnumerable<(JsonNode? Value, string Path, bool IsUnknown)> Refused(JsonNode schema, string path)
    {
        JsonObject[] branches = [.. Branches(schema)];
        HashSet<string> kinds = [.. branches.Select(static b => (string?)b["type"]).OfType<string>()];
        if (kinds.Count == 0) yield break; // anything goes
        if (kinds.Contains("number")) kinds.Add("integer");
        foreach ((string kind, JsonNode value) in new (string, JsonNode)[] { ("boolean", true), ("integer", 7), ("number", 0.5), ("string", "no such word"), ("array", new JsonArray()), ("object", new JsonObject()) })
            if (!kinds.Contains(kind)) yield return (value, path, false);
        JsonArray named = [.. branches.SelectMany(Words)];
        if (named.Count > 0 && kinds.Count == 1 && kinds.Contains("string")) yield return ("no such word", path, false);
        foreach (JsonObject branch in branches)
            foreach ((JsonNode? value, string at, bool unknown) in OfType(branch, path)) yield return (value, at, unknown);

        static IEnumerable<JsonNode?> Words(JsonObject b) => b["const"] is { } only ? [only.DeepClone()] : (b["enum"] as JsonArray)?.Select(static v => v?.DeepClone()) ?? [];
    }

    IEnumerable<JsonObject> Branches(JsonNode schema)
    {
        JsonObject node = Resolve(schema);
        return node["oneOf"] is JsonArray branches ? branches.SelectMany(b => Branches(b!)) : [node];
    }

    IEnumerable<(JsonNode?, string, bool)> OfType(JsonObject node, string path)
    {
        switch ((string?)node["type"])
        {
            case "integer" or "number" when node.ContainsKey("minimum"):
                yield return ((double)node["minimum"]! - 1, path, false);
                yield return ((double)node["maximum"]! + 1, path, false);
                break;
            case "boolean" when node["const"] is { } only:
                yield return (!(bool)only, path, false);
                break;
            case "string":
                if ((int?)node["maxLength"] is { } longest) yield return (new string('x', longest + 1), path, false);
                if ((int?)node["minLength"] is > 0) yield return ("", path, false);
                if (node.ContainsKey("pattern")) yield return ("no such \u00e4", path, false);
                break;
            case "array":
                if ((int?)node["minItems"] is > 0) yield return (new JsonArray(), path, false);
                if ((int?)node["maxItems"] is { } most)
                    yield return (new JsonArray([.. Enumerable.Repeat(Least(node["items"]!), most + 1).Select(static i => i.DeepClone())]), path, false);
                foreach ((JsonNode? value, string at, bool unknown) in Refused(node["items"]!, $"{path}[0]")) yield return (new JsonArray(value?.DeepClone()), at, unknown);
                break;
            case "object":
                foreach ((JsonNode? value, string at, bool unknown) in OfObject(node, path)) yield return (value, at, unknown);
                break;
        }
    }

    IEnumerable<(JsonNode?, string, bool)> OfObject(JsonObject node, string path)
    {
        string prefix = path.Length > 0 ? path + "." : "";
        JsonObject properties = node["properties"]?.AsObject() ?? [];
        foreach (string name in Required(node))
        {
            JsonObject without = Smallest(node);
            without.Remove(name);
            // Without the word that tells the branches apart, it is another one that misses something.
            bool tells = Resolve(properties[name]!).ContainsKey("const");
            yield return (without, tells ? AnyPath : prefix + name, false);
        }
        foreach ((string name, JsonNode? schema) in properties)
            foreach ((JsonNode? value, string at, bool unknown) in Refused(schema!, prefix + name)) yield return (With(Smallest(node), name, value), at, unknown);
        if (node["additionalProperties"] is JsonObject free)
        {
            foreach ((JsonNode? value, string at, bool unknown) in Refused(free, prefix + "5")) yield return (new JsonObject { ["5"] = value?.DeepClone() }, at, unknown);
            if (node["propertyNames"] is not null) yield return (new JsonObject { ["no"] = Least(free).DeepClone() }, prefix + "no", false);
            if ((int?)node["maxProperties"] is { } most)
                yield return (new JsonObject(Enumerable.Range(0, most + 1).Select(i => KeyValuePair.Create($"{i}", (JsonNode?)Least(free).DeepClone()))), path, false);
        }
        else if (node["additionalProperties"]?.GetValueKind() == JsonValueKind.False && _tried.Add(node))
        {
            foreach (string word in words)
                if (!properties.ContainsKey(word)) yield return (With(Smallest(node), word, "x"), prefix + word, true);
        }
    }

    JsonObject Smallest(JsonObject node, params string[] more)
    {
        JsonObject value = [];
        foreach (string name in Required(node).Concat(more.Length > 0 ? more : Required(node["anyOf"]?[0]))) value[name] = Least(node["properties"]![name]!).DeepClone();
        return value;
    }

    static string[] Required(JsonNode? node) => node?["required"] is JsonArray names ? [.. names.Select(static n => (string)n!)] : [];

    static JsonObject With(JsonObject value, string name, JsonNode? property)
    {
        value[name] = property?.DeepClone();
        return value;
    }
}
