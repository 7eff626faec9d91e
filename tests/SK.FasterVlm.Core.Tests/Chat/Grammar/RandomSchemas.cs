using System.Text.Json.Nodes;

namespace SK.FasterVlm.Core.Tests.Chat.Grammar;

/// <summary>Seeded random schemas over every construct that is supported; some contradict themselves or ask for what is refused.</summary>
/// <param name="seed">Equal seeds give equal schemas.</param>
/// <param name="isWide">Whether also what is mostly refused comes up: not, untagged oneOf, contains, names by pattern, what is unevaluated.</param>
sealed class RandomSchemas(int seed, bool isWide = false)
{
    static readonly string[] s_formats = ["date", "time", "date-time", "duration", "uuid", "uri", "email", "ipv4", "ipv6", "hostname", "byte"];
    static readonly string[] s_patterns =
        ["^[a-z]+$", "^\\d{3}-\\d{4}$", "^(red|green|blue)$", "^[^\\s,;]{1,5}$", "^\\w+(\\.\\w+)*$", "[A-Z]{2,}", "^a.c$", "^(\\(\\d+\\) )?x*y?$", "^\\\\\"?$", "^[\\w.%+-]+@x$"];
    static readonly string[] s_names = ["id", "name", "total amount", "a\"b", "größe", "x/y", "items", "kind", "is_ok", "k~1"];

    readonly Random _random = new(seed);

    /// <summary>An object schema with definitions, as tools and structured answers have.</summary>
    public JsonObject Next()
    {
        JsonObject definitions = [];
        for (int i = 0; i < 3; i++) definitions[$"d{i}"] = Value(2);
        JsonObject schema = Object(3);
        schema["$defs"] = definitions;
        return schema;
    }

    JsonObject Value(int depth)
    {
        JsonObject schema = _random.Next(depth > 0 ? 16 : 8) switch
        {
            0 => Integer(),
            1 => Number(),
            2 or 3 => Text(),
            4 => new() { ["type"] = "boolean" },
            5 => new() { ["enum"] = new JsonArray("one", "two", 3, null, 2.5, new JsonObject { ["x"] = 1 }) },
            6 => new() { ["const"] = JsonValue.Create(Pick("c", "d\n\"e\"", "")) },
            7 => new() { ["type"] = Pick("null", "boolean") },
            8 or 9 => Array(depth - 1),
            10 or 11 => Object(depth - 1),
            12 => new() { ["type"] = "object", ["additionalProperties"] = Value(depth - 1) },
            13 => new() { ["anyOf"] = new JsonArray(Value(depth - 1), Value(depth - 1)) },
            14 => new() { ["$ref"] = Pick("#/$defs/d0", "#/$defs/d1", "#/$defs/d2", "#", "#/nowhere") },
            _ => Tagged(depth - 1),
        };
        if (_random.Next(5) == 0 && schema["type"] is JsonValue type && (string)type! != "null") schema["type"] = new JsonArray((string)type!, "null");
        if (_random.Next(6) == 0) schema["description"] = "said for people";
        return isWide && depth > 0 && _random.Next(4) == 0 ? Rare(schema, depth - 1) : schema;
    }

    JsonObject Integer()
    {
        JsonObject schema = new() { ["type"] = "integer" };
        if (Often()) schema[Pick("minimum", "exclusiveMinimum")] = _random.Next(-1500, 800);
        if (Often()) schema[Pick("maximum", "exclusiveMaximum")] = _random.Next(-900, 20_000);
        if (_random.Next(6) == 0) schema["multipleOf"] = _random.Next(1, 9);
        return schema;
    }

    JsonObject Number()
    {
        JsonObject schema = new() { ["type"] = "number" };
        if (Often()) schema[Pick("minimum", "exclusiveMinimum")] = Math.Round((decimal)(_random.NextDouble() * 40) - 20, _random.Next(4));
        if (Often()) schema[Pick("maximum", "exclusiveMaximum")] = Math.Round((decimal)(_random.NextDouble() * 400) - 20, _random.Next(4));
        return schema;
    }

    JsonObject Text()
    {
        JsonObject schema = new() { ["type"] = "string" };
        switch (_random.Next(4))
        {
            case 0:
                schema["format"] = s_formats[_random.Next(s_formats.Length)];
                break;
            case 1:
                schema["pattern"] = s_patterns[_random.Next(s_patterns.Length)];
                if (_random.Next(3) == 0) schema["maxLength"] = _random.Next(3, 20);
                break;
            default:
                if (Often()) schema["minLength"] = _random.Next(0, 4);
                schema["maxLength"] = _random.Next(3, 12);
                break;
        }
        return schema;
    }

    JsonObject Array(int depth)
    {
        JsonObject schema = new() { ["type"] = "array", ["items"] = Value(depth), ["maxItems"] = _random.Next(0, 5) };
        if (Often()) schema["minItems"] = _random.Next(0, 3);
        if (_random.Next(4) == 0) schema["prefixItems"] = new JsonArray(Value(depth), Value(0));
        if (_random.Next(5) == 0) (schema["items"], schema["uniqueItems"]) = (new JsonObject { ["enum"] = new JsonArray("p", "q", "r") }, true);
        return schema;
    }

    JsonObject Object(int depth)
    {
        JsonObject properties = [];
        foreach (string name in s_names.OrderBy(_ => _random.Next()).Take(_random.Next(0, 6))) properties[name] = Value(depth);
        JsonObject schema = new() { ["type"] = "object", ["properties"] = properties };
        JsonArray required = [.. properties.Where(_ => Often()).Select(static p => (JsonNode?)p.Key)];
        if (required.Count > 0) schema["required"] = required;
        if (Often()) schema["additionalProperties"] = false;
        if (_random.Next(6) == 0 && properties.Count > 0) schema["maxProperties"] = _random.Next(1, 4);
        if (_random.Next(6) == 0 && properties.Count > 1) schema["minProperties"] = _random.Next(0, properties.Count + 1);
        if (_random.Next(8) == 0 && properties.Count > 1)
            schema["dependentRequired"] = new JsonObject { [properties.First().Key] = new JsonArray(properties.Last().Key) };
        if (_random.Next(6) == 0) schema["allOf"] = new JsonArray(new JsonObject { ["properties"] = new JsonObject { ["extra"] = Value(0) }, ["required"] = new JsonArray("extra") });
        return schema;
    }

    /// <summary>Adds a rare keyword, or wraps a schema in one.</summary>
    JsonObject Rare(JsonObject schema, int depth)
    {
        switch (_random.Next(9))
        {
            case 0:
                schema["not"] = Often() ? new JsonObject { ["type"] = Pick("null", "string", "boolean") } : new JsonObject { ["const"] = Pick("c", "one") };
                return schema;
            case 1:
                schema["unevaluatedProperties"] = Often() ? false : Value(0);
                return schema;
            case 2:
                schema["unevaluatedItems"] = Often() ? false : Value(0);
                return schema;
            case 3:
                schema["contains"] = Value(0);
                if (Often()) schema["minContains"] = 0;
                if (Often()) schema["maxContains"] = _random.Next(3);
                return schema;
            case 4:
                JsonObject named = Object(depth);
                if (Often()) named["patternProperties"] = new JsonObject { ["^[a-k]"] = Value(0) };
                else named["propertyNames"] = new JsonObject { ["minLength"] = 2, ["pattern"] = "^[a-z]" };
                return named;
            case 5:
                return new() { ["oneOf"] = new JsonArray(schema, Value(depth)) };
            case 6:
                // What tells the branches apart, or does not, is declared beside them.
                JsonObject parent = Object(depth);
                parent["oneOf"] = new JsonArray(
                    new JsonObject { ["properties"] = new JsonObject { ["a"] = Value(0) }, ["required"] = new JsonArray("a") },
                    new JsonObject { ["properties"] = new JsonObject { ["id"] = Value(0) }, ["required"] = new JsonArray(Pick("id", "name")) });
                return parent;
            case 7:
                return new() { ["allOf"] = new JsonArray(schema, Object(depth), new JsonObject { [Pick("additionalProperties", "unevaluatedProperties")] = false }) };
            default:
                return new() { ["allOf"] = new JsonArray(Array(depth), Array(depth)), [Pick("unevaluatedItems", "x-note")] = false };
        }
    }

    JsonObject Tagged(int depth) => new()
    {
        [Pick("oneOf", "anyOf")] = new JsonArray(
            new JsonObject { ["type"] = "object", ["properties"] = new JsonObject { ["$type"] = new JsonObject { ["const"] = "cat" }, ["v"] = Value(depth) }, ["required"] = new JsonArray("$type") },
            new JsonObject { ["type"] = "object", ["properties"] = new JsonObject { ["$type"] = new JsonObject { ["const"] = "dog" }, ["v"] = Value(depth) }, ["required"] = new JsonArray("$type", "v") }),
    };

    string Pick(params string[] choices) => choices[_random.Next(choices.Length)];

    bool Often() => _random.Next(2) == 0;
}
