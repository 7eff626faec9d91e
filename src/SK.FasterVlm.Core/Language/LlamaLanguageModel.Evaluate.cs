using System.Runtime.InteropServices;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Language;

// Evaluation and the state of the sequences. The rules of evaluation are SequenceEvaluator's.
public abstract partial class LlamaLanguageModel : IEvaluationContext
{
    /// <summary>Rows joined into one batch at most. Settable for tests and measurements.</summary>
    internal int JoinLimit
    {
        get => _evaluator.JoinLimit;
        set => _evaluator.JoinLimit = value;
    }

    int IEvaluationContext.Capacity => BatchLength;

    bool IEvaluationContext.IsDisposed => _disposed;

    /// <inheritdoc/>
    public void Evaluate(int sequence, IReadOnlyList<PromptRows> rows, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _evaluator.Evaluate(sequence, rows, cancellationToken);
    }

    /// <inheritdoc/>
    /// <remarks>
    /// A row's logits can differ in the last bits from those it gets alone: the library's matrix kernels add in another order when they
    /// are given more rows. See docs/serving.md.
    /// </remarks>
    public void Evaluate(IReadOnlyList<SequenceRows> batch, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _evaluator.Evaluate(batch, cancellationToken);
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> GetLogits(int sequence)
    {
        CheckSequence(sequence);
        ReadOnlySpan<float> logits = ReadLogits(_evaluator.LogitsRow(sequence));
        return !logits.IsEmpty
            ? logits
            : throw new NativeRuntimeException($"The library has no logits of sequence {sequence}. {LogTail()}");
    }

    /// <inheritdoc/>
    public int SequenceLength(int sequence)
    {
        CheckSequence(sequence);
        return LastPosition(sequence) + 1;
    }

    /// <inheritdoc/>
    public void TrimSequence(int sequence, int length)
    {
        CheckSequence(sequence);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (!RemoveFrom(sequence, length))
            throw new NativeRuntimeException($"Sequence {sequence} could not be cut back to {length} positions. {LogTail()}");
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
        Share(source, target, length);
    }

    void IEvaluationContext.Decode(
        ReadOnlySpan<BatchRun> runs, ReadOnlySpan<int> tokens, ReadOnlySpan<float> embeddings, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        long mark = NativeLog.Mark();
        int result;
        using (CancellationFlag.Scope watch = _cancel.Watch(cancellationToken)) result = Decode(runs, tokens, embeddings);
        GC.KeepAlive(_cancel);
        if (result == 0) return;
        int rows = 0;
        foreach (BatchRun run in runs) rows += run.Count;
        switch (result)
        {
            case 1:
                throw new NativeRuntimeException(
                    $"The KV cache of {CacheLength} positions has no room for {rows} more; the sequences in it share them.");
            case 2:
                cancellationToken.ThrowIfCancellationRequested();
                throw new NativeRuntimeException("The evaluation was aborted.");
            default:
                throw new NativeRuntimeException($"The library refused {rows} rows ({result}). {LogSince(mark)}");
        }
    }

    /// <summary>The context of a sequence, whose memory its logits are: who reads them keeps it open meanwhile.</summary>
    internal abstract SafeHandle ContextOf(int sequence);

    /// <summary>Evaluates rows in one call.</summary>
    /// <param name="runs">In the order of the rows, <see cref="BatchLength"/> rows together at most.</param>
    /// <param name="tokens">A token id per row, or empty.</param>
    /// <param name="embeddings">An embedding per row, or empty; exactly one of the two is given.</param>
    /// <returns>What <c>llama_decode</c> answers: 0, or 1 (no room in the cache), 2 (aborted), negative (an error).</returns>
    private protected abstract int Decode(ReadOnlySpan<BatchRun> runs, ReadOnlySpan<int> tokens, ReadOnlySpan<float> embeddings);

    /// <summary>Logits of a row of the last batch that wanted them, [VocabularySize]; empty when the library has none.</summary>
    private protected abstract ReadOnlySpan<float> ReadLogits(int row);

    /// <summary>Highest position of a sequence; -1 when it is empty.</summary>
    private protected abstract int LastPosition(int sequence);

    /// <summary>Removes a sequence's positions from one on; false when the library cannot.</summary>
    private protected abstract bool RemoveFrom(int sequence, int position);

    /// <summary>
    /// Puts the first positions of a sequence into another, which is empty. The cache is unified over sequences, so this marks cells as
    /// shared and copies nothing.
    /// </summary>
    private protected abstract void Share(int source, int target, int length);

    /// <summary>What the native log says since a mark of <see cref="NativeLog"/>, or where it can be read.</summary>
    private protected abstract string LogSince(long mark);

    /// <summary>The end of the native log, or where it can be read.</summary>
    private protected abstract string LogTail();

    void CheckSequence(int sequence)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _evaluator.CheckSequence(sequence);
    }
}
