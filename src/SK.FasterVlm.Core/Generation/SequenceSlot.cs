namespace SK.FasterVlm.Generation;

/// <summary>A sequence of the context and what it holds. Changed by its <see cref="SequencePool"/> alone.</summary>
sealed class SequenceSlot(int id)
{
    /// <summary>Sequence id in the language model.</summary>
    public int Id { get; } = id;

    /// <summary>What each position holds, see <see cref="RowKey"/>.</summary>
    public List<UInt128> Keys { get; } = [];

    /// <summary>The cache cell of each position; shared with other sequences where the prefix is.</summary>
    public List<int> Cells { get; } = [];

    /// <summary>Positions in use.</summary>
    public int Length => Keys.Count;

    /// <summary>Whether a request runs on it. What is not busy and not empty is kept for requests that begin alike.</summary>
    public bool Busy { get; set; }

    /// <summary>Positions promised to the request that runs on it, those in use included.</summary>
    public int Reserved { get; set; }

    /// <summary>Grows with every use.</summary>
    public long LastUsed { get; set; }
}
