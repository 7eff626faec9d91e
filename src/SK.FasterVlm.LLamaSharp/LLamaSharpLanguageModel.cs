using System.Runtime.InteropServices;
using LLama;
using LLama.Native;
using SK.FasterVlm.Language;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.LLamaSharp;

/// <summary>
/// A language model on LLamaSharp: the application's <see cref="LLamaWeights"/>, or weights loaded through LLamaSharp, with a context of
/// its own. Evaluation, the KV cache and logits go through <see cref="SafeLLamaContextHandle"/>, so LLamaSharp's own lock keeps calls of
/// all its contexts apart. Tokenising and sampling use the same native library through the bindings of the built-in model, because
/// LLamaSharp does not show a vocabulary's raw text and adds grammars without a check.
/// </summary>
public sealed class LLamaSharpLanguageModel : LlamaLanguageModel
{
    const string ItsLog = "LLamaSharp's native log says why.";

    readonly LLamaWeights? _ownedWeights;
    readonly SafeLLamaContextHandle _context;

    // A batch pins every row it has ever had room for, so single tokens do not go into the one that held a prompt.
    readonly LLamaBatch _step = new(), _prompt = new();

    internal LLamaSharpLanguageModel(
        LLamaWeights weights, bool ownsWeights, LanguageModelFile? file, SafeLLamaContextHandle context, LanguageModelInfo info,
        CancellationFlag cancel, ContextSize size) : base(new LlamaModelHandle(weights.NativeHandle), file, info, cancel, size)
    {
        _context = context;
        _ownedWeights = ownsWeights ? weights : null;
    }

    /// <summary>Makes a language model over weights that stay the caller's and must stay open until it is disposed.</summary>
    /// <param name="weights">Loaded weights of a text decoder.</param>
    /// <param name="options">Context, batch, thread and cache settings are taken from here.</param>
    /// <param name="modelPath">
    /// The weights' file, if known. With it, text beside images is evaluated in the same pass as the images; without it, in passes of its
    /// own.
    /// </param>
    /// <exception cref="ModelFormatException">The model cannot be used, or the file is another model's.</exception>
    /// <exception cref="NativeRuntimeException">LLamaSharp's native library cannot be shared, or there is not enough memory.</exception>
    public static LLamaSharpLanguageModel Create(LLamaWeights weights, FasterVlmOptions options, string? modelPath = null)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        LLamaSharpNatives.Share();
        return LLamaSharpLoader.Create(weights, ownsWeights: false, modelPath, options, logger: null);
    }

    internal override SafeHandle ContextOf(int sequence) => _context;

    private protected override int Decode(ReadOnlySpan<BatchRun> runs, ReadOnlySpan<int> tokens, ReadOnlySpan<float> embeddings) =>
        (int)(embeddings.IsEmpty ? _context.Decode(Batch(runs, tokens)) : _context.Decode(Batch(runs, embeddings)));

    private protected override ReadOnlySpan<float> ReadLogits(int row) => _context.GetLogitsIth(row);

    private protected override int LastPosition(int sequence) => _context.MemorySequenceMaxPosition((LLamaSeqId)sequence).Value;

    private protected override bool RemoveFrom(int sequence, int position)
    {
        _context.MemorySequenceRemove((LLamaSeqId)sequence, position, -1);
        return LastPosition(sequence) < position; // LLamaSharp drops the library's answer
    }

    private protected override void Share(int source, int target, int length) =>
        _context.MemorySequenceCopy((LLamaSeqId)source, (LLamaSeqId)target, 0, length);

    private protected override string LogSince(long mark) => ItsLog;

    private protected override string LogTail() => ItsLog;

    private protected override void Close()
    {
        _context.Dispose();
        _ownedWeights?.Dispose();
    }

    LLamaBatch Batch(ReadOnlySpan<BatchRun> runs, ReadOnlySpan<int> tokens)
    {
        LLamaBatch batch = tokens.Length <= SequenceCount ? _step : _prompt;
        batch.Clear();
        int row = 0;
        foreach (BatchRun run in runs)
            for (int i = 0; i < run.Count; i++)
                batch.Add(tokens[row++], run.Position + i, (LLamaSeqId)run.Sequence, run.WantLogits && i == run.Count - 1);
        return batch;
    }

    // Made anew: clearing one keeps its list of logit rows (0.28), which would grow with every image.
    LLamaBatchEmbeddings Batch(ReadOnlySpan<BatchRun> runs, ReadOnlySpan<float> embeddings)
    {
        int width = Info.EmbeddingWidth, row = 0;
        var batch = new LLamaBatchEmbeddings(width);
        foreach (BatchRun run in runs)
            for (int i = 0; i < run.Count; i++)
                batch.Add(embeddings.Slice(width * row++, width), run.Position + i, (LLamaSeqId)run.Sequence, run.WantLogits && i == run.Count - 1);
        return batch;
    }
}
