using Microsoft.Extensions.Logging;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Language;

/// <summary>A language model on the pinned libllama, called directly.</summary>
public sealed unsafe class LlamaCppLanguageModel : LlamaLanguageModel
{
    readonly LlamaContextHandle _context;
    readonly EvaluationBatch _batch;

    internal LlamaCppLanguageModel(
        LanguageModelFile file, LlamaModelHandle model, LlamaContextHandle context, LanguageModelInfo info, CancellationFlag cancel,
        ContextSize size) : base(model, file, info, cancel, size)
    {
        _context = context;
        _batch = new EvaluationBatch(size.BatchLength);
    }

    /// <summary>Loads a model.</summary>
    /// <param name="path">A GGUF file of a text decoder.</param>
    /// <param name="options">Context, batch, threads, cache, loading and GPU settings; see each.</param>
    /// <param name="runtime">The loaded libraries.</param>
    /// <param name="logger">Receives warnings about the options; null for none.</param>
    /// <param name="progress">Told the share of the weights loaded, 0 to 1, from the loading thread.</param>
    /// <param name="cancellationToken">Ends loading between tensors.</param>
    /// <exception cref="ModelFormatException">The file is missing, damaged or no language model.</exception>
    /// <exception cref="NativeRuntimeException">Memory does not suffice, or the library refuses; the message says why.</exception>
    public static LlamaCppLanguageModel Load(
        string path, FasterVlmOptions options, NativeRuntime runtime, ILogger? logger = null,
        IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(runtime);
        options.Validate();
        return LlamaCppLoader.Load(path, options, logger, progress, cancellationToken);
    }

    private protected override int Decode(ReadOnlySpan<BatchRun> runs, ReadOnlySpan<int> tokens, ReadOnlySpan<float> embeddings)
    {
        _batch.Clear();
        foreach (BatchRun run in runs) _batch.Add(run.Sequence, run.Position, run.Count, run.WantLogits);
        fixed (int* t = tokens)
        fixed (float* e = embeddings)
            return _batch.Decode(_context, t, e);
    }

    private protected override ReadOnlySpan<float> ReadLogits(int row)
    {
        float* logits = Llama.llama_get_logits_ith(_context, row);
        return logits is null ? [] : new ReadOnlySpan<float>(logits, Info.VocabularySize);
    }

    private protected override int LastPosition(int sequence)
    {
        using var use = new HandleUse(_context);
        return Llama.llama_memory_seq_pos_max(Llama.llama_get_memory(_context), sequence);
    }

    private protected override bool RemoveFrom(int sequence, int position)
    {
        using var use = new HandleUse(_context);
        return Llama.llama_memory_seq_rm(Llama.llama_get_memory(_context), sequence, position, -1);
    }

    private protected override void Share(int source, int target, int length)
    {
        using var use = new HandleUse(_context);
        Llama.llama_memory_seq_cp(Llama.llama_get_memory(_context), source, target, 0, length);
    }

    private protected override string LogSince(long mark) => NativeLog.Since(mark);

    private protected override string LogTail() => NativeLog.Tail();

    private protected override void Close() => _context.Dispose();
}
