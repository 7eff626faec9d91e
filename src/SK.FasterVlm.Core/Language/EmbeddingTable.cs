using System.Buffers;
using SK.FasterVlm.Gguf;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Language;

/// <summary>
/// The model's own table of token embeddings, read row by row from the file: it turns text into rows that can go into one batch with
/// visual tokens. The rows are what the model itself would look up.
/// </summary>
internal sealed unsafe class EmbeddingTable
{
    // Architectures whose graph uses a looked-up row as it is. Others scale or add to it, which rows from outside would miss.
    static readonly string[] s_plainLookup = ["llama", "qwen2", "phi3"];

    readonly GgufFile _file;
    readonly GgufTensorInfo _tensor;
    readonly int _width;

    EmbeddingTable(GgufFile file, GgufTensorInfo tensor, int width) => (_file, _tensor, _width) = (file, tensor, width);

    /// <summary>The table of a model, or null when its rows cannot stand in for tokens.</summary>
    internal static EmbeddingTable? Of(LanguageModelFile model, int vocabularySize)
    {
        LanguageHeader header = model.Header;
        bool usable = s_plainLookup.Contains(header.Architecture, StringComparer.Ordinal) && header.VocabularySize >= vocabularySize;
        return usable ? new EmbeddingTable(model.File, header.TokenEmbedding, header.EmbeddingWidth) : null;
    }

    /// <summary>Writes the rows of tokens, one after the other.</summary>
    /// <param name="tokens">Ids within the vocabulary.</param>
    /// <param name="rows">tokens.Length * width floats.</param>
    internal void Read(ReadOnlySpan<int> tokens, Span<float> rows)
    {
        int bytes = checked((int)_tensor.RowBytes);
        byte[] stored = ArrayPool<byte>.Shared.Rent(bytes);
        try
        {
            for (int i = 0; i < tokens.Length; i++)
            {
                _file.ReadTensor(_tensor, stored.AsSpan(0, bytes), (long)tokens[i] * bytes);
                Dequantize(stored.AsSpan(0, bytes), rows.Slice(i * _width, _width));
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(stored);
        }
    }

    void Dequantize(ReadOnlySpan<byte> stored, Span<float> row)
    {
        if (_tensor.Type == GgmlType.F32)
        {
            // ggml has no conversion for what needs none.
            GgmlBlocks.Dequantize(GgmlType.F32, stored, row);
            return;
        }
        fixed (byte* from = stored)
        fixed (float* to = row)
            Ggml.ggml_get_type_traits((ggml_type)_tensor.Type)->to_float(from, to, _width);
    }
}
