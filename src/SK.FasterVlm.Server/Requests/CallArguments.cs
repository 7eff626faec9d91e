using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Server.Protocol;

namespace SK.FasterVlm.Server.Requests;

/// <summary>Arguments of a tool call, JSON text on the wire and a dictionary inside, and results.</summary>
static class CallArguments
{
    /// <summary>Reads arguments that a client sends back.</summary>
    /// <exception cref="ApiException">Not a JSON object.</exception>
    public static Dictionary<string, object?> Read(string json, string path, int maxDepth)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(
                string.IsNullOrWhiteSpace(json) ? "{}" : json, new JsonDocumentOptions { MaxDepth = maxDepth, AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind != JsonValueKind.Object) throw ApiErrors.Value(path, "it is not the text of a JSON object.");
            return document.RootElement.EnumerateObject().ToDictionary(static p => p.Name, static object? (p) => p.Value.Clone(), StringComparer.Ordinal);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter: half a surrogate pair
        {
            throw ApiErrors.Bad($"Invalid '{path}': it is not the text of a JSON object.", path, "invalid_value", e);
        }
    }

    /// <summary>A function's result: text, or its parts when there are images.</summary>
    public static object Result(List<AIContent> contents) => contents.All(static c => c is TextContent)
        ? string.Join('\n', contents.Select(static c => ((TextContent)c).Text))
        : contents;

    /// <summary>Arguments as JSON text.</summary>
    public static string Write(IDictionary<string, object?>? arguments) =>
        JsonSerializer.Serialize(arguments ?? new Dictionary<string, object?>(), Compact.GetTypeInfo(typeof(IDictionary<string, object?>)));

    static JsonSerializerOptions Compact { get; } = new(AIJsonUtilities.DefaultOptions)
    {
        WriteIndented = false,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
}
