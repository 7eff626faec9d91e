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

        _hasLogits = false;
        bool done = false;
        using CancellationFlag.Scope watch = _cancel.Watch(cancellationToken);
        try
        {
            bool join = _embeddings is not null && rows.Count > 1 && total <= Math.Min(JoinLimit, _batch.Capacity)
                && rows.Any(static r => r.AreEmbeddings);
            if (join) EvaluateJoined(sequence, start, rows, total, cancellationToken);
            else EvaluateApart(sequence, start, rows, cancellationToken);
            done = _hasLogits = true;
        }
        finally
        {
            // Cancelled or failed: whatever part was evaluated goes, so that the sequence is as it was.
            if (!done && !_disposed) TrimSequence(sequence, start);
            GC.KeepAlive(_cancel);
        }
    }

    /// <inheritdoc/>
    public int SequenceLength(int sequence)
    {
        CheckSequence(sequence);
        using var use = new HandleUse(_context);
        return Llama.llama_memory_seq_pos_max(Llama.llama_get_memory(_context), sequence) + 1;
    }

    /// <inheritdoc/>
    public void TrimSequence(int sequence, int length)
    {
        CheckSequence(sequence);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        using var use = new HandleUse(_context);
        if (!Llama.llama_memory_seq_rm(Llama.llama_get_memory(_context), sequence, length, -1))
            throw new NativeRuntimeException($"Sequence {sequence} could not be cut back to {length} positions. {NativeLog.Tail()}");
    }

    /// <inheritdoc/>
    public void CopySequence(int source, int target, int length)
    {
        CheckSequence(source);
        CheckSequence(target);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, SequenceLength(source));
        if (source == target)
        {
            TrimSequence(target, length);
            return;
        }
        TrimSequence(target, 0);
        if (length == 0) return;
        // The cache is unified over sequences, so this marks cells as shared and copies nothing.
        using var use = new HandleUse(_context);
        Llama.llama_memory_seq_cp(Llama.llama_get_memory(_context), source, target, 0, length);
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
                Decode(sequence, position, tokens, embeddings, count, last, cancellationToken);
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
            Decode(sequence, position, default, joined.AsSpan(0, at), total, true, cancellationToken);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(joined);
        }
    }

    void Decode(
        int sequence, int position, ReadOnlySpan<int> tokens, ReadOnlySpan<float> embeddings, int count, bool last,
        CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        long mark = NativeLog.Mark();
        int result;
        fixed (int* t = tokens)
        fixed (float* e = embeddings)
            result = _batch.Decode(_context, t, e, count, sequence, position, last);
        switch (result)
        {
            case 0:
                return;
            case 1:
                // The checks before should make this impossible on one sequence; others share the cells.
                throw new NativeRuntimeException($"The KV cache has no room for {count} more positions of sequence {sequence}.");
            case 2:
                cancellationToken.ThrowIfCancellationRequested();
                throw new NativeRuntimeException("The evaluation was aborted.");
            default:
                throw new NativeRuntimeException(
                    $"The library refused {count} rows at position {position} ({result}). {NativeLog.Since(mark)}");
        }
    }

    int CheckRows(IReadOnlyList<PromptRows> rows)
    {
        if (rows.Count == 0) throw new ArgumentException("There are no rows to evaluate.", nameof(rows));
        long total = 0;
        foreach (PromptRows row in rows)
        {
            if (row.Count <= 0) throw new ArgumentException("A run of rows is empty.", nameof(rows));
            total += row.Count;
            if (row.AreEmbeddings)
            {
                long expected = (long)row.Count * Info.EmbeddingWidth;
                if (row.Embeddings.Length == expected) continue;
                throw new ArgumentException(
                    $"{row.Count} rows of width {Info.EmbeddingWidth} are {expected} numbers, not {row.Embeddings.Length}.", nameof(rows));
            }
            foreach (int token in row.Tokens.Span) _tokenizer.CheckToken(token);
        }
        return total <= int.MaxValue / 2 ? (int)total : throw new ContextLengthException(int.MaxValue, ContextLength, 0);
    }

    void CheckSequence(int sequence)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if ((uint)sequence >= (uint)SequenceCount)
            throw new ArgumentOutOfRangeException(nameof(sequence), sequence, $"The context holds the sequences 0 to {SequenceCount - 1}.");
    }
}
