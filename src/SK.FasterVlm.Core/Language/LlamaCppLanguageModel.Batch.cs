using System.Buffers;

namespace SK.FasterVlm.Language;

// One pass over rows of several sequences.
public sealed unsafe partial class LlamaCppLanguageModel
{
    /// <inheritdoc/>
    /// <remarks>
    /// A row's logits can differ in the last bits from those it gets alone: the library's matrix kernels add in another order when they
    /// are given more rows. See docs/serving.md.
    /// </remarks>
    public void Evaluate(IReadOnlyList<SequenceRows> batch, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        int total = CheckBatch(batch);
        Span<int> starts = stackalloc int[batch.Count];
        for (int i = 0; i < starts.Length; i++)
        {
            starts[i] = SequenceLength(batch[i].Sequence);
            if (batch[i].Rows.Count <= ContextLength - starts[i]) continue;
            int visual = batch[i].Rows.AreEmbeddings ? batch[i].Rows.Count : 0;
            throw new ContextLengthException(starts[i] + batch[i].Rows.Count, ContextLength, visual);
        }
        cancellationToken.ThrowIfCancellationRequested();

        Array.Fill(_logitsRows, -1);
        bool done = false;
        using CancellationFlag.Scope watch = _cancel.Watch(cancellationToken);
        try
        {
            EvaluateTogether(batch, starts, total, cancellationToken);
            done = true;
        }
        finally
        {
            if (!done && !_disposed) Undo(batch, starts);
            GC.KeepAlive(_cancel);
        }
    }

    void EvaluateTogether(IReadOnlyList<SequenceRows> batch, ReadOnlySpan<int> starts, int total, CancellationToken cancellationToken)
    {
        bool embeddings = batch[0].Rows.AreEmbeddings;
        int width = embeddings ? Info.EmbeddingWidth : 0;
        int[] tokens = ArrayPool<int>.Shared.Rent(total);
        float[] rows = ArrayPool<float>.Shared.Rent(total * width);
        int[] ends = ArrayPool<int>.Shared.Rent(batch.Count);
        try
        {
            _batch.Clear();
            for (int i = 0; i < batch.Count; i++)
            {
                (int sequence, PromptRows run) = batch[i];
                if (embeddings) run.Embeddings.Span.CopyTo(rows.AsSpan(_batch.Count * width));
                else run.Tokens.Span.CopyTo(tokens.AsSpan(_batch.Count));
                ends[i] = _batch.Add(sequence, starts[i], run.Count, wantLogits: true);
            }
            if (embeddings) Decode(default, rows.AsSpan(0, total * width), cancellationToken);
            else Decode(tokens.AsSpan(0, total), default, cancellationToken);
            for (int i = 0; i < batch.Count; i++) _logitsRows[batch[i].Sequence] = ends[i];
        }
        finally
        {
            ArrayPool<int>.Shared.Return(tokens);
            ArrayPool<float>.Shared.Return(rows);
            ArrayPool<int>.Shared.Return(ends);
        }
    }

    void Undo(IReadOnlyList<SequenceRows> batch, ReadOnlySpan<int> starts)
    {
        for (int i = 0; i < starts.Length; i++) TrimSequence(batch[i].Sequence, starts[i]);
    }

    int CheckBatch(IReadOnlyList<SequenceRows> batch)
    {
        if (batch.Count == 0) throw new ArgumentException("There are no rows to evaluate.", nameof(batch));
        long total = 0;
        var seen = new HashSet<int>();
        foreach ((int sequence, PromptRows rows) in batch)
        {
            CheckSequence(sequence);
            if (!seen.Add(sequence)) throw new ArgumentException($"Sequence {sequence} is in the batch twice.", nameof(batch));
            CheckRun(rows);
            if (rows.AreEmbeddings != batch[0].Rows.AreEmbeddings)
                throw new ArgumentException("A batch holds either tokens or embeddings, not both.", nameof(batch));
            total += rows.Count;
        }
        return total <= BatchLength
            ? (int)total
            : throw new ArgumentException($"A batch takes {BatchLength} rows, not {total}.", nameof(batch));
    }
}
