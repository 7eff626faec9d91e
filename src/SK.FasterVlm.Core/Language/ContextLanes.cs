using SK.FasterVlm.Native;

namespace SK.FasterVlm.Language;

/// <summary>
/// Contexts over one model's weights that are evaluated side by side, each with its own part of the sequences: sequence s lives in lane
/// s mod n. A model of a few megabytes keeps one core busy at most (<see cref="HostMachine.Threads"/>), so lanes are what gives its
/// streams the others; and as every row of a pass is scored against all cells of its context, n lanes also score an n-th of them. Models
/// that are bound by reading their weights have one lane.
/// </summary>
/// <remarks>For one caller at a time, but for <see cref="Dispose"/>.</remarks>
internal sealed unsafe class ContextLanes : IDisposable
{
    readonly ContextLane[] _lanes;
    readonly int _width;
    readonly int[] _laneOfRow, _rowInLane;

    /// <summary>Takes contexts over.</summary>
    /// <param name="contexts">At least one, empty, each with room for its share of the sequences at their full length.</param>
    /// <param name="batchLength">Rows of one call at most.</param>
    /// <param name="width">Width of an embedding.</param>
    internal ContextLanes(IReadOnlyList<LlamaContextHandle> contexts, int batchLength, int width)
    {
        _lanes = [.. contexts.Select((context, i) => new ContextLane(context, batchLength, ownThread: i > 0))];
        (_width, _laneOfRow, _rowInLane) = (width, new int[batchLength], new int[batchLength]);
    }

    /// <summary>How many there are.</summary>
    internal int Count => _lanes.Length;

    /// <summary>Evaluates rows, those of different lanes at the same time.</summary>
    /// <returns>What <c>llama_decode</c> answers; of several lanes that failed, the first one's. A lane that did not fail has then kept its rows.</returns>
    internal int Decode(ReadOnlySpan<BatchRun> runs, ReadOnlySpan<int> tokens, ReadOnlySpan<float> embeddings)
    {
        foreach (ContextLane lane in _lanes) lane.Batch.Clear();
        int row = 0;
        foreach (BatchRun run in runs)
        {
            int number = run.Sequence % _lanes.Length;
            ContextLane lane = _lanes[number];
            int first = lane.Batch.Count;
            (_laneOfRow[row + run.Count - 1], _rowInLane[row + run.Count - 1]) =
                (number, lane.Batch.Add(run.Sequence / _lanes.Length, run.Position, run.Count, run.WantLogits));
            if (runs.Length > 1 && _lanes.Length > 1) lane.Take(first, tokens, embeddings, row, run.Count, _width);
            row += run.Count;
        }

        ContextLane[] busy = Array.FindAll(_lanes, static lane => lane.Batch.Count > 0);
        if (busy.Length > 1) return DecodeTogether(busy);
        fixed (int* t = tokens)
        fixed (float* e = embeddings)
            return busy[0].Batch.Decode(busy[0].Context, t, e);
    }

    /// <summary>Logits of a row of the last call that wanted them; empty when the library has none.</summary>
    internal ReadOnlySpan<float> Logits(int row, int vocabulary)
    {
        float* logits = Llama.llama_get_logits_ith(_lanes[_laneOfRow[row]].Context, _rowInLane[row]);
        return logits is null ? [] : new ReadOnlySpan<float>(logits, vocabulary);
    }

    /// <summary>The context of a sequence; of one that does not exist, any.</summary>
    internal LlamaContextHandle ContextOf(int sequence) => _lanes[(int)((uint)sequence % (uint)_lanes.Length)].Context;

    /// <summary>Highest position of a sequence; -1 when it is empty.</summary>
    internal int LastPosition(int sequence)
    {
        LlamaContextHandle context = Of(sequence, out int id);
        using var use = new HandleUse(context);
        return Llama.llama_memory_seq_pos_max(Llama.llama_get_memory(context), id);
    }

    /// <summary>Removes a sequence's positions from one on.</summary>
    internal bool RemoveFrom(int sequence, int position)
    {
        LlamaContextHandle context = Of(sequence, out int id);
        using var use = new HandleUse(context);
        return Llama.llama_memory_seq_rm(Llama.llama_get_memory(context), id, position, -1);
    }

    /// <summary>
    /// Gives an empty sequence the first positions of another. Within a lane cells are marked as shared; into another lane they are copied,
    /// bit by bit.
    /// </summary>
    /// <exception cref="NativeRuntimeException">The library could not copy; the target is empty.</exception>
    internal void Share(int source, int target, int length)
    {
        LlamaContextHandle from = Of(source, out int sourceId), to = Of(target, out int targetId);
        using var use = new HandleUse(from);
        if (from == to)
        {
            Llama.llama_memory_seq_cp(Llama.llama_get_memory(from), sourceId, targetId, 0, length);
            return;
        }
        using var useTarget = new HandleUse(to);
        byte[] state = new byte[(int)Llama.llama_state_seq_get_size(from, sourceId)];
        nuint written, read;
        fixed (byte* bytes = state)
        {
            written = Llama.llama_state_seq_get_data(from, bytes, (nuint)state.Length, sourceId);
            read = written == 0 ? 0 : Llama.llama_state_seq_set_data(to, bytes, written, targetId);
        }
        if (read != 0 && RemoveFrom(target, length)) return;
        RemoveFrom(target, 0);
        throw new NativeRuntimeException($"{length} positions could not be copied between two contexts. {NativeLog.Tail()}");
    }

    /// <summary>Closes the contexts; a call that runs ends first.</summary>
    public void Dispose()
    {
        foreach (ContextLane lane in _lanes) lane.Dispose();
    }

    static int DecodeTogether(ContextLane[] busy)
    {
        // The first on this thread. The others are waited for whatever happens: they read arrays of the next call.
        for (int i = 1; i < busy.Length; i++) busy[i].Begin();
        try
        {
            busy[0].Run();
        }
        finally
        {
            for (int i = 1; i < busy.Length; i++) busy[i].End();
        }
        foreach (ContextLane lane in busy) lane.Error?.Throw();
        return Array.Find(busy, static lane => lane.Result != 0)?.Result ?? 0;
    }

    LlamaContextHandle Of(int sequence, out int id)
    {
        id = sequence / _lanes.Length;
        return ContextOf(sequence);
    }
}
