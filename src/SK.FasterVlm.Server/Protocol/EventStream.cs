using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;

namespace SK.FasterVlm.Server.Protocol;

/// <summary>Nobody reads the answer any more, whether or not the web server has told so yet.</summary>
sealed class ClientGoneException() : OperationCanceledException("The client closed the connection.");

/// <summary>Server-sent events (WHATWG HTML §9.2), one JSON object each, flushed as they come.</summary>
sealed class EventStream : IDisposable
{
    readonly PipeWriter _pipe;
    readonly Utf8JsonWriter _json;
    readonly CancellationToken _client;

    EventStream(HttpContext context)
    {
        _pipe = context.Response.BodyWriter;
        _json = new Utf8JsonWriter(_pipe, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });
        _client = context.RequestAborted;
    }

    /// <summary>Begins the answer; from here on errors can only be events.</summary>
    public static EventStream Begin(HttpContext context)
    {
        context.Response.ContentType = "text/event-stream; charset=utf-8";
        context.Response.Headers.CacheControl = "no-cache";
        context.Response.Headers["X-Accel-Buffering"] = "no"; // nginx would collect the pieces
        return new EventStream(context);
    }

    /// <summary>Sends an object.</summary>
    /// <param name="value">The object.</param>
    /// <param name="type">Its type.</param>
    /// <param name="name">Name of the event; null for none.</param>
    public async Task SendAsync<T>(T value, JsonTypeInfo<T> type, string? name = null)
    {
        if (name is not null)
        {
            _pipe.Write("event: "u8);
            Encoding.UTF8.GetBytes(name, _pipe);
            _pipe.Write("\n"u8);
        }
        _pipe.Write("data: "u8);
        _json.Reset(_pipe);
        JsonSerializer.Serialize(_json, value, type);
        _json.Flush();
        _pipe.Write("\n\n"u8);
        await FlushAsync().ConfigureAwait(false);
    }

    /// <summary>Sends the word that ends a stream of chat completions.</summary>
    public Task DoneAsync()
    {
        _pipe.Write("data: [DONE]\n\n"u8);
        return FlushAsync();
    }

    /// <summary>Sends a comment, which clients pass over: something for proxies to see that the connection is alive.</summary>
    public Task KeepAliveAsync()
    {
        _pipe.Write(": keep-alive\n\n"u8);
        return FlushAsync();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _json.Reset(Stream.Null); // what an error left half written is not sent
        _json.Dispose();
    }

    async Task FlushAsync()
    {
        FlushResult flushed = await _pipe.FlushAsync(_client).ConfigureAwait(false);
        // A pipe whose reader has gone takes everything without complaint.
        if (flushed.IsCompleted) throw new ClientGoneException();
    }
}
