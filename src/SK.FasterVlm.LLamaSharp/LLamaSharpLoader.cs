using System.Globalization;
using LLama;
using LLama.Common;
using LLama.Extensions;
using LLama.Native;
using Microsoft.Extensions.Logging;
using SK.FasterVlm.Language;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.LLamaSharp;

/// <summary>From weights and options to a <see cref="LLamaSharpLanguageModel"/>: check, estimate, make the context.</summary>
internal static partial class LLamaSharpLoader
{
    const int DefaultContext = 4096;

    // Compute buffers, and what the process already needs to live.
    const long WorkingBytes = 300L << 20;

    internal static LLamaSharpLanguageModel Create(
        LLamaWeights weights, bool ownsWeights, string? modelPath, FasterVlmOptions options, ILogger? logger)
    {
        CheckModel(weights);
        LanguageModelFile? file = modelPath is null ? null : LanguageModelFile.Open(modelPath);
        SafeLLamaContextHandle? context = null;
        try
        {
            if (file is not null) CheckSameModel(file, weights);
            int contextLength = options.ContextLength > 0 ? options.ContextLength : Math.Min(DefaultContext, weights.ContextSize);
            if (contextLength > weights.ContextSize && logger is not null) LogLongContext(logger, contextLength, weights.ContextSize);
            long kvPerToken = file?.KvBytesPerToken(options.KvCache) ?? KvBytesPerToken(weights, options.KvCache);
            int cacheLength = options.CacheLength(contextLength, kvPerToken, HostMachine.AvailableMemory());
            LanguageModelInfo info = Describe(weights, file, kvPerToken);
            CheckMemory(info.Name, cacheLength, kvPerToken);
            var cancel = new CancellationFlag();
            context = MakeContext(weights, options, contextLength, cacheLength, cancel);
            var size = new ContextSize(contextLength, cacheLength, options.MaxSequences, checked((int)context.BatchSize));
            return new LLamaSharpLanguageModel(weights, ownsWeights, file, context, info, cancel, size);
        }
        catch
        {
            context?.Dispose();
            file?.Dispose();
            throw;
        }
    }

    static void CheckModel(LLamaWeights weights)
    {
        SafeLlamaModelHandle handle = weights.NativeHandle;
        ObjectDisposedException.ThrowIf(handle.IsClosed || handle.IsInvalid, weights);
        string? problem =
            weights.Vocab.Count <= 0 ? "has no vocabulary"
            // The library ends the process when it is asked for the heads of such a model, or evaluates with it.
            : handle.LayerCount <= 0 ? "was loaded with its vocabulary only"
            : !handle.HasDecoder || handle.HasEncoder ? "is not a plain decoder"
            : handle.IsRecurrent ? "is recurrent, whose state cannot be cut back"
            : null;
        if (problem is null) return;
        throw new ModelFormatException($"{Name(weights)} ({Text(weights, "general.architecture")}) {problem} and cannot be used.");
    }

    // Rows of text come from the file's table of embeddings: another model's would be nonsense without any error.
    static void CheckSameModel(LanguageModelFile file, LLamaWeights weights)
    {
        ulong bytes = (ulong)file.File.Tensors.Sum(static t => t.ByteSize);
        (int, int, int, ulong) found = (file.Header.EmbeddingWidth, file.Header.LayerCount, file.Header.VocabularySize, bytes);
        if (found == (weights.EmbeddingSize, weights.NativeHandle.LayerCount, weights.Vocab.Count, weights.SizeInBytes)) return;
        throw new ModelFormatException($"{file.File.Name} is not the file of the weights that were handed in; leave ModelPath out or name theirs.");
    }

    // A context that does not fit is not refused by the library: the system ends the process.
    static void CheckMemory(string name, int cacheLength, long kvPerToken)
    {
        if (NativeApi.llama_supports_gpu_offload()) return; // a device's memory is asked for at once and refused with a message
        // Sizes are the file's, so the product may be beyond any memory.
        Int128 needed = (Int128)kvPerToken * cacheLength + WorkingBytes;
        long available = HostMachine.AvailableMemory();
        if (needed <= available) return;
        throw new NativeRuntimeException(
            $"A context of {name} needs about {needed >> 20} MB for {cacheLength} positions "
            + $"but {available >> 20} MB are available; lower ContextLength or KvCacheLength, or use KvCache Q8_0.");
    }

    static SafeLLamaContextHandle MakeContext(
        LLamaWeights weights, FasterVlmOptions options, int contextLength, int cacheLength, CancellationFlag cancel)
    {
        int threads = HostMachine.Threads(options.Threads, (long)weights.SizeInBytes);
        GGMLType cache = options.KvCache switch
        {
            KvCacheType.Q8_0 => GGMLType.GGML_TYPE_Q8_0,
            KvCacheType.F32 => GGMLType.GGML_TYPE_F32,
            _ => GGMLType.GGML_TYPE_F16,
        };
        var parameters = new ModelParams("")
        {
            ContextSize = (uint)cacheLength,
            // A decode step of every sequence must fit one batch.
            BatchSize = (uint)Math.Max(Math.Min(options.BatchSize, contextLength), options.MaxSequences),
            UBatchSize = (uint)Math.Min(options.MicroBatchSize, contextLength),
            SeqMax = (uint)options.MaxSequences,
            KVUnified = true, // a shared prefix is marked, not copied, and one long conversation may take all of the cache
            Threads = threads,
            BatchThreads = threads,
            FlashAttention = options.FlashAttention == false ? false : null,
            TypeK = cache,
            TypeV = cache,
        };
        parameters.ToLlamaContextParams(out LLamaContextParams native);
        // LLamaContext cannot set these, which is why the context is made from its handle.
        unsafe
        {
            native.abort_callback = (nint)CancellationFlag.Callback;
            native.abort_callback_user_data = (nint)cancel.Data;
        }
        SafeLLamaContextHandle context = SafeLLamaContextHandle.Create(weights.NativeHandle, native);
        if (!context.IsInvalid) return context;
        // Create takes a reference on the weights that an invalid handle never gives back (0.28).
        weights.NativeHandle.DangerousRelease();
        throw new NativeRuntimeException($"No context of {cacheLength} positions could be made; LLamaSharp's native log says why.");
    }

    static LanguageModelInfo Describe(LLamaWeights weights, LanguageModelFile? file, long kvPerToken)
    {
        SafeLlamaModelHandle.Vocabulary vocabulary = weights.Vocab;
        return new LanguageModelInfo(
            file?.Name ?? Name(weights), Text(weights, "general.architecture"), weights.EmbeddingSize, weights.NativeHandle.LayerCount,
            vocabulary.Count, weights.ContextSize, (int)(vocabulary.BOS ?? -1), (int)(vocabulary.EOS ?? -1), vocabulary.ShouldAddBOS,
            weights.Metadata.GetValueOrDefault("tokenizer.chat_template"), kvPerToken, (long)weights.SizeInBytes)
        {
            // Not the handle's: those are the first layer's, where a list per layer has no text here.
            HeadCount = Number(weights, "head_count"),
            KeyValueHeadCount = Number(weights, "head_count_kv") ?? Number(weights, "head_count"),
        };
    }

    // The library tells no values per layer, so the first layer stands for all; the file would be exact.
    static long KvBytesPerToken(LLamaWeights weights, KvCacheType type)
    {
        SafeLlamaModelHandle handle = weights.NativeHandle;
        long usual = weights.EmbeddingSize / Math.Max(1, handle.HeadCount);
        double bytes = type switch { KvCacheType.Q8_0 => 34.0 / 32, KvCacheType.F32 => 4, _ => 2 };
        return (long)(handle.LayerCount * handle.KVHeadCount * (HeadWidth("key_length") + HeadWidth("value_length")) * bytes);

        long HeadWidth(string key) => Number(weights, key) ?? usual;
    }

    // Of the keys on attention; null where the file has none, or one per layer.
    static int? Number(LLamaWeights weights, string key) =>
        int.TryParse(Text(weights, $"{Text(weights, "general.architecture")}.attention.{key}"), CultureInfo.InvariantCulture, out int number)
            ? number
            : null;

    static string Name(LLamaWeights weights) => Text(weights, "general.name") is { Length: > 0 } name ? name : "the model";

    static string Text(LLamaWeights weights, string key) => weights.Metadata.GetValueOrDefault(key, "");

    [LoggerMessage(LogLevel.Warning, "The context of {Length} positions is longer than the {Trained} the model was trained for")]
    static partial void LogLongContext(ILogger logger, int length, int trained);
}
