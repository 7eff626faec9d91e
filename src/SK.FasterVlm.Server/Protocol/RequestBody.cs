using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using SK.FasterVlm.Server.Requests;

namespace SK.FasterVlm.Server.Protocol;

/// <summary>A body read into a bounded buffer from the pool and parsed in place. Dispose before the answer is made.</summary>
sealed class RequestBody : IDisposable
{
    const int FirstBuffer = 16_384;

    // A parsed value costs memory beside its text: a body of "[0,0,0,…]" would take six times its size.
    const int MostValues = 2_000_000;

    byte[]? _buffer;
    readonly JsonDocument _document;

    RequestBody(byte[] buffer, JsonDocument document) => (_buffer, _document) = (buffer, document);

    /// <summary>The body.</summary>
    public JsonElement Root => _document.RootElement;

    /// <summary>Reads a body.</summary>
    /// <param name="request">The request.</param>
    /// <param name="options">Limits.</param>
    /// <param name="place">Told how many bytes are held.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="ApiException">Too large, too slow, too much with all others, or not JSON.</exception>
    public static async Task<RequestBody> ReadAsync(
        HttpRequest request, FasterVlmServerOptions options, Admission.Place place, TimeProvider time, CancellationToken cancellationToken)
    {
        long limit = options.MaxBodyBytes;
        if (request.ContentLength > limit) throw TooLarge(limit);
        // What a client says it will send is not set aside before it comes: that costs the client nothing.
        byte[] buffer = ArrayPool<byte>.Shared.Rent(FirstBuffer);
        using BodyDeadline deadline = new(options.BodyTimeout, time, cancellationToken);
        try
        {
            int length = 0;
            long held = 0;
            while (true)
            {
                ReadResult read = await request.BodyReader.ReadAsync(deadline.Token).ConfigureAwait(false);
                long total = length + read.Buffer.Length;
                if (total > limit) throw TooLarge(limit);
                long size = total > buffer.Length ? Math.Max(total, Math.Min(request.ContentLength ?? limit, buffer.Length * 4L)) : total;
                if (size > held)
                {
                    place.Hold(size - held);
                    held = size;
                }
                if (total > buffer.Length) buffer = Grow(buffer, length, size);
                read.Buffer.CopyTo(buffer.AsSpan(length));
                length = (int)total;
                request.BodyReader.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted) break;
                deadline.Received(length);
            }
            place.Arrived();
            JsonDocumentOptions json = new() { MaxDepth = options.MaxJsonDepth, AllowDuplicateProperties = false };
            return new RequestBody(buffer, Parse(buffer.AsMemory(0, length), json));
        }
        catch (Exception e)
        {
            ArrayPool<byte>.Shared.Return(buffer);
            if (e is OperationCanceledException && deadline.Passed) throw BodyDeadline.TooSlow(request.HttpContext.Response);
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _buffer, null) is not { } buffer) return;
        _document.Dispose();
        ArrayPool<byte>.Shared.Return(buffer, clearArray: true); // prompts do not lie about in the pool
    }

    static byte[] Grow(byte[] buffer, int used, long size)
    {
        byte[] larger = ArrayPool<byte>.Shared.Rent((int)size);
        buffer.AsSpan(0, used).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer);
        return larger;
    }

    static JsonDocument Parse(ReadOnlyMemory<byte> body, JsonDocumentOptions options)
    {
        try
        {
            if (HasTooManyValues(body.Span, options.MaxDepth))
                throw ApiErrors.Bad($"The body holds more than {MostValues} values.", null, "invalid_json");
            return JsonDocument.Parse(body, options);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter: a name with half a surrogate pair
        {
            // The parser's own message repeats what it read.
            string where = e is JsonException { LineNumber: { } line } json ? $" It cannot be read at line {line + 1}, byte {json.BytePositionInLine + 1}." : "";
            throw ApiErrors.Bad(
                $"The body is not valid JSON, repeats a name, or is nested deeper than {options.MaxDepth}.{where}", null, "invalid_json", e);
        }
    }

    static bool HasTooManyValues(ReadOnlySpan<byte> body, int maxDepth)
    {
        if (body.Length / 2 < MostValues) return false; // each takes two bytes at least
        Utf8JsonReader reader = new(body, new JsonReaderOptions { MaxDepth = maxDepth });
        for (int values = 0; reader.Read();)
            if (++values > MostValues) return true;
        return false;
    }

    static ApiException TooLarge(long limit) => ApiErrors.TooLarge($"The body has more than {limit} bytes.", null, "request_too_large");
}
