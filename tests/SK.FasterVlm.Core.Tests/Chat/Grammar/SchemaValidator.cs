using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace SK.FasterVlm.Core.Tests.Chat.Grammar;

/// <summary>
/// A validator of JSON Schema 2020-12 (and the older spellings we take), written from the specification's wording: each keyword is an
/// assertion of its own over the value, none rewrites another. It shares nothing with the compiler. Throws on keywords it does not know.
/// </summary>
sealed class SchemaValidator(JsonNode? root)
{
    static readonly HashSet<string> s_ignored =
        ["$schema", "$comment", "$defs", "definitions", "title", "description", "default", "examples", "condition", "then", "else", "contentEncoding", "$id", "x-note", "additionalItems"];

    static readonly HashSet<string> s_known =
    [
        "properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties", "maxProperties", "dependentRequired",
        "unevaluatedProperties", "items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains", "minContains", "maxContains", "unevaluatedItems",
        "minLength", "maxLength", "pattern", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
    ];

    public static bool IsValid(string schema, string json) => IsValid(JsonNode.Parse(schema), json);

    public static bool IsValid(JsonNode? schema, string json) => new SchemaValidator(schema).Holds(schema, Parse(JsonDocument.Parse(json).RootElement));

    // A key twice counts once, and the last one holds, as for every deserializer.
    static JsonNode? Parse(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Array) return new JsonArray([.. value.EnumerateArray().Select(Parse)]);
        if (value.ValueKind != JsonValueKind.Object) return JsonNode.Parse(value.GetRawText());
        JsonObject members = [];
        foreach (JsonProperty member in value.EnumerateObject()) members[member.Name] = Parse(member.Value);
        return members;
    }

    bool Holds(JsonNode? schema, JsonNode? value)
    {
        if (schema is JsonValue flag) return flag.GetValue<bool>();
        JsonObject node = (JsonObject)schema!;
        return node.All(keyword => Holds(keyword.Key, keyword.Value, node, value));
    }

    bool Holds(string keyword, JsonNode? argument, JsonObject schema, JsonNode? value)
    {
        switch (keyword)
        {
            case "$ref": return Target((string)argument!) is { } target ? Holds(target.Node, value) : true; // dangling: says nothing
            case "allOf": return ((JsonArray)argument!).All(s => Holds(s, value));
            case "anyOf": return ((JsonArray)argument!).Any(s => Holds(s, value));
            case "oneOf": return ((JsonArray)argument!).Count(s => Holds(s, value)) == 1;
            case "not": return !Holds(argument, value);
            case "if": return Holds(argument, value) ? !schema.ContainsKey("then") || Holds(schema["then"], value) : !schema.ContainsKey("else") || Holds(schema["else"], value);
            case "const": return JsonNode.DeepEquals(argument, value);
            case "enum": return ((JsonArray)argument!).Any(v => JsonNode.DeepEquals(v, value));
            case "type": return argument is JsonArray types ? types.Any(t => IsOf((string)t!, value)) : IsOf((string)argument!, value);
        }
        if (keyword is "exclusiveMinimum" or "exclusiveMaximum" && argument!.GetValueKind() is JsonValueKind.True or JsonValueKind.False)
            return value?.GetValueKind() != JsonValueKind.Number || !argument!.GetValue<bool>()
                || Decimal(value) != Decimal(schema[keyword == "exclusiveMinimum" ? "minimum" : "maximum"]);
        if (s_ignored.Contains(keyword)) return true;
        return value switch
        {
            JsonObject members => Members(keyword, argument, schema, members),
            JsonArray items => Items(keyword, argument, schema, items),
            JsonValue text when text.GetValueKind() == JsonValueKind.String => Text(keyword, argument, text.GetValue<string>()),
            JsonValue number when number.GetValueKind() == JsonValueKind.Number => Number(keyword, argument, Decimal(number)),
            _ => true,
        };
    }

    bool Members(string keyword, JsonNode? argument, JsonObject schema, JsonObject value) => keyword switch
    {
        "properties" => ((JsonObject)argument!).All(p => !value.ContainsKey(p.Key) || Holds(p.Value, value[p.Key])),
        "required" => ((JsonArray)argument!).All(name => value.ContainsKey((string)name!)),
        "patternProperties" => ((JsonObject)argument!).All(p => value.All(m => !Regex.IsMatch(m.Key, p.Key) || Holds(p.Value, m.Value))),
        "additionalProperties" => value.All(m => Declared(schema, m.Key) || Holds(argument, m.Value)),
        "unevaluatedProperties" => value.All(m => Evaluated(schema, value, own: true).Contains(m.Key) || Holds(argument, m.Value)),
        "propertyNames" => value.All(m => Holds(argument, JsonValue.Create(m.Key))),
        "minProperties" => value.Count >= Decimal(argument),
        "maxProperties" => value.Count <= Decimal(argument),
        "dependentRequired" => ((JsonObject)argument!).All(p => !value.ContainsKey(p.Key) || ((JsonArray)p.Value!).All(name => value.ContainsKey((string)name!))),
        _ => Other(keyword),
    };

    /// <summary>Names of members that some keyword of the schema, or of a part of it that holds, has looked at.</summary>
    HashSet<string> Evaluated(JsonNode? node, JsonObject value, bool own = false)
    {
        if (node is not JsonObject schema) return [];
        HashSet<string> seen = [.. value.Select(static m => m.Key).Where(n => Declared(schema, n) || schema.ContainsKey("additionalProperties") || (!own && schema.ContainsKey("unevaluatedProperties")))];
        foreach (JsonNode? part in Parts(schema, value)) seen.UnionWith(Evaluated(part, value));
        return seen;
    }

    /// <summary>Places of items that have been looked at.</summary>
    HashSet<int> Evaluated(JsonNode? node, JsonArray value, bool own = false)
    {
        if (node is not JsonObject schema) return [];
        int first = ((schema["items"] as JsonArray) ?? (schema["prefixItems"] as JsonArray))?.Count ?? 0;
        bool isAll = schema["items"] is JsonObject or JsonValue || (schema["items"] is JsonArray && schema.ContainsKey("additionalItems")) || (!own && schema.ContainsKey("unevaluatedItems"));
        HashSet<int> seen = [.. Enumerable.Range(0, value.Count).Where(i => isAll || i < first || (schema.ContainsKey("contains") && Holds(schema["contains"], value[i])))];
        foreach (JsonNode? part in Parts(schema, value)) seen.UnionWith(Evaluated(part, value));
        return seen;
    }

    IEnumerable<JsonNode?> Parts(JsonObject schema, JsonNode value) =>
        ((IEnumerable<JsonNode?>)[.. schema["allOf"] as JsonArray ?? [], .. schema["anyOf"] as JsonArray ?? [], .. schema["oneOf"] as JsonArray ?? [],
            schema["$ref"] is { } reference && Target((string)reference!) is { } target ? target.Node : null]).Where(p => p is not null && Holds(p, value));

    static bool Declared(JsonObject schema, string name) =>
        (schema["properties"] as JsonObject)?.ContainsKey(name) is true
        || ((schema["patternProperties"] as JsonObject)?.Any(p => Regex.IsMatch(name, p.Key)) is true);

    bool Items(string keyword, JsonNode? argument, JsonObject schema, JsonArray value)
    {
        JsonArray? prefix = schema["prefixItems"] as JsonArray;
        return keyword switch
        {
            "prefixItems" => value.Take(prefix!.Count).Select((item, i) => Holds(prefix[i], item)).All(static ok => ok),
            "items" when argument is JsonArray tuple => value.Take(tuple.Count).Select((item, i) => Holds(tuple[i], item)).All(static ok => ok)
                && (!schema.ContainsKey("additionalItems") || value.Skip(tuple.Count).All(item => Holds(schema["additionalItems"], item))),
            "items" => value.Skip(prefix?.Count ?? 0).All(item => Holds(argument, item)),
            "contains" => value.Count(item => Holds(argument, item)) is var count && count >= (schema["minContains"] is { } least ? Decimal(least) : 1)
                && (schema["maxContains"] is not { } most || count <= Decimal(most)),
            "unevaluatedItems" => Evaluated(schema, value, own: true) is var seen && value.Select((item, i) => seen.Contains(i) || Holds(argument, item)).All(static ok => ok),
            "minItems" => value.Count >= Decimal(argument),
            "maxItems" => value.Count <= Decimal(argument),
            "uniqueItems" => !argument!.GetValue<bool>() || value.Select((a, i) => value.Take(i).All(b => !JsonNode.DeepEquals(a, b))).All(static ok => ok),
            _ => Other(keyword),
        };
    }

    static bool Text(string keyword, JsonNode? argument, string value) => keyword switch
    {
        // Both counts that are in use, UTF-16 units and characters, must be within the bounds.
        "minLength" => Math.Min(value.Length, value.EnumerateRunes().Count()) >= Decimal(argument),
        "maxLength" => Math.Max(value.Length, value.EnumerateRunes().Count()) <= Decimal(argument),
        "pattern" => Regex.IsMatch(value, (string)argument!) && Regex.IsMatch(value, (string)argument!, RegexOptions.ECMAScript),
        "format" => Format((string)argument!, value),
        _ => Other(keyword),
    };

    static bool Number(string keyword, JsonNode? argument, decimal value) => keyword switch
    {
        "minimum" => value >= Decimal(argument),
        "maximum" => value <= Decimal(argument),
        "exclusiveMinimum" => value > Decimal(argument),
        "exclusiveMaximum" => value < Decimal(argument),
        "multipleOf" => value % Decimal(argument) == 0,
        _ => Other(keyword),
    };

    static bool Format(string format, string value) => format switch
    {
        "date" => DateOnly.TryParseExact(value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _),
        "time" => TimeOnly.TryParse(value, CultureInfo.InvariantCulture, out _) && JsonSerializer.Deserialize<TimeOnly>($"\"{value}\"") >= TimeOnly.MinValue,
        "date-time" => value.Contains('T') && JsonSerializer.Deserialize<DateTimeOffset>($"\"{value}\"") > DateTimeOffset.MinValue,
        "duration" => System.Xml.XmlConvert.ToTimeSpan(value) >= TimeSpan.Zero,
        "uuid" => Guid.TryParseExact(value, "D", out _),
        "uri" or "uri-reference" => Uri.TryCreate(value, UriKind.Absolute, out _) && Uri.IsWellFormedUriString(value, UriKind.Absolute),
        "email" => System.Net.Mail.MailAddress.TryCreate(value, out var address) && address.Address == value,
        "ipv4" => System.Net.IPAddress.TryParse(value, out var v4) && v4.ToString() == value,
        "ipv6" => System.Net.IPAddress.TryParse(value, out var v6) && v6.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6,
        "hostname" => Uri.CheckHostName(value) == UriHostNameType.Dns,
        "byte" => Convert.TryFromBase64String(value, new byte[value.Length], out _),
        _ => true,
    };

    static bool IsOf(string type, JsonNode? value) => (type, value?.GetValueKind() ?? JsonValueKind.Null) switch
    {
        ("null", JsonValueKind.Null) or ("boolean", JsonValueKind.True or JsonValueKind.False) or ("string", JsonValueKind.String)
            or ("number", JsonValueKind.Number) or ("array", JsonValueKind.Array) or ("object", JsonValueKind.Object) => true,
        ("integer", JsonValueKind.Number) => Decimal(value) % 1 == 0,
        _ => false,
    };

    (JsonNode? Node, bool _)? Target(string reference)
    {
        if (!reference.StartsWith('#')) return null;
        JsonNode? node = root;
        foreach (string part in reference.Length <= 2 ? [] : reference[2..].Split('/'))
        {
            string name = Uri.UnescapeDataString(part).Replace("~1", "/").Replace("~0", "~");
            if (node is JsonObject members && members.ContainsKey(name)) node = members[name];
            else if (node is JsonArray list && int.TryParse(name, out int i) && i < list.Count) node = list[i];
            else return null;
        }
        return (node, true);
    }

    static decimal Decimal(JsonNode? number) => decimal.Parse(number!.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture);

    static bool Other(string keyword) => s_known.Contains(keyword) ? true : throw new NotSupportedException(keyword);
}
