using SK.FasterVlm.Native;

namespace SK.FasterVlm.Language;

// The state of the sequences: lengths, cutting back, sharing, logits.
public sealed unsafe partial class LlamaCppLanguageModel
{
    /// <inheritdoc/>
    public ReadOnlySpan<float> GetLogits(int sequence)
    {
        CheckSequence(sequence);
        float* logits = Llama.llama_get_logits_ith(_context, _evaluator.LogitsRow(sequence));
        if (logits is null) throw new NativeRuntimeException($"The library has no logits of sequence {sequence}. {NativeLog.Tail()}");
        return new ReadOnlySpan<float>(logits, Info.VocabularySize);
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

    void CheckSequence(int sequence)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _evaluator.CheckSequence(sequence);
    }
}
