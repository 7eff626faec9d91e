using System.Globalization;
using SK.FasterVlm.Gguf;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Language;

/// <summary>
/// A language model's file, its header checked in managed code before the library opens it. Stays open for
/// <see cref="EmbeddingTable"/>.
/// </summary>
internal sealed class LanguageModelFile : IDisposable
{
    LanguageModelFile(GgufFile file, string path)
    {
        File = file;
        Path = path;
        Header = LanguageHeader.Read(file);
    }

    internal GgufFile File { get; }

    internal string Path { get; }

    internal LanguageHeader Header { get; }

    /// <summary>general.name, or the file's name.</summary>
    internal string Name => Header.Name is { Length: > 0 } name ? name : System.IO.Path.GetFileNameWithoutExtension(Path);

    /// <summary>Opens a file.</summary>
    /// <exception cref="ModelFormatException">It is missing, damaged or no language model.</exception>
    internal static LanguageModelFile Open(string path)
    {
        GgufFile file = GgufFile.Open(path);
        try
        {
            return new LanguageModelFile(file, path);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Whether flash attention serves this model on the CPU. ggml's kernel takes a head in steps of 64 numbers (32 without AVX-512) and
    /// what is left one by one; heads of 32 then cost 2.4 times what products cost. Those keep all scores of a batch, so only while
    /// these are few.
    /// </summary>
    /// <param name="batchLength">Rows of a physical batch.</param>
    /// <param name="cacheLength">Positions of the KV cache.</param>
    internal bool SuitsFlashAttention(int batchLength, int cacheLength)
    {
        const int Step = 64;
        const long FewBytes = 128L << 20;
        return HeadWidth("key_length") % Step == 0 || ScoreBytes(batchLength, cacheLength) > FewBytes;
    }

    /// <summary>Bytes of a batch's attention scores, which are all kept at once without flash attention.</summary>
    /// <param name="batchLength">Rows of a physical batch.</param>
    /// <param name="cacheLength">Positions of the KV cache.</param>
    internal long ScoreBytes(long batchLength, long cacheLength) => Header.HeadCount * batchLength * cacheLength * sizeof(float);

    /// <summary>Bytes of KV cache one position takes: keys and values of every layer.</summary>
    internal long KvBytesPerToken(KvCacheType type)
    {
        double bytes = type switch { KvCacheType.Q8_0 => 34.0 / 32, KvCacheType.F32 => 4, _ => 2 };
        return (long)((double)Header.LayerCount * Header.KeyValueHeadCount * (HeadWidth("key_length") + HeadWidth("value_length")) * bytes);
    }

    /// <summary>Bytes of the weights that stay in this machine's memory when the first layers do, and the table of embeddings.</summary>
    /// <param name="hostLayers">Layers that are not offloaded, counted from the first.</param>
    internal long HostBytes(int hostLayers)
    {
        if (hostLayers >= Header.LayerCount) return File.Length;
        return File.Tensors.Where(t => t == Header.TokenEmbedding || LayerOf(t.Name) is { } layer && layer < hostLayers).Sum(static t => t.ByteSize);

        static int? LayerOf(string name)
        {
            string[] parts = name.Split('.', 3);
            return parts is ["blk", string number, _] && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int layer) ? layer : null;
        }
    }

    /// <summary>
    /// The loading mode that keeps one copy of the weights. Quantised matrices are repacked for the processor, and a mapped file would
    /// stay resident beside the repacked copy; other weights are used where they lie, so mapping them costs nothing. Measured on a
    /// 7B model in Q4_0 (3,648 MiB) with 1,024 MiB of KV cache: peak 4,754 MiB read, 8,134 MiB mapped.
    /// </summary>
    internal llama_load_mode LoadMode(WeightLoading wanted)
    {
        if (wanted != WeightLoading.Auto)
            return wanted == WeightLoading.MemoryMap ? llama_load_mode.LLAMA_LOAD_MODE_MMAP : llama_load_mode.LLAMA_LOAD_MODE_NONE;
        long quantised = File.Tensors.Where(static t => t.Type.BlockSize() > 1).Sum(static t => t.ByteSize);
        return quantised > File.Length / 2 ? llama_load_mode.LLAMA_LOAD_MODE_NONE : llama_load_mode.LLAMA_LOAD_MODE_MMAP;
    }

    /// <summary>
    /// Rows ggml's kernels for repacked 4-bit weights take at once on a CPU (ggml-cpu/repack.cpp): a row left over goes through all weights
    /// alone. Measured on 7B models in Q4_0 and Q4_K with 2 threads: 3 rows take some 320 ms, 4 rows 230.
    /// </summary>
    internal const int RepackedRows = 4;

    /// <summary><see cref="RepackedRows"/> where most of the weights are of such a type, otherwise 1.</summary>
    internal int RowsOfAKernel()
    {
        long repacked = File.Tensors.Where(static t => t.Type is GgmlType.Q4_0 or GgmlType.Q4_K).Sum(static t => t.ByteSize);
        return repacked > File.Length / 2 ? RepackedRows : 1;
    }

    public void Dispose() => File.Dispose();

    long HeadWidth(string name) =>
        File.Metadata.FindUInt32($"{Header.Architecture}.attention.{name}") ?? (uint)(Header.EmbeddingWidth / Header.HeadCount);
}
