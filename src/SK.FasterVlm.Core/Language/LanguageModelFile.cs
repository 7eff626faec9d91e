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
        long heads = PerLayer("head_count", null).Max();
        long width = heads > 0 ? HeadWidth("key_length", Header.EmbeddingWidth / heads) : 0;
        return width % Step == 0 || heads * batchLength * cacheLength * sizeof(float) > FewBytes;
    }

    /// <summary>Bytes of KV cache one position takes: keys and values of every layer.</summary>
    internal long KvBytesPerToken(KvCacheType type)
    {
        long[] heads = PerLayer("head_count", null), groups = PerLayer("head_count_kv", heads);
        double bytes = type switch { KvCacheType.Q8_0 => 34.0 / 32, KvCacheType.F32 => 4, _ => 2 };
        double sum = 0;
        for (int layer = 0; layer < Header.LayerCount; layer++)
        {
            long width = heads[layer] > 0 ? Header.EmbeddingWidth / heads[layer] : 0;
            sum += groups[layer] * (HeadWidth("key_length", width) + HeadWidth("value_length", width)) * bytes;
        }
        return (long)sum;
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

    public void Dispose() => File.Dispose();

    string Key(string name) => $"{Header.Architecture}.attention.{name}";

    long HeadWidth(string key, long usual) => File.Metadata.FindUInt32(Key(key)) ?? usual;

    // One number for all layers, or one per layer.
    long[] PerLayer(string name, long[]? missing)
    {
        string key = Key(name);
        if (missing is not null && !File.Metadata.TryGet(key, out _)) return missing;
        long[] values = File.Metadata.TryGet(key, out GgufValue? value) && value.Type == GgufValueType.Array
            ? [.. File.Metadata.GetInt32s(key).Select(static n => (long)Math.Max(0, n))]
            : [.. Enumerable.Repeat((long)File.Metadata.GetUInt32(key), Header.LayerCount)];
        return values.Length >= Header.LayerCount
            ? values
            : throw new ModelFormatException($"{File.Name}: {key} has {values.Length} entries for {Header.LayerCount} layers.", key);
    }
}
