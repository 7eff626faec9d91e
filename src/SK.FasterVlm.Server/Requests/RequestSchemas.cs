using System.Text.Json;
using SK.FasterVlm.Chat.Grammar;
using SK.FasterVlm.Server.Protocol;

namespace SK.FasterVlm.Server.Requests;

/// <summary>The JSON schemas of a request and where they stand, so that an error names the one at fault.</summary>
/// <param name="names">The endpoint's names.</param>
sealed class RequestSchemas(ParameterNames names)
{
    const string Code = "invalid_json_schema";

    readonly List<(JsonElement Schema, string Path)> _all = [];

    /// <summary>Takes a schema.</summary>
    /// <param name="schema">An object.</param>
    /// <param name="path">Where it stands.</param>
    /// <param name="strict">Whether it is refused unless every word of it can be guaranteed.</param>
    /// <returns>The schema, which outlives the body it was read from.</returns>
    /// <exception cref="ApiException">It is no object; or it is strict and says what cannot be guaranteed.</exception>
    public JsonElement Add(JsonElement schema, string path, bool strict)
    {
        if (schema.ValueKind != JsonValueKind.Object) throw ApiErrors.Type(path, "an object", JsonFields.Kind(schema));
        if (strict && Problem(schema, strict) is { } problem) throw Bad(problem, path);
        schema = schema.Clone();
        _all.Add((schema, path));
        return schema;
    }

    /// <summary>Takes the schema of a function's arguments, which are an object.</summary>
    public JsonElement AddParameters(JsonElement schema, string path, bool strict)
    {
        if (schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty("type", out JsonElement type) && !(type.ValueKind == JsonValueKind.String && type.ValueEquals("object")))
            throw Bad("the arguments of a function are an object; give the schema the type 'object'.", path);
        return Add(schema, path, strict);
    }

    /// <summary>The answer when the engine cannot take a schema.</summary>
    public ApiException ToApiError(SchemaNotSupportedException error)
    {
        // The engine says where within the schema, but not within which.
        foreach ((JsonElement schema, string path) in _all)
            if (Problem(schema, strict: false) is { } problem) return Bad(problem, path, error);
        return ApiErrors.Bad(error.Message, _all is [{ Path: { } only }] ? only : _all.Exists(static s => s.Path.StartsWith("tools", StringComparison.Ordinal)) ? "tools" : names.Format, Code, error);
    }

    static string? Problem(JsonElement schema, bool strict)
    {
        try
        {
            SchemaGrammar grammar = SchemaGrammar.FromSchema(schema);
            return strict && grammar.Notes.Count > 0 ? $"'strict' cannot be kept. {grammar.Notes[0].TrimStart(':', ' ')}" : null;
        }
        catch (SchemaNotSupportedException e)
        {
            return e.Message;
        }
    }

    static ApiException Bad(string problem, string path, Exception? cause = null) => ApiErrors.Bad($"Invalid schema at '{path}': {problem}", path, Code, cause);
}
