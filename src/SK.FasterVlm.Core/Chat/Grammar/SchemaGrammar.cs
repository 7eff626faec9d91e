using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace SK.FasterVlm.Chat.Grammar;

/// <summary>A JSON schema as a GBNF grammar: whatever the grammar lets through is valid for the schema.</summary>
/// <remarks>
/// The other way round not everything valid is let through: declared properties come in their order, properties that are not declared
/// are not written beside declared ones, and what a schema leaves without bound has one (<see cref="GrammarLimits"/>).
/// <c>docs/tools.md</c> lists what is supported.
/// </remarks>
/// <param name="Grammar">GBNF with the rule <c>root</c>, for <see cref="Language.SamplingSettings.Grammar"/>.</param>
/// <param name="Notes">What was not taken literally (references that point nowhere, unknown formats and keywords); one line each.</param>
public sealed record SchemaGrammar(string Grammar, IReadOnlyList<string> Notes)
{
    /// <summary>Most characters of a schema, descriptions included.</summary>
    internal const int LongestSchema = 524_288;

    /// <summary>A grammar for any JSON object.</summary>
    public static SchemaGrammar AnyObject { get; } = FromSchema(JsonDocument.Parse("""{"type":"object"}""").RootElement);

    /// <summary>Compiles a schema.</summary>
    /// <param name="schema">An object or a boolean.</param>
    /// <param name="limits">Bounds where the schema has none; null for <see cref="GrammarLimits.Default"/>.</param>
    /// <exception cref="SchemaNotSupportedException">It asks for what a grammar cannot guarantee, is malformed, or allows no value.</exception>
    public static SchemaGrammar FromSchema(JsonElement schema, GrammarLimits? limits = null)
    {
        GrammarRules rules = new();
        (string rule, IReadOnlyList<string> notes) = Compile(schema, rules, limits ?? GrammarLimits.Default);
        return new SchemaGrammar(rules.Finish(rule), notes);
    }

    /// <summary>Compiles a schema into the rules of a larger grammar.</summary>
    internal static (string Rule, IReadOnlyList<string> Notes) Compile(JsonElement schema, GrammarRules rules, GrammarLimits limits)
    {
        limits.Validate();
        try
        {
            if (JsonMarshal.GetRawUtf8Value(schema).Length > LongestSchema)
                throw new SchemaNotSupportedException($"The schema has more than {LongestSchema} characters; make it smaller.", "");
            JsonNode? root = schema.ValueKind switch
            {
                JsonValueKind.Object => JsonNode.Parse(schema.GetRawText()),
                JsonValueKind.True => JsonValue.Create(true),
                JsonValueKind.False => JsonValue.Create(false),
                _ => throw new SchemaNotSupportedException("A JSON schema is an object or a boolean.", ""),
            };
            SchemaCompiler compiler = new(root, rules, limits);
            return (compiler.Compile(), compiler.Notes);
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException or OverflowException)
        {
            // Too deep, a name twice, or a keyword whose value is of the wrong kind.
            throw new SchemaNotSupportedException($"The schema cannot be read: {e.Message}", "");
        }
    }
}
