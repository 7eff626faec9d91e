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
    readonly ContextLane[] _lanes, _busy;
    readonly LaneWorkers _workers;
    readonly int _width, _spare;
    readonly int[] _laneOfRow, _rowInLane;

    /// <summary>Takes contexts over.</summary>
    /// <param name="contexts">
    /// At least one, empty, each with room for its share of the sequences at their full length; of several, each with one sequence more.
    /// </param>
    /// <param name="spare">Id of that one.</param>
    /// <param name="atOnce">How many of them shall run at once, at least 1.</param>
    /// <param name="batchLength">Rows of one call at most.</param>
    /// <param name="width">Width of an embedding.</param>
    internal ContextLanes(IReadOnlyList<LlamaContextHandle> contexts, int spare, int atOnce, int batchLength, int width)
    {
        _lanes = [.. contexts.Select(context => new ContextLane(context, batchLength))];
        _busy = new ContextLane[_lanes.Length];
        _workers = new LaneWorkers(Math.Min(atOnce, _lanes.Length) - 1, i => _busy[i].Run());
        (_width, _spare, _laneOfRow, _rowInLane) = (width, spare, new int[batchLength], new int[batchLength]);
    }

    /// <summary>How many there are.</summary>
    internal int Count => _lanes.Length;

    /// <summary>
    /// Rows the library's kernels take at once, where one left over costs nearly as much as all of them; 1 (the default) where not. With one
    /// lane, a pass that lacks one row is filled up.
    /// </summary>
    internal int RowsOfAKernel { get; init; } = 1;

    /// <summary>Evaluates rows, those of different lanes at the same time.</summary>
    /// <returns>What <c>llama_decode</c> answers; of several lanes that failed, the first one's. A lane that did not fail has then kept its rows.</returns>
    internal int Decode(ReadOnlySpan<BatchRun> runs, ReadOnlySpan<int> tokens, ReadOnlySpan<float> embeddings)
    {
        foreach (ContextLane lane in _lanes) lane.Batch.Clear();
        int row = 0;
        foreach (BatchRun run in runs)
        {
            row += run.Count;
            int number = run.Sequence % _lanes.Length;
            (_laneOfRow[row - 1], _rowInLane[row - 1]) =
                (number, _lanes[number].Batch.Add(run.Sequence / _lanes.Length, run.Position, run.Count, run.WantLogits));
        }
        ContextLane first = _lanes[_laneOfRow[row - 1]];
        if (first.Batch.Count == row)
        {
            if (RowsOfAKernel > 1 && row % RowsOfAKernel == RowsOfAKernel - 1 && row < first.Batch.Capacity)
                return DecodeFilledUp(first, runs[^1], tokens, embeddings, row);
            fixed (int* t = tokens)
            fixed (float* e = embeddings)
                return first.Batch.Decode(first.Context, t, e);
        }

        row = 0;
        foreach (BatchRun run in runs)
        {
            row += run.Count;
            _lanes[_laneOfRow[row - 1]].Take(_rowInLane[row - 1] + 1 - run.Count, tokens, embeddings, row - run.Count, run.Count, _width);
        }
        return DecodeTogether();
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
        llama_memory* memory = Llama.llama_get_memory(from);
        if (from == to)
        {
            Llama.llama_memory_seq_cp(memory, sourceId, targetId, 0, length);
            return;
        }
        using var useTarget = new HandleUse(to);
        // The library copies whole sequences, each cell in many small parts: what is not wanted costs as much as what is.
        Llama.llama_memory_seq_cp(memory, sourceId, _spare, 0, length);
        bool copied = Copy(from, to, targetId);
        Llama.llama_memory_seq_rm(memory, _spare, -1, -1);
        if (copied && LastPosition(target) == length - 1) return;
        RemoveFrom(target, 0);
        throw new NativeRuntimeException($"{length} positions could not be copied between two contexts. {NativeLog.Tail()}");
    }

    bool Copy(LlamaContextHandle from, LlamaContextHandle to, int targetId)
    {
        byte[] state = new byte[(int)Llama.llama_state_seq_get_size(from, _spare)];
        fixed (byte* bytes = state)
        {
            nuint written = Llama.llama_state_seq_get_data(from, bytes, (nuint)state.Length, _spare);
            return written != 0 && Llama.llama_state_seq_set_data(to, bytes, written, targetId) != 0;
        }
    }

    /// <summary>Closes the contexts; a call that runs ends first.</summary>
    public void Dispose()
    {
        _workers.Dispose();
        foreach (ContextLane lane in _lanes) lane.Dispose();
    }

    /// <summary>
    /// Evaluates rows with one more: the last one again, behind it in its sequence, where no row sees it, and removed at once.
    /// </summary>
    int DecodeFilledUp(ContextLane lane, BatchRun last, ReadOnlySpan<int> tokens, ReadOnlySpan<float> embeddings, int rows)
    {
        lane.Take(0, tokens, embeddings, 0, rows, _width);
        lane.Take(rows, tokens, embeddings, rows - 1, 1, _width);
        int end = last.Position + last.Count;
        lane.Batch.Add(last.Sequence / _lanes.Length, end, 1, wantLogits: false);
        lane.Run();
        lane.Error?.Throw();
        if (lane.Status == 0 && !RemoveFrom(last.Sequence, end))
            throw new NativeRuntimeException($"Sequence {last.Sequence} could not be cut back to {end} positions. {NativeLog.Tail()}");
        const int NoRoom = 1;
        if (lane.Status != NoRoom) return lane.Status;
        lane.Batch.DropLast();
        lane.Run();
        lane.Error?.Throw();
        return lane.Status;
    }

    int DecodeTogether()
    {
        int count = 0;
        foreach (ContextLane lane in _lanes)
            if (lane.Batch.Count > 0) _busy[count++] = lane;
        _busy.AsSpan(0, count).Sort(static (a, b) => a.Batch.Count - b.Batch.Count); // the last is begun first
        _workers.Run(count);
        int result = 0;
        foreach (ContextLane lane in _busy.AsSpan(0, count))
        {
            lane.Error?.Throw();
            if (result == 0) result = lane.Status;
        }
        return result;
    }

    LlamaContextHandle Of(int sequence, out int id)
    {
        id = sequence / _lanes.Length;
        return ContextOf(sequence);
    }
}
