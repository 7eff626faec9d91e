using System.Buffers;

namespace SK.FasterVlm.Language;

// One pass over rows of several sequences.
internal sealed partial class SequenceEvaluator
{
    /// <summary><see cref="ILanguageModel.Evaluate(IReadOnlyList{SequenceRows}, CancellationToken)"/>.</summary>
    internal void Evaluate(IReadOnlyList<SequenceRows> batch, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(batch);
        (int total, bool embeddings) = CheckBatch(batch);
        var runs = new BatchRun[batch.Count];
        for (int i = 0; i < runs.Length; i++)
        {
            (int sequence, IReadOnlyList<PromptRows> rows) = batch[i];
            int count = rows.Sum(static r => r.Count);
            runs[i] = new BatchRun(sequence, Start(sequence, rows, count), count, true);
        }
        cancellationToken.ThrowIfCancellationRequested();

        Array.Fill(_logitsRows, -1);
        bool done = false;
        try
        {
            if (embeddings) DecodeEmbeddings(batch, runs, total, cancellationToken);
            else DecodeTokens(batch, runs, total, cancellationToken);
            done = true;
        }
        finally
        {
            if (!done && !_context.IsDisposed)
                foreach (BatchRun run in runs) _context.TrimSequence(run.Sequence, run.Position);
        }
    }

    void DecodeTokens(IReadOnlyList<SequenceRows> batch, BatchRun[] runs, int total, CancellationToken cancellationToken)
    {
        int[] tokens = ArrayPool<int>.Shared.Rent(total);
        try
        {
            int at = 0;
            foreach ((_, IReadOnlyList<PromptRows> rows) in batch)
            {
                foreach (PromptRows run in rows)
                {
                    run.Tokens.Span.CopyTo(tokens.AsSpan(at));
                    at += run.Count;
                }
            }
            _context.Decode(runs, tokens.AsSpan(0, total), default, cancellationToken);
            NoteLogits(runs);
        }
        finally
        {
            ArrayPool<int>.Shared.Return(tokens);
        }
    }

    void DecodeEmbeddings(IReadOnlyList<SequenceRows> batch, BatchRun[] runs, int total, CancellationToken cancellationToken)
    {
        float[] values = ArrayPool<float>.Shared.Rent(total * _width);
        try
        {
            int at = 0;
            foreach ((_, IReadOnlyList<PromptRows> rows) in batch) at += WriteEmbeddings(rows, values.AsSpan(at));
            _context.Decode(runs, default, values.AsSpan(0, at), cancellationToken);
            NoteLogits(runs);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(values);
        }
    }

    /// <returns>The number of rows, and whether there are embeddings among them.</returns>
    (int Total, bool Embeddings) CheckBatch(IReadOnlyList<SequenceRows> batch)
    {
        if (batch.Count == 0) throw new ArgumentException("There are no rows to evaluate.", nameof(batch));
        long total = 0;
        bool tokens = false, embeddings = false;
        var seen = new HashSet<int>();
        foreach ((int sequence, IReadOnlyList<PromptRows> rows) in batch)
        {
            CheckSequence(sequence);
            if (!seen.Add(sequence)) throw new ArgumentException($"Sequence {sequence} is in the batch twice.", nameof(batch));
            total += CheckRows(rows);
            foreach (PromptRows run in rows)
            {
                tokens |= !run.AreEmbeddings;
                embeddings |= run.AreEmbeddings;
            }
        }
        if (tokens && embeddings && !JoinsRows)
            throw new ArgumentException("A batch of this model holds either tokens or embeddings, not both.", nameof(batch));
        return total <= _context.Capacity
            ? ((int)total, embeddings)
            : throw new ArgumentException($"A batch takes {_context.Capacity} rows, not {total}.", nameof(batch));
    }

    void NoteLogits(BatchRun[] runs)
    {
        int end = 0;
        foreach (BatchRun run in runs) _logitsRows[run.Sequence] = (end += run.Count) - 1;
    }
}
