using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;

namespace SK.FasterVlm.Server.Protocol;

/// <summary>Writes whole answers.</summary>
static class Answers
{
    /// <summary>Writes an object as JSON.</summary>
    public static async Task WriteAsync<T>(HttpResponse response, T value, JsonTypeInfo<T> type, int status = StatusCodes.Status200OK)
    {
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(value, type);
        response.StatusCode = status;
        response.ContentType = "application/json; charset=utf-8";
        response.ContentLength = json.Length;
        await response.Body.WriteAsync(json, response.HttpContext.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>Writes an error in place of whatever was prepared.</summary>
    public static Task WriteAsync(HttpResponse response, ApiException error, string requestId)
    {
        response.Clear();
        response.Headers["x-request-id"] = requestId;
        response.Headers.XContentTypeOptions = "nosniff";
        if (error.Status == StatusCodes.Status401Unauthorized) response.Headers.WWWAuthenticate = "Bearer";
        // The same request would take as long again, and clients of OpenAI's repeat what fails with 5xx unless they are told.
        if (error.Status == StatusCodes.Status504GatewayTimeout) response.Headers["x-should-retry"] = "false";
        if (error.RetryAfter is { } wait) response.Headers.RetryAfter = $"{Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds))}";
        return WriteAsync(response, ErrorEnvelope.Of(error), ApiJson.Wire.ErrorEnvelope, error.Status);
    }
}
