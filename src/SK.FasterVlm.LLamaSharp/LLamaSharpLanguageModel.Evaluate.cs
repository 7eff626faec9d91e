using LLama.Native;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.LLamaSharp;

// Evaluation and the state of the sequences, through LLamaSharp's context.
public sealed partial class LLamaSharpLanguageModel : IEvaluationContext
{
    // A batch pins every row it has ever had room for, so single tokens do not go into the one that held a prompt.
    readonly LLamaBatch _step = new(), _prompt = new();

    int IEvaluationContext.Capacity => BatchLength;

    bool IEvaluationContext.IsDisposed => _disposed;

    /// <inheritdoc/>
    public void Evaluate(int sequence, IReadOnlyList<PromptRows> rows, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _evaluator.Evaluate(sequence, rows, cancellationToken);
    }

    /// <inheritdoc/>
    public void Evaluate(IReadOnlyList<SequenceRows> batch, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _evaluator.Evaluate(batch, cancellationToken);
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> GetLogits(int sequence)
    {
        CheckSequence(sequence);
        return _context.GetLogitsIth(_evaluator.LogitsRow(sequence));
    }

    /// <inheritdoc/>
    public int SequenceLength(int sequence)
    {
        CheckSequence(sequence);
        return _context.MemorySequenceMaxPosition((LLamaSeqId)sequence).Value + 1;
    }

    /// <inheritdoc/>
    public void TrimSequence(int sequence, int length)
    {
        CheckSequence(sequence);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        _context.MemorySequenceRemove((LLamaSeqId)sequence, length, -1);
        // LLamaSharp drops the library's answer.
        if (SequenceLength(sequence) > length)
            throw new NativeRuntimeException($"Sequence {sequence} could not be cut back to {length} positions.");
    }

    /// <inheritdoc/>
    public void CopySequence(int source, int target, int length)
    {
        CheckSequence(source);
        CheckSequence(target);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, SequenceLength(source));
        TrimSequence(target, source == target ? length : 0);
        if (source == target || length == 0) return;
        // The cache is unified over sequences, so this marks cells as shared and copies nothing.
        _context.MemorySequenceCopy((LLamaSeqId)source, (LLamaSeqId)target, 0, length);
    }

    void IEvaluationContext.Decode(
        ReadOnlySpan<BatchRun> runs, ReadOnlySpan<int> tokens, ReadOnlySpan<float> embeddings, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        DecodeResult result;
        using (CancellationFlag.Scope watch = _cancel.Watch(cancellationToken))
            result = embeddings.IsEmpty ? _context.Decode(Batch(runs, tokens)) : _context.Decode(Batch(runs, embeddings));
        GC.KeepAlive(_cancel);
        switch (result)
        {
            case DecodeResult.Ok:
                return;
            case DecodeResult.NoKvSlot:
                throw new NativeRuntimeException(
                    $"The KV cache of {CacheLength} positions has no room for more rows; the sequences in it share them.");
            case DecodeResult.ComputeAborted:
                cancellationToken.ThrowIfCancellationRequested();
                throw new NativeRuntimeException("The evaluation was aborted.");
            default:
                throw new NativeRuntimeException($"The library refused the rows ({result}); LLamaSharp's native log says why.");
        }
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

    void CheckSequence(int sequence)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _evaluator.CheckSequence(sequence);
    }
}
