namespace SK.FasterVlm.Language;

/// <summary>Rows of one sequence in a batch, at consecutive positions.</summary>
/// <param name="Sequence">Sequence id.</param>
/// <param name="Position">Position of the first row.</param>
/// <param name="Count">Rows, at least 1.</param>
/// <param name="WantLogits">Whether the last row's logits are needed.</param>
internal readonly record struct BatchRun(int Sequence, int Position, int Count, bool WantLogits);

/// <summary>What <see cref="SequenceEvaluator"/> needs of a context: one call of the library, and the lengths of sequences.</summary>
internal interface IEvaluationContext
{
    /// <summary>Rows of one call at most.</summary>
    int Capacity { get; }

    /// <summary>Whether the context is gone; nothing can be undone in it then.</summary>
    bool IsDisposed { get; }

    /// <summary>Evaluates rows in one call; what has been evaluated when it throws may stay.</summary>
    /// <param name="runs">In the order of the rows; at most <see cref="Capacity"/> rows together.</param>
    /// <param name="tokens">A token id per row, or empty.</param>
    /// <param name="embeddings">An embedding per row, or empty; exactly one of the two is given.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    void Decode(ReadOnlySpan<BatchRun> runs, ReadOnlySpan<int> tokens, ReadOnlySpan<float> embeddings, CancellationToken cancellationToken);

    /// <summary>Positions in use by a sequence.</summary>
    int SequenceLength(int sequence);

    /// <summary>Cuts a sequence back.</summary>
    void TrimSequence(int sequence, int length);
}

/// <summary>
/// The rules of <see cref="ILanguageModel"/>'s evaluation over any context of llama.cpp: checks, limits, splitting into batches, joining
/// text and images, and undoing what was cancelled. It also knows which rows have logits. For one caller at a time.
/// </summary>
internal sealed partial class SequenceEvaluator
{
    readonly IEvaluationContext _context;
    readonly LlamaTokenizer _tokenizer;
    readonly EmbeddingTable? _embeddings;
    readonly int _width, _contextLength;
    readonly int[] _logitsRows;

    /// <summary>Creates an evaluator.</summary>
    /// <param name="context">The context, with empty sequences.</param>
    /// <param name="tokenizer">Knows the ids that exist.</param>
    /// <param name="embeddings">The model's own table, for joining; null never joins.</param>
    /// <param name="width">Width of an embedding.</param>
    /// <param name="contextLength">Positions a sequence may use.</param>
    /// <param name="sequenceCount">Sequences of the context.</param>
    internal SequenceEvaluator(
        IEvaluationContext context, LlamaTokenizer tokenizer, EmbeddingTable? embeddings, int width, int contextLength, int sequenceCount)
    {
        (_context, _tokenizer, _embeddings) = (context, tokenizer, embeddings);
        (_width, _contextLength) = (width, contextLength);
        _logitsRows = new int[sequenceCount];
        Array.Fill(_logitsRows, -1);
    }

    /// <summary>Whether text and image rows can go in one batch.</summary>
    internal bool JoinsRows => _embeddings is not null;

    /// <summary>Rows of a lone prompt joined into one batch at most; see <see cref="Evaluate(int, IReadOnlyList{PromptRows}, CancellationToken)"/>.</summary>
    internal int JoinLimit { get; set; } = 256;

    /// <summary>Row of the last batch that has a sequence's logits.</summary>
    /// <exception cref="InvalidOperationException">The last evaluation had no rows of that sequence.</exception>
    internal int LogitsRow(int sequence)
    {
        CheckSequence(sequence);
        int row = _logitsRows[sequence];
        return row >= 0 ? row : throw new InvalidOperationException($"The last evaluation had no rows of sequence {sequence}.");
    }

    /// <summary>Refuses a sequence that does not exist.</summary>
    internal void CheckSequence(int sequence)
    {
        if ((uint)sequence >= (uint)_logitsRows.Length)
            throw new ArgumentOutOfRangeException(nameof(sequence), sequence, $"The context holds the sequences 0 to {_logitsRows.Length - 1}.");
    }

    /// <summary><see cref="ILanguageModel.Evaluate(int, IReadOnlyList{PromptRows}, CancellationToken)"/>.</summary>
    /// <remarks>
    /// Text and image rows together, up to <see cref="JoinLimit"/> of them, go in one batch, the text as embeddings from the model's
    /// own table: each batch reads all weights once, which costs as much as some eight rows. Measured on a 7B model, joining saves
    /// 0.5 s of 7 s at 69 rows and nothing at 616. Logits then differ from separate batches by rounding, as they do between any two
    /// ways of splitting a prompt. Models whose graph does more than look a row up are always fed tokens.
    /// </remarks>
    internal void Evaluate(int sequence, IReadOnlyList<PromptRows> rows, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(rows);
        CheckSequence(sequence);
        int total = CheckRows(rows);
        int start = Start(sequence, rows, total);
        cancellationToken.ThrowIfCancellationRequested();

        Array.Fill(_logitsRows, -1);
        bool done = false;
        try
        {
            bool join = _embeddings is not null && rows.Count > 1 && total <= Math.Min(JoinLimit, _context.Capacity)
                && rows.Any(static r => r.AreEmbeddings);
            if (join) DecodeEmbeddings([new SequenceRows(sequence, rows)], [new BatchRun(sequence, start, total, true)], total, cancellationToken);
            else EvaluateApart(sequence, start, rows, cancellationToken);
            done = true;
        }
        finally
        {
            // Cancelled or failed: whatever part was evaluated goes, so that the sequence is as it was.
            if (!done && !_context.IsDisposed) _context.TrimSequence(sequence, start);
        }
    }

    void EvaluateApart(int sequence, int position, IReadOnlyList<PromptRows> rows, CancellationToken cancellationToken)
    {
        for (int i = 0; i < rows.Count; i++)
        {
            PromptRows row = rows[i];
            for (int from = 0; from < row.Count; from += _context.Capacity)
            {
                int count = Math.Min(_context.Capacity, row.Count - from);
                bool last = i == rows.Count - 1 && from + count == row.Count;
                ReadOnlySpan<int> tokens = row.AreEmbeddings ? default : row.Tokens.Span.Slice(from, count);
                ReadOnlySpan<float> embeddings = row.AreEmbeddings ? row.Embeddings.Span.Slice(from * _width, count * _width) : default;
                _context.Decode([new BatchRun(sequence, position, count, last)], tokens, embeddings, cancellationToken);
                if (last) _logitsRows[sequence] = count - 1;
                position += count;
            }
        }
    }

    /// <summary>The position at which rows of a sequence begin.</summary>
    /// <exception cref="ContextLengthException">They do not fit.</exception>
    int Start(int sequence, IReadOnlyList<PromptRows> rows, int count)
    {
        int start = _context.SequenceLength(sequence);
        if (count <= _contextLength - start) return start;
        int visual = rows.Where(static r => r.AreEmbeddings).Sum(static r => r.Count);
        throw new ContextLengthException(checked(start + count), _contextLength, visual);
    }

    /// <summary>Writes rows as embeddings, tokens as the model's own table has them.</summary>
    /// <returns>Numbers written.</returns>
    int WriteEmbeddings(IReadOnlyList<PromptRows> rows, Span<float> target)
    {
        int at = 0;
        foreach (PromptRows row in rows)
        {
            Span<float> to = target.Slice(at, row.Count * _width);
            if (row.AreEmbeddings) row.Embeddings.Span[..to.Length].CopyTo(to);
            else _embeddings!.Read(row.Tokens.Span, to);
            at += to.Length;
        }
        return at;
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
        return total <= int.MaxValue / 2 ? (int)total : throw new ContextLengthException(int.MaxValue, _contextLength, 0);
    }

    void CheckRun(PromptRows row)
    {
        if (row.Count <= 0) throw new ArgumentException("A run of rows is empty.", nameof(row));
        if (row.AreEmbeddings)
        {
            long expected = (long)row.Count * _width;
            if (row.Embeddings.Length == expected) return;
            throw new ArgumentException($"{row.Count} rows of width {_width} are {expected} numbers, not {row.Embeddings.Length}.", nameof(row));
        }
        foreach (int token in row.Tokens.Span) _tokenizer.CheckToken(token);
    }
}
