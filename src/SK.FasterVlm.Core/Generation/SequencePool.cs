using System.Runtime.InteropServices;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Generation;

/// <summary>
/// The sequences of the context: who runs on which, what each holds, and how many positions of the KV cache are still free. Sequences
/// whose request has ended stay as prefix cache until their sequence or their positions are needed, the longest unused first.
/// Belongs to the thread that owns the context; only the counts may be read by others.
/// </summary>
sealed class SequencePool
{
    // Sharing less saves nothing that could be measured, and a lone begin-of-sequence token is no prefix.
    const int ShortestPrefix = 8;

    readonly ILanguageModel _language;
    readonly bool _keep;
    readonly SequenceSlot[] _slots;
    readonly CellLedger _cells = new();
    readonly int[] _busyOfLane;
    long _uses;

    /// <summary>Makes a pool over an empty context.</summary>
    /// <param name="language">Whose sequences.</param>
    /// <param name="keep">Whether what ended requests leave is kept for later ones.</param>
    public SequencePool(ILanguageModel language, bool keep)
    {
        (_language, _keep, _busyOfLane) = (language, keep, new int[language.LaneCount]);
        _slots = [.. Enumerable.Range(0, language.SequenceCount).Select(static id => new SequenceSlot(id))];
    }

    /// <summary>Positions all sequences share.</summary>
    public int Capacity => _language.CacheLength;

    /// <summary>Positions that hold something, kept prefixes included.</summary>
    public int Used => _cells.Used;

    /// <summary>Sequences with a request.</summary>
    public int BusyCount => _slots.Count(static s => s.Busy);

    /// <summary>Positions only kept for later requests.</summary>
    public int KeptLength => Used - _cells.CountDistinct(_slots.Where(static s => s.Busy).SelectMany(static s => s.Cells));

    // What running requests were promised and have not used yet.
    int Outstanding => _slots.Sum(static s => s.Busy ? s.Reserved - s.Length : 0);

    int Free => Capacity - Used - Outstanding;

    /// <summary>Finds a sequence for a prompt, beginning with the longest prefix of it that any sequence holds.</summary>
    /// <param name="keys">The prompt's rows.</param>
    /// <param name="reserve">Positions the request may need at most, prompt included.</param>
    /// <returns>The sequence, holding as many of the first rows as were found but never all; null when the request has to wait.</returns>
    public SequenceSlot? TryAcquire(ReadOnlySpan<UInt128> keys, int reserve)
    {
        // The last row is always evaluated: the first token is drawn from its logits.
        (SequenceSlot? source, int match) = _keep ? LongestPrefix(keys[..^1]) : (null, 0);
        if (Free < reserve && !Fits(source, match, reserve)) return null;

        bool extends = source is { Busy: false } && source.Length == match;
        SequenceSlot? target = extends ? source
            : Best(source, static s => s.Length == 0) ?? Best(source, static s => s.Length > 0) ?? (source is { Busy: false } ? source : null);
        if (target is null) return null;
        if (target == source) Trim(target, match);
        else Share(source, target, match);

        (target.Busy, target.Reserved, target.LastUsed) = (true, reserve, ++_uses);
        if (source is not null) source.LastUsed = _uses;
        while (Free < 0 && Oldest() is { } victim) Trim(victim, 0);
        return target;
    }

    /// <summary>
    /// Whether a sequence that is being filled with a prompt will hold a longer prefix of another one than it does now, so that the other
    /// one had better wait.
    /// </summary>
    public bool WillShare(SequenceSlot slot, ReadOnlySpan<UInt128> prompt, ReadOnlySpan<UInt128> other) =>
        _keep && prompt.CommonPrefixLength(other[..^1]) is var common && common >= ShortestPrefix && common > slot.Length;

    /// <summary>Notes rows that were evaluated.</summary>
    public void Append(SequenceSlot slot, ReadOnlySpan<UInt128> keys)
    {
        foreach (UInt128 key in keys)
        {
            slot.Keys.Add(key);
            slot.Cells.Add(_cells.Take());
        }
    }

    /// <summary>Ends a request's use of a sequence.</summary>
    /// <param name="slot">The sequence.</param>
    /// <param name="sound">False when an evaluation failed: its rows are not trusted then.</param>
    public void Release(SequenceSlot slot, bool sound)
    {
        // Should cutting it back fail, it stays busy: nobody may run on a sequence whose state is not known.
        slot.Reserved = slot.Length;
        if (!_keep || !sound) Trim(slot, 0);
        (slot.Busy, slot.Reserved, slot.LastUsed) = (false, 0, ++_uses);
    }

    (SequenceSlot? Slot, int Length) LongestPrefix(ReadOnlySpan<UInt128> keys)
    {
        SequenceSlot? best = null;
        int length = ShortestPrefix - 1;
        foreach (SequenceSlot slot in _slots)
        {
            int common = keys.CommonPrefixLength(CollectionsMarshal.AsSpan(slot.Keys));
            // Of equal ones the one that can simply be gone on with.
            if (common > length || common == length && best is not null && !slot.Busy && slot.Length == common) (best, length) = (slot, common);
        }
        return best is null ? (null, 0) : (best, length);
    }

    /// <summary>Whether a request fits once everything that is only kept is gone, but for the prefix it wants.</summary>
    bool Fits(SequenceSlot? source, int match, int reserve)
    {
        IEnumerable<int> needed = _slots.Where(static s => s.Busy).SelectMany(static s => s.Cells);
        if (source is not null) needed = needed.Concat(source.Cells.Take(match));
        return _cells.CountDistinct(needed) + Outstanding + reserve - match <= Capacity;
    }

    /// <summary>
    /// Of the sequences nobody runs on, but for the source, one of the lane with the fewest running requests; of equal lanes the source's,
    /// where sharing copies nothing; there the longest unused.
    /// </summary>
    SequenceSlot? Best(SequenceSlot? source, Func<SequenceSlot, bool> among)
    {
        Array.Clear(_busyOfLane);
        foreach (SequenceSlot slot in _slots)
            if (slot.Busy) _busyOfLane[LaneOf(slot)]++;
        return _slots.Where(s => !s.Busy && s != source && among(s))
            .MinBy(s => (_busyOfLane[LaneOf(s)], source is not null && LaneOf(s) != LaneOf(source), s.LastUsed));
    }

    int LaneOf(SequenceSlot slot) => slot.Id % _busyOfLane.Length;

    SequenceSlot? Oldest() => _slots.Where(static s => !s.Busy && s.Length > 0).MinBy(static s => s.LastUsed);

    void Trim(SequenceSlot slot, int length)
    {
        if (slot.Length == length) return;
        _language.TrimSequence(slot.Id, length);
        for (int i = length; i < slot.Length; i++) _cells.Release(slot.Cells[i]);
        slot.Keys.RemoveRange(length, slot.Keys.Count - length);
        slot.Cells.RemoveRange(length, slot.Cells.Count - length);
    }

    void Share(SequenceSlot? source, SequenceSlot target, int length)
    {
        Trim(target, 0);
        if (source is null || length == 0) return;
        _language.CopySequence(source.Id, target.Id, length);
        for (int i = 0; i < length; i++)
        {
            target.Keys.Add(source.Keys[i]);
            target.Cells.Add(source.Cells[i]);
            _cells.Share(source.Cells[i]);
        }
    }
}
