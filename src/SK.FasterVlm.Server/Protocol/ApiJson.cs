using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using SK.FasterVlm.Server.ChatCompletions;
using SK.FasterVlm.Server.Operations;
using SK.FasterVlm.Server.Responses;

namespace SK.FasterVlm.Server.Protocol;

/// <summary>Everything the server writes.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ErrorEnvelope))]
[JsonSerializable(typeof(ChatCompletion))]
[JsonSerializable(typeof(ChatChunk))]
[JsonSerializable(typeof(ChatChunkWithUsage))]
[JsonSerializable(typeof(ResponseObject))]
[JsonSerializable(typeof(ResponseEvent))]
[JsonSerializable(typeof(ModelList))]
[JsonSerializable(typeof(ModelObject))]
sealed partial class ApiJson : JsonSerializerContext
{
    /// <summary>With letters of all languages written as they are; the media type is never one a browser would run.</summary>
    public static ApiJson Wire { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
