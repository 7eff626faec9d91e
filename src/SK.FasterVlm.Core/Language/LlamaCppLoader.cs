using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using SK.FasterVlm.Gguf;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Language;

/// <summary>From a file and options to a <see cref="LlamaCppLanguageModel"/>: check, estimate, load, make the context.</summary>
internal static unsafe partial class LlamaCppLoader
{
    const int DefaultContext = 4096;

    // Compute buffers, vocabulary, and what the process already needs to live.
    const long WorkingBytes = 300L << 20;

    internal static LlamaCppLanguageModel Load(
        string path, FasterVlmOptions options, int? lanes, ILogger? logger, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        LanguageModelFile file = LanguageModelFile.Open(path);
        LlamaModelHandle? model = null;
        List<LlamaContextHandle> contexts = [];
        try
        {
            int contextLength = options.ContextLength > 0 ? options.ContextLength : Math.Min(DefaultContext, file.Header.ContextLength);
            if (contextLength > file.Header.ContextLength && logger is not null)
                LogLongContext(logger, contextLength, file.Header.ContextLength);
            long kvPerToken = file.KvBytesPerToken(options.KvCache);
            int cacheLength = options.CacheLength(contextLength, kvPerToken, HostMachine.AvailableMemory());
            bool gpuWanted = options.Native.Backend != NativeBackend.Cpu && options.GpuLayers != 0;
            bool onGpu = gpuWanted && Llama.llama_supports_gpu_offload();
            bool flash = options.FlashAttention
                ?? (onGpu || options.KvCache == KvCacheType.Q8_0 || file.SuitsFlashAttention(options.MicroBatchSize, cacheLength));
            int hostLayers = !onGpu ? file.Header.LayerCount : HostLayers(file.Header.LayerCount, options.GpuLayers);
            CheckMemory(file, options, cacheLength, hostLayers, flash, HostMachine.AvailableMemory());

            model = LoadWeights(file, options, onGpu, progress, cancellationToken);
            CheckModel(file, model);
            var cancel = new CancellationFlag();
            int threads = HostMachine.Threads(options.Threads, (long)Llama.llama_model_size(model));
            int atOnce = Math.Max(1, HostMachine.PhysicalCores / threads);
            int laneCount = Math.Min(lanes ?? LaneCount(options, onGpu, atOnce, contextLength, kvPerToken), options.MaxSequences);
            ContextSize size = new(contextLength, cacheLength, options.MaxSequences, 0);
            ContextSize inLane = InLane(size, laneCount);
            while (contexts.Count < laneCount) contexts.Add(MakeContext(model, options, inLane, threads, flash, cancel));
            var tokenizer = new LlamaTokenizer(model);
            var info = new LanguageModelInfo(
                file.Name, file.Header.Architecture, Llama.llama_model_n_embd_inp(model), Llama.llama_model_n_layer(model), tokenizer.Size,
                Llama.llama_model_n_ctx_train(model), tokenizer.BosToken, tokenizer.EosToken, tokenizer.AddBos, file.Header.ChatTemplate,
                kvPerToken, (long)Llama.llama_model_size(model))
            {
                HeadCount = file.Header.HeadCount,
                KeyValueHeadCount = file.Header.KeyValueHeadCount,
                FlashAttention = flash,
            };
            size = size with { BatchLength = (int)Llama.llama_n_batch(contexts[0]) };
            ContextLanes all = new(contexts, inLane.SequenceCount - 1, atOnce, size.BatchLength, info.EmbeddingWidth)
            {
                RowsOfAKernel = onGpu ? 1 : file.RowsOfAKernel(),
            };
            return new LlamaCppLanguageModel(file, model, all, info, cancel, size);
        }
        catch
        {
            foreach (LlamaContextHandle context in contexts) context.Dispose();
            model?.Dispose();
            file.Dispose();
            throw;
        }
    }

    /// <summary>Layers that the library leaves to the processor: the last ones go first, after the output matrix.</summary>
    /// <param name="layers">Of the model.</param>
    /// <param name="gpuLayers">As <see cref="FasterVlmOptions.GpuLayers"/>.</param>
    internal static int HostLayers(int layers, int gpuLayers) => gpuLayers < 0 ? 0 : Math.Clamp(layers + 1 - gpuLayers, 0, layers);

    /// <summary>Refuses what does not fit: the library would not, and the system ends the process.</summary>
    /// <param name="file">The model.</param>
    /// <param name="options">Batch, cache and loading.</param>
    /// <param name="cacheLength">Positions of the KV cache.</param>
    /// <param name="hostLayers">Layers on the processor. A device's memory is asked for at once and refused with a message.</param>
    /// <param name="flash">Without flash attention all scores of a batch are in memory at once.</param>
    /// <param name="available">Bytes.</param>
    /// <exception cref="NativeRuntimeException">More is needed than there is.</exception>
    internal static void CheckMemory(
        LanguageModelFile file, FasterVlmOptions options, int cacheLength, int hostLayers, bool flash, long available)
    {
        if (hostLayers == 0) return;
        // Sizes are the file's, so a product may be beyond any memory.
        Int128 kv = (Int128)file.KvBytesPerToken(options.KvCache) * cacheLength * hostLayers / file.Header.LayerCount;
        Int128 scores = flash ? 0 : file.ScoreBytes(Math.Min(options.MicroBatchSize, cacheLength), cacheLength);
        bool mapped = file.LoadMode(options.Loading) == llama_load_mode.LLAMA_LOAD_MODE_MMAP;
        long weights = mapped ? 0 : file.HostBytes(hostLayers);
        Int128 needed = kv + scores + weights + WorkingBytes;
        if (needed <= available) return;
        string withoutFlash = flash ? "" : $", {Megabytes(scores)} MB attention scores without FlashAttention";
        throw new NativeRuntimeException(
            $"{Printable.Escape(file.Name)} needs about {Megabytes(needed)} MB ({Megabytes(weights)} MB weights, "
            + $"{Megabytes(kv)} MB KV cache for {cacheLength} positions{withoutFlash}) "
            + $"but {Megabytes(available)} MB are available; lower ContextLength or KvCacheLength, "
            + "use KvCache Q8_0, or take a smaller quantisation.");

        static Int128 Megabytes(Int128 bytes) => bytes >> 20;
    }

    static LlamaModelHandle LoadWeights(
        LanguageModelFile file, FasterVlmOptions options, bool onGpu, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        llama_model_params parameters = Llama.llama_model_default_params();
        parameters.n_gpu_layers = onGpu ? options.GpuLayers : 0;
        parameters.load_mode = file.LoadMode(options.Loading);
        // An empty list keeps the library off GPUs that another model of this process brought in.
        ggml_backend_device* none = null;
        if (!onGpu) parameters.devices = &none;

        var watcher = new LoadWatcher(progress, cancellationToken);
        GCHandle handle = GCHandle.Alloc(watcher);
        long mark = NativeLog.Mark();
        llama_model* model;
        try
        {
            parameters.progress_callback = &OnProgress;
            parameters.progress_callback_user_data = (void*)GCHandle.ToIntPtr(handle);
            model = Llama.llama_model_load_from_file(file.Path, parameters);
        }
        finally
        {
            handle.Free();
        }
        if (model is not null) return new LlamaModelHandle(model);
        watcher.Error?.Throw();
        cancellationToken.ThrowIfCancellationRequested();
        throw new ModelFormatException($"{file.File.Name} was refused by llama.cpp: {NativeLog.Since(mark)}");
    }

    static void CheckModel(LanguageModelFile file, LlamaModelHandle model)
    {
        string? problem =
            !Llama.llama_model_has_decoder(model) || Llama.llama_model_has_encoder(model) ? "is not a plain decoder"
            : Llama.llama_model_is_recurrent(model) ? "is recurrent, whose state cannot be cut back"
            : Llama.llama_vocab_n_tokens(Llama.llama_model_get_vocab(model)) <= 0 ? "has no vocabulary"
            : null;
        if (problem is null) return;
        throw new ModelFormatException($"{file.File.Name} ({file.Header.Architecture}) {problem} and cannot be used.");
    }

    /// <summary>
    /// Contexts side by side: as many as the cores that one of a small model leaves idle, while their caches are small too. For many
    /// sequences twice as many, because each row is scored against all cells of its lane.
    /// </summary>
    static int LaneCount(FasterVlmOptions options, bool onGpu, int atOnce, int contextLength, long kvPerToken)
    {
        const long Small = 128L << 20;
        const int Few = 4; // sequences of a lane, below which passes cost more than cells
        bool fits = (Int128)kvPerToken * contextLength * options.MaxSequences <= Small;
        return options.Threads > 0 || onGpu || !fits ? 1 : Math.Clamp(options.MaxSequences / Few, atOnce, 2 * atOnce);
    }

    /// <summary>
    /// What the context of a lane has room for: of several, each its sequences at their full length, because what two lanes hold of one
    /// prefix takes room in both, and one sequence more by which prefixes are copied.
    /// </summary>
    static ContextSize InLane(ContextSize size, int lanes)
    {
        if (lanes == 1) return size;
        int sequences = (size.SequenceCount + lanes - 1) / lanes;
        return size with { CacheLength = sequences * size.ContextLength, SequenceCount = sequences + 1 };
    }

    static LlamaContextHandle MakeContext(
        LlamaModelHandle model, FasterVlmOptions options, ContextSize size, int threads, bool flash, CancellationFlag cancel)
    {
        llama_context_params parameters = Llama.llama_context_default_params();
        parameters.n_ctx = (uint)size.CacheLength;
        // A decode step of every sequence must fit one batch.
        parameters.n_batch = (uint)Math.Max(Math.Min(options.BatchSize, size.ContextLength), options.MaxSequences);
        parameters.n_ubatch = (uint)Math.Min(options.MicroBatchSize, size.ContextLength);
        parameters.n_seq_max = (uint)size.SequenceCount;
        // One cache for all sequences: a shared prefix is marked, not copied, and one long conversation may take all of it.
        parameters.kv_unified = 1;
        // Only the last row's logits are ever asked for; the library reserves for one row per sequence and asserts it.
        parameters.n_outputs_max = (uint)size.SequenceCount;
        parameters.n_threads = threads;
        parameters.n_threads_batch = threads;
        // Asked for by name it is on or the context is refused; chosen by us it is left off where a device lacks it.
        parameters.flash_attn_type = !flash ? llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
            : options.FlashAttention == true ? llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_ENABLED
            : llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_AUTO;
        parameters.type_k = parameters.type_v = options.KvCache switch
        {
            KvCacheType.Q8_0 => ggml_type.GGML_TYPE_Q8_0,
            KvCacheType.F32 => ggml_type.GGML_TYPE_F32,
            _ => ggml_type.GGML_TYPE_F16,
        };
        parameters.abort_callback = CancellationFlag.Callback;
        parameters.abort_callback_data = cancel.Data;
        long mark = NativeLog.Mark();
        LlamaContextHandle context = LlamaContextHandle.Create(model, parameters);
        if (!context.IsInvalid)
        {
            context.KeepThreads(threads);
            return context;
        }
        context.Dispose();
        throw new NativeRuntimeException($"No context of {size.CacheLength} positions could be made: {NativeLog.Since(mark)}");
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    static byte OnProgress(float share, void* userData) =>
        ((LoadWatcher)GCHandle.FromIntPtr((nint)userData).Target!).Report(share) ? (byte)1 : (byte)0;

    [LoggerMessage(LogLevel.Warning, "The context of {Length} positions is longer than the {Trained} the model was trained for")]
    static partial void LogLongContext(ILogger logger, int length, int trained);

    /// <summary>Passes progress on. What the application's handler throws is kept and thrown after the library has returned.</summary>
    sealed class LoadWatcher(IProgress<double>? progress, CancellationToken cancellationToken)
    {
        internal System.Runtime.ExceptionServices.ExceptionDispatchInfo? Error { get; private set; }

        internal bool Report(float share)
        {
            try
            {
                progress?.Report(share);
                return !cancellationToken.IsCancellationRequested;
            }
            catch (Exception e)
            {
                Error = System.Runtime.ExceptionServices.ExceptionDispatchInfo.Capture(e);
                return false;
            }
        }
    }
}
