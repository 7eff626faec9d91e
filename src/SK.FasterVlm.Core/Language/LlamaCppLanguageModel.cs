using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Language;

/// <summary>A language model on the pinned libllama, called directly.</summary>
public sealed class LlamaCppLanguageModel : LlamaLanguageModel
{
    readonly ContextLanes _lanes;

    internal LlamaCppLanguageModel(
        LanguageModelFile file, LlamaModelHandle model, ContextLanes lanes, LanguageModelInfo info, CancellationFlag cancel, ContextSize size)
        : base(model, file, info, cancel, size) => _lanes = lanes;

    /// <summary>Contexts over the same weights, see <see cref="ContextLanes"/>.</summary>
    public override int LaneCount => _lanes.Count;

    /// <summary>See <see cref="ContextLanes.RowsOfAKernel"/>.</summary>
    internal int RowsOfAKernel => _lanes.RowsOfAKernel;

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
        IProgress<double>? progress = null, CancellationToken cancellationToken = default) =>
        Load(path, options, runtime, lanes: null, logger, progress, cancellationToken);

    /// <summary>As the other, with a number of contexts to run side by side; null chooses.</summary>
    internal static LlamaCppLanguageModel Load(
        string path, FasterVlmOptions options, NativeRuntime runtime, int? lanes, ILogger? logger = null,
        IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(runtime);
        options.Validate();
        return LlamaCppLoader.Load(path, options, lanes, logger, progress, cancellationToken);
    }

    internal override SafeHandle ContextOf(int sequence) => _lanes.ContextOf(sequence);

    private protected override int Decode(ReadOnlySpan<BatchRun> runs, ReadOnlySpan<int> tokens, ReadOnlySpan<float> embeddings) =>
        _lanes.Decode(runs, tokens, embeddings);

    private protected override ReadOnlySpan<float> ReadLogits(int row) => _lanes.Logits(row, Info.VocabularySize);

    private protected override int LastPosition(int sequence) => _lanes.LastPosition(sequence);

    private protected override bool RemoveFrom(int sequence, int position) => _lanes.RemoveFrom(sequence, position);

    private protected override void Share(int source, int target, int length) => _lanes.Share(source, target, length);

    private protected override string LogSince(long mark) => NativeLog.Since(mark);

    private protected override string LogTail() => NativeLog.Tail();

    private protected override void Close() => _lanes.Dispose();
}
