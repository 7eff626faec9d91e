using System.Text.Json.Nodes;

namespace SK.FasterVlm.Chat.Grammar;

/// <summary>A schema without references and combinations: one set of constraints that all hold.</summary>
/// <param name="Node">The constraints.</param>
/// <param name="Recursion">How often what lies inside may still follow a schema that refers to itself.</param>
/// <param name="Pointer">Where it stands, for messages.</param>
readonly record struct FlatSchema(JsonObject Node, int Recursion, string Pointer)
{
    /// <summary>The branches of <c>oneOf</c> it is made of: the schema that holds the keyword, and which branch; null for none.</summary>
    public IReadOnlyList<(JsonObject OneOf, int Branch)>? Branches { get; init; }

    public JsonNode? this[string keyword] => Node[keyword];

    public bool Has(string keyword) => Node.ContainsKey(keyword);

    public SchemaNotSupportedException Unsupported(string message) => new(At(message), Pointer);

    public SchemaNotSupportedException Wrong(string keyword) => new(At($"\"{keyword}\" has a value it cannot have."), Pointer);

    string At(string message) => Pointer.Length == 0 ? $"The schema is not supported: {message}" : $"The schema is not supported at {Pointer}: {message}";

    /// <summary>A keyword's text; null when it is not there.</summary>
    public string? Text(string keyword) =>
        Node[keyword] is not { } value ? null
        : value is JsonValue text && text.TryGetValue(out string? s) ? s : throw Wrong(keyword);

    /// <summary>A keyword's list of texts; null when it is not there.</summary>
    public IReadOnlyList<string>? Texts(string keyword)
    {
        if (Node[keyword] is not { } value) return null;
        if (value is not JsonArray list) throw Wrong(keyword);
        string[] texts = new string[list.Count];
        for (int i = 0; i < texts.Length; i++)
            texts[i] = list[i] is JsonValue text && text.TryGetValue(out string? s) ? s : throw Wrong(keyword);
        return texts;
    }

    /// <summary>A keyword's number; null when it is not there. Beyond the range of <see cref="decimal"/> it is cut to it.</summary>
    public decimal? Number(string keyword) =>
        Node[keyword] is not { } value ? null : SchemaValue.Decimal(value) ?? throw Wrong(keyword);

    /// <summary>A keyword's count; null when it is not there.</summary>
    public int? Count(string keyword) => Number(keyword) switch
    {
        null => null,
        >= 0 and { } count when count == decimal.Truncate(count) => (int)Math.Min(count, int.MaxValue),
        _ => throw Wrong(keyword),
    };

    /// <summary>The types it allows, in the order given; implied by its keywords when it names none.</summary>
    public IReadOnlyList<string> Types()
    {
        if (Node["type"] is JsonValue one && one.TryGetValue(out string? name)) return [Known(name, this)];
        FlatSchema self = this;
        if (Has("type")) return [.. Texts("type")!.Select(type => Known(type, self)).Distinct()];
        foreach ((string type, string[] keywords) in SchemaKeywords.Implied)
            if (keywords.Any(Has)) return [type];
        return SchemaKeywords.Types;

        static string Known(string type, FlatSchema schema) =>
            type == "integer" || SchemaKeywords.Types.Contains(type) ? type : throw schema.Unsupported($"there is no type \"{type}\".");
    }
}
