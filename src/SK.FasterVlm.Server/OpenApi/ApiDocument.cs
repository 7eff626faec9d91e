using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Server.Protocol;
using SK.FasterVlm.Server.Requests;

namespace SK.FasterVlm.Server.OpenApi;

/// <summary>
/// The OpenAPI document (3.1). What requests may hold is written in the JSON files beside this one, with the limits of the options filled
/// in; tests hold it against the readers. What answers hold comes from the records they are written from.
/// </summary>
sealed class ApiDocument(ServedModel model)
{
    const string Folder = "OpenApi/";

    static readonly string[] s_requests = ["shared.json", "chat-completions.json", "responses.json"];

    static readonly JsonTypeInfo[] s_answers =
    [
        ApiJson.Wire.ErrorEnvelope, ApiJson.Wire.ChatCompletion, ApiJson.Wire.ChatChunk, ApiJson.Wire.ChatChunkWithUsage,
        ApiJson.Wire.ResponseObject, ApiJson.Wire.ResponseEvent, ApiJson.Wire.ModelList,
    ];

    readonly Lazy<byte[]> _json = new(() => JsonSerializer.SerializeToUtf8Bytes(Build(model)));

    /// <summary>Sends the document.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        context.Response.ContentType = "application/json; charset=utf-8";
        context.Response.ContentLength = _json.Value.Length;
        await context.Response.Body.WriteAsync(_json.Value, context.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>Puts the document together.</summary>
    public static JsonObject Build(ServedModel model)
    {
        Dictionary<string, string> values = Values(model);
        JsonObject document = Read("openapi.json", values);
        JsonObject schemas = document["components"]!["schemas"]!.AsObject();
        foreach (string file in s_requests)
            foreach ((string name, JsonNode? schema) in Read(file, values)) schemas[name] = schema!.DeepClone();
        WireSchemas answers = new(schemas);
        foreach (JsonTypeInfo type in s_answers) answers.Add(type);
        if (model.Server.ApiKeys.Count > 0) document["security"] = new JsonArray(new JsonObject { ["key"] = new JsonArray() });
        return document;
    }

    /// <summary>What stands in braces in the files, as JSON.</summary>
    static Dictionary<string, string> Values(ServedModel model)
    {
        FasterVlmServerOptions limits = model.Server;
        return new(StringComparer.Ordinal)
        {
            ["Version"] = Text(typeof(ApiDocument).Assembly.GetName().Version!.ToString(3)),
            ["Model"] = Text(model.Id),
            ["MaxBodyBytes"] = Number(limits.MaxBodyBytes),
            ["MaxJsonDepth"] = Number(limits.MaxJsonDepth),
            ["MaxMessages"] = Number(limits.MaxMessages),
            ["MaxParts"] = Number(limits.MaxParts),
            ["MaxTextLength"] = Number(limits.MaxTextLength),
            ["MaxTools"] = Number(limits.MaxTools),
            ["MaxChoices"] = Number(limits.MaxChoices),
            ["LowDetail"] = Text(limits.LowDetail.ToText()),
            ["HighDetail"] = Text(limits.HighDetail.ToText()),
            ["Selectors"] = new JsonArray([.. VisualTokenSelectors.Names.Select(static n => (JsonNode)n)]).ToJsonString(),
        };

        static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

        static string Text(string value) => JsonValue.Create(value).ToJsonString();
    }

    /// <summary>A file: <c>"{Name}"</c> becomes the value, <c>{Name}</c> inside a text its letters.</summary>
    static JsonObject Read(string file, Dictionary<string, string> values)
    {
        using StreamReader reader = new(typeof(ApiDocument).Assembly.GetManifestResourceStream(Folder + file)!);
        string json = reader.ReadToEnd();
        foreach ((string name, string value) in values)
        {
            json = json.Replace($"\"{{{name}}}\"", value, StringComparison.Ordinal)
                .Replace($"{{{name}}}", value[0] == '"' ? value[1..^1] : value, StringComparison.Ordinal);
        }
        return JsonNode.Parse(json)!.AsObject();
    }
}
