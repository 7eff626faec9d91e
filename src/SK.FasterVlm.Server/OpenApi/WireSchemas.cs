using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization.Metadata;

namespace SK.FasterVlm.Server.OpenApi;

/// <summary>
/// JSON schemas (2020-12) of what the server writes, made from the records it is written from: they cannot say anything else. Every
/// record becomes a component of its own.
/// </summary>
/// <param name="components">Gets the schemas, by the records' names.</param>
sealed class WireSchemas(JsonObject components)
{
    const string Components = "#/components/schemas/";

    readonly HashSet<Type> _added = [];

    /// <summary>Adds a type and all it is made of.</summary>
    public void Add(JsonTypeInfo type) => type.GetJsonSchemaAsNode(new JsonSchemaExporterOptions
    {
        TreatNullObliviousAsNonNullable = true,
        TransformSchemaNode = Transform,
    });

    /// <summary>Called from the innermost schema outwards.</summary>
    JsonObject Transform(JsonSchemaExporterContext context, JsonNode schema)
    {
        if (schema is not JsonObject node) return new JsonObject(); // any value
        bool isNullable = context.PropertyInfo is { IsGetNullable: true } property && !IsLeftOut(property);
        if (node["type"] is JsonArray kinds && !isNullable) node["type"] = (string?)kinds[0];
        if (Attribute<AllowedValuesAttribute>(context.PropertyInfo) is { } allowed)
        {
            node["enum"] = new JsonArray([.. allowed.Values.Select(static v => (JsonNode?)(string?)v)]);
            if (isNullable) node["enum"]!.AsArray().Add(null);
        }
        // A record that was met before comes as a reference to where that was.
        if (context.TypeInfo.Kind != JsonTypeInfoKind.Object || (node["properties"] is null && node["$ref"] is null)) return node;

        string name = context.TypeInfo.Type.Name;
        if (node["properties"] is not null && _added.Add(context.TypeInfo.Type))
        {
            if (components.ContainsKey(name)) throw new InvalidOperationException($"There are two schemas called {name}.");
            node["type"] = "object";
            node["required"] = new JsonArray([.. context.TypeInfo.Properties.Where(static p => !IsLeftOut(p)).Select(static p => (JsonNode)p.Name)]);
            components[name] = node;
        }
        JsonObject reference = new() { ["$ref"] = Components + name };
        return isNullable ? new JsonObject { ["anyOf"] = new JsonArray(reference, new JsonObject { ["type"] = "null" }) } : reference;
    }

    /// <summary>Whether a property is not written when it is null.</summary>
    static bool IsLeftOut(JsonPropertyInfo? property) => property?.ShouldSerialize is not null;

    static T? Attribute<T>(JsonPropertyInfo? property) where T : Attribute =>
        property?.AttributeProvider?.GetCustomAttributes(typeof(T), inherit: true).OfType<T>().FirstOrDefault();
}
