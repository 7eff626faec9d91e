using System.Buffers;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Language;

public sealed unsafe partial class LlamaCppLanguageModel
{
    /// <inheritdoc/>
    /// <remarks>
    /// Text and image rows together, up to <see cref="JoinLimit"/> of them, go in one batch, the text as embeddings from the model's
    /// own table: each batch reads all weights once, which costs as much as some eight rows. Measured on a 7B model, joining saves
    /// 0.5 s of 7 s at 69 rows and nothing at 616. Logits then differ from separate batches by rounding, as they do between any two
    /// ways of splitting a prompt. Models whose graph does more than look a row up are always fed tokens.
    /// </remarks>
    public void Evaluate(int sequence, IReadOnlyList<PromptRows> rows, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(rows);
        CheckSequence(sequence);
        int total = CheckRows(rows);
        int start = SequenceLength(sequence);
        if (total > ContextLength - start)
        {
            int visual = rows.Where(static r => r.AreEmbeddings).Sum(static r => r.Count);
            throw new ContextLengthException(checked(start + total), ContextLength, visual);
        }
        cancellationToken.ThrowIfCancellationRequested();

        Array.Fill(_logitsRows, -1);
        bool done = false;
        using CancellationFlag.Scope watch = _cancel.Watch(cancellationToken);
        try
        {
            bool join = _embeddings is not null && rows.Count > 1 && total <= Math.Min(JoinLimit, _batch.Capacity)
                && rows.Any(static r => r.AreEmbeddings);
            if (join) EvaluateJoined(sequence, start, rows, total, cancellationToken);
            else EvaluateApart(sequence, start, rows, cancellationToken);
            done = true;
        }
        finally
        {
            // Cancelled or failed: whatever part was evaluated goes, so that the sequence is as it was.
            if (!done && !_disposed) TrimSequence(sequence, start);
            GC.KeepAlive(_cancel);
        }
    }

    void EvaluateApart(int sequence, int position, IReadOnlyList<PromptRows> rows, CancellationToken cancellationToken)
    {
        for (int i = 0; i < rows.Count; i++)
        {
            PromptRows row = rows[i];
            for (int from = 0; from < row.Count; from += _batch.Capacity)
            {
                int count = Math.Min(_batch.Capacity, row.Count - from);
                bool last = i == rows.Count - 1 && from + count == row.Count;
                ReadOnlySpan<int> tokens = row.AreEmbeddings ? default : row.Tokens.Span.Slice(from, count);
                ReadOnlySpan<float> embeddings = row.AreEmbeddings
                    ? row.Embeddings.Span.Slice(from * Info.EmbeddingWidth, count * Info.EmbeddingWidth)
                    : default;
                _batch.Clear();
                int end = _batch.Add(sequence, position, count, wantLogits: last);
                Decode(tokens, embeddings, cancellationToken);
                if (last) _logitsRows[sequence] = end;
                position += count;
            }
        }
    }

    void EvaluateJoined(int sequence, int position, IReadOnlyList<PromptRows> rows, int total, CancellationToken cancellationToken)
    {
        int width = Info.EmbeddingWidth;
        float[] joined = ArrayPool<float>.Shared.Rent(total * width);
        try
        {
            int at = 0;
            foreach (PromptRows row in rows)
            {
                Span<float> target = joined.AsSpan(at, row.Count * width);
                if (row.AreEmbeddings) row.Embeddings.Span[..target.Length].CopyTo(target);
                else _embeddings!.Read(row.Tokens.Span, target);
                at += target.Length;
            }
            _batch.Clear();
            int end = _batch.Add(sequence, position, total, wantLogits: true);
            Decode(default, joined.AsSpan(0, at), cancellationToken);
            _logitsRows[sequence] = end;
        }
        finally
        {
            ArrayPool<float>.Shared.Return(joined);
        }
    }

    void Decode(ReadOnlySpan<int> tokens, ReadOnlySpan<float> embeddings, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        long mark = NativeLog.Mark();
        int result;
        fixed (int* t = tokens)
        fixed (float* e = embeddings)
            result = _batch.Decode(_context, t, e);
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

    int CheckRows(IReadOnlyList<PromptRows> rows)
    {
        if (rows.Count == 0) throw new ArgumentException("There are no rows to evaluate.", nameof(rows));
        long total = 0;
        foreach (PromptRows row in rows)
        {
            CheckRun(row);
            total += row.Count;
        }
        return total <= int.MaxValue / 2 ? (int)total : throw new ContextLengthException(int.MaxValue, ContextLength, 0);
    }

    void CheckRun(PromptRows row)
    {
        if (row.Count <= 0) throw new ArgumentException("A run of rows is empty.", nameof(row));
        if (row.AreEmbeddings)
        {
            long expected = (long)row.Count * Info.EmbeddingWidth;
            if (row.Embeddings.Length == expected) return;
            throw new ArgumentException(
                $"{row.Count} rows of width {Info.EmbeddingWidth} are {expected} numbers, not {row.Embeddings.Length}.", nameof(row));
        }
        foreach (int token in row.Tokens.Span) _tokenizer.CheckToken(token);
    }
}
