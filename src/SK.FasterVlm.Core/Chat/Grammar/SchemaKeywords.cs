namespace SK.FasterVlm.Chat.Grammar;

/// <summary>The keywords of JSON Schema (drafts 4 to 2020-12), by what the grammar does with them.</summary>
static class SchemaKeywords
{
    /// <summary>Resolved before a schema is compiled.</summary>
    public static readonly HashSet<string> Applicators = ["$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "const"];

    /// <summary>Say something about valid values.</summary>
    public static readonly HashSet<string> Constraints =
    [
        "type", "enum", "properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties",
        "maxProperties", "dependentRequired", "dependentSchemas", "dependencies", "unevaluatedProperties", "items", "prefixItems",
        "additionalItems", "unevaluatedItems", "minItems", "maxItems", "uniqueItems", "contains", "minContains", "maxContains",
        "minLength", "maxLength", "pattern", "format", "contentEncoding", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
        "multipleOf", "not", "if", "then", "else",
    ];

    /// <summary>Say nothing about values; <c>condition</c> is a remark of Semantic Kernel's.</summary>
    public static readonly HashSet<string> Annotations =
    [
        "$schema", "$id", "$anchor", "$dynamicAnchor", "$comment", "$defs", "$vocabulary", "definitions", "id", "title", "description",
        "default", "examples", "example", "deprecated", "readOnly", "writeOnly", "contentMediaType", "contentSchema", "condition",
    ];

    /// <summary>Which type a schema without one is about, by its keywords.</summary>
    public static readonly (string Type, string[] Keywords)[] Implied =
    [
        ("object", ["properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties", "maxProperties"]),
        ("array", ["items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"]),
        ("string", ["minLength", "maxLength", "pattern", "format", "contentEncoding"]),
        ("number", ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]),
    ];

    /// <summary>Every type, a number being an integer too.</summary>
    public static readonly string[] Types = ["object", "array", "string", "number", "boolean", "null"];
}
