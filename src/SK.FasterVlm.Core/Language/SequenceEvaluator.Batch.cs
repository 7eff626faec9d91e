using System.Buffers;

namespace SK.FasterVlm.Language;

// One pass over rows of several sequences.
internal sealed partial class SequenceEvaluator
{
    /// <summary><see cref="ILanguageModel.Evaluate(IReadOnlyList{SequenceRows}, CancellationToken)"/>.</summary>
    internal void Evaluate(IReadOnlyList<SequenceRows> batch, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(batch);
        int total = CheckBatch(batch);
        var runs = new BatchRun[batch.Count];
        for (int i = 0; i < runs.Length; i++)
        {
            (int sequence, PromptRows rows) = batch[i];
            int start = _context.SequenceLength(sequence);
            runs[i] = new BatchRun(sequence, start, rows.Count, true);
            if (rows.Count > _contextLength - start)
                throw new ContextLengthException(start + rows.Count, _contextLength, rows.AreEmbeddings ? rows.Count : 0);
        }
        cancellationToken.ThrowIfCancellationRequested();

        Array.Fill(_logitsRows, -1);
        bool done = false;
        try
        {
            EvaluateTogether(batch, runs, total, cancellationToken);
            done = true;
        }
        finally
        {
            if (!done && !_context.IsDisposed)
                foreach (BatchRun run in runs) _context.TrimSequence(run.Sequence, run.Position);
        }
    }

    void EvaluateTogether(IReadOnlyList<SequenceRows> batch, BatchRun[] runs, int total, CancellationToken cancellationToken)
    {
        bool embeddings = batch[0].Rows.AreEmbeddings;
        int width = embeddings ? _width : 0;
        int[] tokens = ArrayPool<int>.Shared.Rent(total);
        float[] rows = ArrayPool<float>.Shared.Rent(total * width);
        try
        {
            int at = 0;
            foreach ((_, PromptRows run) in batch)
            {
                if (embeddings) run.Embeddings.Span.CopyTo(rows.AsSpan(at * width));
                else run.Tokens.Span.CopyTo(tokens.AsSpan(at));
                at += run.Count;
            }
            if (embeddings) _context.Decode(runs, default, rows.AsSpan(0, total * width), cancellationToken);
            else _context.Decode(runs, tokens.AsSpan(0, total), default, cancellationToken);
        }
        finally
        {
            ArrayPool<int>.Shared.Return(tokens);
            ArrayPool<float>.Shared.Return(rows);
        }
        int end = 0;
        foreach (BatchRun run in runs) _logitsRows[run.Sequence] = (end += run.Count) - 1;
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
        return total <= _context.Capacity
            ? (int)total
            : throw new ArgumentException($"A batch takes {_context.Capacity} rows, not {total}.", nameof(batch));
    }
}
