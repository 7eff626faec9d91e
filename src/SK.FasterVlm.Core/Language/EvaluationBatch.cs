using SK.FasterVlm.Native;

namespace SK.FasterVlm.Language;

/// <summary>
/// The arrays of a <see cref="llama_batch"/>, made once. Pinned by allocation, so that they need no release; whoever passes the batch
/// on keeps this object alive. Not thread-safe.
/// </summary>
internal sealed unsafe class EvaluationBatch
{
    readonly int[] _positions, _counts, _sequences;
    readonly nint[] _sequenceLists;
    readonly byte[] _wanted;

    /// <summary>Room for a number of rows.</summary>
    internal EvaluationBatch(int capacity)
    {
        Capacity = capacity;
        _positions = GC.AllocateArray<int>(capacity, pinned: true);
        _counts = GC.AllocateArray<int>(capacity, pinned: true);
        _sequences = GC.AllocateArray<int>(capacity, pinned: true);
        _sequenceLists = GC.AllocateArray<nint>(capacity, pinned: true);
        _wanted = GC.AllocateArray<byte>(capacity, pinned: true);
        Array.Fill(_counts, 1);
        fixed (int* sequences = _sequences)
            for (int i = 0; i < capacity; i++) _sequenceLists[i] = (nint)(sequences + i);
    }

    /// <summary>Most rows of one call.</summary>
    internal int Capacity { get; }

    /// <summary>Rows added since <see cref="Clear"/>.</summary>
    internal int Count { get; private set; }

    /// <summary>Begins another batch.</summary>
    internal void Clear() => Count = 0;

    /// <summary>Takes the row that was added last back.</summary>
    internal void DropLast() => Count--;

    /// <summary>Adds rows at consecutive positions of a sequence.</summary>
    /// <param name="sequence">Sequence id.</param>
    /// <param name="position">Position of the first row.</param>
    /// <param name="count">Rows, at least 1; with those before at most <see cref="Capacity"/>.</param>
    /// <param name="wantLogits">Whether the last row's logits are needed.</param>
    /// <returns>Number of the last row, by which its logits are asked for.</returns>
    internal int Add(int sequence, int position, int count, bool wantLogits)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Capacity - Count); // the library ends the process on more
        for (int i = 0; i < count; i++)
        {
            _positions[Count + i] = position + i;
            _sequences[Count + i] = sequence;
            _wanted[Count + i] = 0;
        }
        Count += count;
        if (wantLogits) _wanted[Count - 1] = 1;
        return Count - 1;
    }

    /// <summary>Evaluates the rows that were added.</summary>
    /// <param name="context">The context.</param>
    /// <param name="tokens">As many token ids, or null.</param>
    /// <param name="embeddings">As many embeddings, or null; exactly one of the two is given.</param>
    /// <returns>What <c>llama_decode</c> answers.</returns>
    internal int Decode(LlamaContextHandle context, int* tokens, float* embeddings)
    {
        // The library ends the process on either.
        if (Count == 0) throw new InvalidOperationException("The batch is empty.");
        if ((tokens is null) == (embeddings is null)) throw new ArgumentException("A batch holds either tokens or embeddings.");
        fixed (int* positions = _positions, counts = _counts)
        fixed (nint* sequences = _sequenceLists)
        fixed (byte* wanted = _wanted)
        {
            return Llama.llama_decode(context, new llama_batch
            {
                n_tokens = Count,
                token = tokens,
                embd = embeddings,
                pos = positions,
                n_seq_id = counts,
                seq_id = (int**)sequences,
                logits = wanted,
            });
        }
    }
}
