using System.Buffers;
using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using SK.FasterVlm.Server.Protocol;

namespace SK.FasterVlm.Server.Media;

/// <summary>
/// Decodes <c>data:image/…;base64,…</c> straight from the body's UTF-8, into a buffer whose size was judged before: no text of
/// millions of characters is made on the way. White space within the base64 is skipped, everything else that does not belong is an error.
/// </summary>
static class DataUri
{
    const int MaxHead = 256;

    /// <summary>Whether the text is a <c>data:</c> URI.</summary>
    public static bool Is(ReadOnlySpan<byte> text) => text.Length >= 5 && Ascii.EqualsIgnoreCase(text[..5], "data:"u8);

    /// <summary>A JSON text as UTF-8 without its quotes; a copy only where it has escapes.</summary>
    /// <exception cref="ApiException">Not valid Unicode.</exception>
    public static ReadOnlySpan<byte> Utf8(JsonElement text, string parameter)
    {
        ReadOnlySpan<byte> raw = JsonMarshal.GetRawUtf8Value(text)[1..^1];
        return raw.Contains((byte)'\\') ? Encoding.UTF8.GetBytes(JsonFields.Text(text, parameter)) : raw;
    }

    /// <summary>The bytes of an image.</summary>
    /// <param name="uri">The whole URI, UTF-8.</param>
    /// <param name="parameter">Path of the parameter, for errors.</param>
    /// <param name="maxBytes">Most bytes the image may have.</param>
    /// <exception cref="ApiException">Not base64, not an image's media type, or too large.</exception>
    public static byte[] Decode(ReadOnlySpan<byte> uri, string parameter, long maxBytes)
    {
        int comma = uri[..Math.Min(uri.Length, MaxHead)].IndexOf((byte)',');
        if (comma < 0) throw Wrong(parameter, "the data: URI has no comma");
        ReadOnlySpan<byte> head = uri["data:".Length..comma], data = uri[(comma + 1)..];
        if (head.Length < 7 || !Ascii.EqualsIgnoreCase(head[^7..], ";base64"u8)) throw Wrong(parameter, "the data: URI is not base64");
        ReadOnlySpan<byte> type = head[..^7];
        // What the bytes are is decided by looking at them; the label must only not call them something else.
        if (!type.IsEmpty && !(type.Length > 6 && Ascii.EqualsIgnoreCase(type[..6], "image/"u8)) && !Ascii.EqualsIgnoreCase(type, "application/octet-stream"u8))
            throw Wrong(parameter, "the data: URI is not an image");
        if (data.IsEmpty) throw Wrong(parameter, "the data: URI is empty");
        // With line breaks the text is longer than the bytes need; a tenth more is what mail programs add at most.
        if (data.Length / 4 * 3 > maxBytes + (maxBytes / 10) + 4) throw TooLarge(parameter, maxBytes);
        byte[] pooled = ArrayPool<byte>.Shared.Rent(Base64.GetMaxDecodedFromUtf8Length(data.Length));
        try
        {
            if (Base64.DecodeFromUtf8(data, pooled, out _, out int written) != OperationStatus.Done) throw Wrong(parameter, "its base64 is damaged");
            return written <= maxBytes ? pooled.AsSpan(0, written).ToArray() : throw TooLarge(parameter, maxBytes);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(pooled);
        }
    }

    static ApiException Wrong(string parameter, string reason) => ApiErrors.Value(parameter, $"{reason}.", "invalid_image_url");

    static ApiException TooLarge(string parameter, long maxBytes) =>
        ApiErrors.TooLarge($"The image at '{parameter}' has more than {maxBytes} bytes.", parameter, "image_too_large");
}
