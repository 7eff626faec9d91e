using SK.FasterVlm.Native;

namespace SK.FasterVlm.Language;

// Evaluation: the rules are SequenceEvaluator's, the call of the library is here.
public sealed unsafe partial class LlamaCppLanguageModel : IEvaluationContext
{
    /// <inheritdoc/>
    public int BatchLength => _batch.Capacity;

    /// <summary>Rows joined into one batch at most. Settable for tests and measurements.</summary>
    internal int JoinLimit
    {
        get => _evaluator.JoinLimit;
        set => _evaluator.JoinLimit = value;
    }

    int IEvaluationContext.Capacity => _batch.Capacity;

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

    void IEvaluationContext.Decode(
        ReadOnlySpan<BatchRun> runs, ReadOnlySpan<int> tokens, ReadOnlySpan<float> embeddings, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _batch.Clear();
        foreach (BatchRun run in runs) _batch.Add(run.Sequence, run.Position, run.Count, run.WantLogits);
        long mark = NativeLog.Mark();
        int result;
        using (CancellationFlag.Scope watch = _cancel.Watch(cancellationToken))
            fixed (int* t = tokens)
            fixed (float* e = embeddings)
                result = _batch.Decode(_context, t, e);
        GC.KeepAlive(_cancel);
        switch (result)
        {
            case 0:
                return;
            case 1:
                throw new NativeRuntimeException(
                    $"The KV cache of {CacheLength} positions has no room for {_batch.Count} more; the sequences in it share them.");
            case 2:
                cancellationToken.ThrowIfCancellationRequested();
                throw new NativeRuntimeException("The evaluation was aborted.");
            default:
                throw new NativeRuntimeException($"The library refused {_batch.Count} rows ({result}). {NativeLog.Since(mark)}");
        }
    }
}
