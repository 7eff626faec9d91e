using System.Runtime.InteropServices;
using System.Security.Cryptography;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Generation;

/// <summary>
/// Says what a position of a sequence holds, so that equal keys mean equal rows: a token by its id, a visual token by what it is made
/// of. Keys of images are drawn from SHA-256: nobody can make two images, or an image and a text, that are taken for each other.
/// </summary>
static class RowKey
{
    // Set in every image key, so that none equals a token's.
    static readonly UInt128 s_image = UInt128.One << 127;

    /// <summary>The key of a token.</summary>
    public static UInt128 OfToken(int token) => (uint)token;

    /// <summary>The key of an image's first row; row r has this plus r. Depends on the embeddings and their order alone.</summary>
    public static UInt128 OfImage(ReadOnlySpan<float> embeddings)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(MemoryMarshal.AsBytes(embeddings), hash);
        return MemoryMarshal.Read<UInt128>(hash) | s_image;
    }

    /// <summary>Appends the keys of tokens.</summary>
    public static void Append(List<UInt128> keys, ReadOnlySpan<int> tokens)
    {
        foreach (int token in tokens) keys.Add(OfToken(token));
    }

    /// <summary>Appends the keys of an image's rows.</summary>
    public static void Append(List<UInt128> keys, UInt128 image, int rows)
    {
        for (int i = 0; i < rows; i++) keys.Add(unchecked(image + (uint)i) | s_image);
    }

    /// <summary>A part of rows.</summary>
    public static PromptRows Slice(PromptRows rows, int from, int count, int width) => rows.AreEmbeddings
        ? PromptRows.FromEmbeddings(rows.Embeddings.Slice(from * width, count * width), count)
        : PromptRows.FromTokens(rows.Tokens.Slice(from, count));
}
