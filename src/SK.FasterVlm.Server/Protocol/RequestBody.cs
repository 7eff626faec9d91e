using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace SK.FasterVlm.Server.Protocol;

/// <summary>A body read into a bounded buffer from the pool and parsed in place. Dispose before the answer is made.</summary>
sealed class RequestBody : IDisposable
{
    const int FirstBuffer = 16_384;

    byte[]? _buffer;
    readonly JsonDocument _document;

    RequestBody(byte[] buffer, JsonDocument document) => (_buffer, _document) = (buffer, document);

    /// <summary>The body.</summary>
    public JsonElement Root => _document.RootElement;

    /// <summary>Reads a body.</summary>
    /// <exception cref="ApiException">Too large, or not JSON.</exception>
    public static async Task<RequestBody> ReadAsync(HttpRequest request, FasterVlmServerOptions options, CancellationToken cancellationToken)
    {
        long limit = options.MaxBodyBytes;
        if (request.ContentLength > limit) throw TooLarge(limit);
        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)Math.Max(request.ContentLength ?? 0, FirstBuffer));
        try
        {
            int length = 0;
            while (true)
            {
                ReadResult read = await request.BodyReader.ReadAsync(cancellationToken).ConfigureAwait(false);
                long total = length + read.Buffer.Length;
                if (total > limit) throw TooLarge(limit);
                if (total > buffer.Length) buffer = Grow(buffer, length, total, limit);
                read.Buffer.CopyTo(buffer.AsSpan(length));
                length = (int)total;
                request.BodyReader.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted) break;
            }
            JsonDocumentOptions json = new() { MaxDepth = options.MaxJsonDepth, AllowDuplicateProperties = false };
            return new RequestBody(buffer, Parse(buffer.AsMemory(0, length), json));
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(buffer);
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

    static byte[] Grow(byte[] buffer, int used, long needed, long limit)
    {
        byte[] larger = ArrayPool<byte>.Shared.Rent((int)Math.Max(needed, Math.Min(limit, buffer.Length * 2L)));
        buffer.AsSpan(0, used).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer);
        return larger;
    }

    static JsonDocument Parse(ReadOnlyMemory<byte> body, JsonDocumentOptions options)
    {
        try
        {
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

    static ApiException TooLarge(long limit) => ApiErrors.TooLarge($"The body has more than {limit} bytes.", null, "request_too_large");
}
