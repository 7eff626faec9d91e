namespace SK.FasterVlm.Generation;

/// <summary>
/// Counts the cells of the KV cache that are in use. A position that several sequences share is one cell, and free only when the last
/// of them lets go, as in llama.cpp's unified cache.
/// </summary>
sealed class CellLedger
{
    readonly List<int> _references = [];
    readonly Stack<int> _free = new();

    /// <summary>Cells in use.</summary>
    public int Used => _references.Count - _free.Count;

    /// <summary>Takes a cell for one sequence.</summary>
    public int Take()
    {
        if (_free.TryPop(out int cell))
        {
            _references[cell] = 1;
            return cell;
        }
        _references.Add(1);
        return _references.Count - 1;
    }

    /// <summary>Adds a sequence to the users of a cell.</summary>
    public void Share(int cell) => _references[cell]++;

    /// <summary>Takes a sequence from the users of a cell.</summary>
    public void Release(int cell)
    {
        if (--_references[cell] == 0) _free.Push(cell);
    }

    /// <summary>Number of different cells among those given.</summary>
    public int CountDistinct(IEnumerable<int> cells)
    {
        bool[] seen = new bool[_references.Count];
        int count = 0;
        foreach (int cell in cells)
        {
            if (seen[cell]) continue;
            seen[cell] = true;
            count++;
        }
        return count;
    }
}
