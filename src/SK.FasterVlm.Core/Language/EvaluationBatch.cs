using SK.FasterVlm.Native;

namespace SK.FasterVlm.Language;

/// <summary>
/// The arrays of a <see cref="llama_batch"/>, made once. Pinned by allocation, so that they need no release; whoever passes the batch
/// on keeps this object alive. Not thread-safe.
/// </summary>
internal sealed unsafe class EvaluationBatch
{
    readonly int[] _positions, _counts, _sequence;
    readonly nint[] _sequences;
    readonly byte[] _wanted;

    /// <summary>Room for a number of rows.</summary>
    internal EvaluationBatch(int capacity)
    {
        Capacity = capacity;
        _positions = GC.AllocateArray<int>(capacity, pinned: true);
        _counts = GC.AllocateArray<int>(capacity, pinned: true);
        _sequence = GC.AllocateArray<int>(1, pinned: true);
        _sequences = GC.AllocateArray<nint>(capacity, pinned: true);
        _wanted = GC.AllocateArray<byte>(capacity, pinned: true);
        Array.Fill(_counts, 1);
        fixed (int* sequence = _sequence) Array.Fill(_sequences, (nint)sequence);
    }

    /// <summary>Most rows of one call.</summary>
    internal int Capacity { get; }

    /// <summary>Evaluates rows at consecutive positions.</summary>
    /// <param name="context">The context.</param>
    /// <param name="tokens">Token ids, or null.</param>
    /// <param name="embeddings">Embeddings, or null; exactly one of the two is given.</param>
    /// <param name="count">Rows, 1 to <see cref="Capacity"/>.</param>
    /// <param name="sequence">Sequence id.</param>
    /// <param name="position">Position of the first row.</param>
    /// <param name="wantLogits">Whether the last row's logits are needed.</param>
    /// <returns>What <c>llama_decode</c> answers.</returns>
    internal int Decode(LlamaContextHandle context, int* tokens, float* embeddings, int count, int sequence, int position, bool wantLogits)
    {
        // The library ends the process on any of these.
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Capacity);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        if ((tokens is null) == (embeddings is null)) throw new ArgumentException("A batch holds either tokens or embeddings.");

        _sequence[0] = sequence;
        for (int i = 0; i < count; i++) _positions[i] = position + i;
        Array.Clear(_wanted, 0, count);
        _wanted[count - 1] = wantLogits ? (byte)1 : (byte)0;
        fixed (int* positions = _positions, counts = _counts)
        fixed (nint* sequences = _sequences)
        fixed (byte* wanted = _wanted)
        {
            return Llama.llama_decode(context, new llama_batch
            {
                n_tokens = count,
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
