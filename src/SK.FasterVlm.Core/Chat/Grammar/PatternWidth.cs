namespace SK.FasterVlm.Chat.Grammar;

/// <summary>
/// How many ways through a pattern are open at once for the worst text. The library's matcher keeps every one of them and compares each
/// new one with all, in native code that cannot be cancelled, so an ambiguous pattern of a few characters could stop a server. The
/// places in the pattern, each repetition a place of its own, are the states of its position automaton (Glushkov 1961); sets of them
/// are followed as in the construction of a deterministic automaton, within a bound.
/// </summary>
sealed class PatternWidth
{
    /// <summary>Most ways open at once.</summary>
    public const int Most = 256;

    const int MostPlaces = 20_000;
    const long MostSteps = 100_000;

    readonly SchemaWork _work;
    readonly List<CharacterSet> _sets = [];
    readonly List<int[]> _next = [];
    long _steps;
    bool _isWide;

    PatternWidth(SchemaWork work) => _work = work;

    /// <summary>Whether never more than <see cref="Most"/> ways are open.</summary>
    /// <param name="node">A pattern whose repetitions are bounded and not of what may be empty.</param>
    /// <param name="work">Pays for the search.</param>
    /// <returns>False also where that cannot be told within the bounds of the search.</returns>
    public static bool IsNarrow(PatternNode node, SchemaWork work)
    {
        if (Places(node) <= Most) return true;
        PatternWidth search = new(work);
        int[] first = search.Place(node, []);
        return !search._isWide && search.Follow(first);
    }

    static long Places(PatternNode node) => node switch
    {
        PatternNode.Sequence sequence => Math.Min(int.MaxValue, sequence.Items.Sum(Places)),
        PatternNode.Choice choice => Math.Min(int.MaxValue, choice.Items.Sum(Places)),
        PatternNode.Repeat repeat => Math.Min(int.MaxValue, Places(repeat.Item) * repeat.High!.Value),
        _ => 1,
    };

    /// <summary>Gives a node its places, with what comes after them.</summary>
    /// <returns>What may come first, including <paramref name="next"/> where the node may be empty.</returns>
    int[] Place(PatternNode node, int[] next)
    {
        if (_isWide) return [];
        switch (node)
        {
            case PatternNode.Character character:
                if (_sets.Count == MostPlaces) return Wide();
                _sets.Add(character.Set);
                _next.Add(next);
                return [_sets.Count - 1];
            case PatternNode.Sequence sequence:
                for (int i = sequence.Items.Count - 1; i >= 0; i--) next = Place(sequence.Items[i], next);
                return next;
            case PatternNode.Choice choice:
                return Union([.. choice.Items.Select(i => Place(i, next))]);
            case PatternNode.Repeat { High: { } high } repeat:
                int[] first = next;
                for (int copy = high; copy > 0 && !_isWide; copy--)
                    first = Place(repeat.Item, copy == high ? next : copy >= repeat.Low ? Union(first, next) : first);
                return repeat.Low == 0 ? Union(first, next) : first;
            default:
                return Wide();
        }
    }

    int[] Union(params ReadOnlySpan<int[]> lists)
    {
        if (_isWide) return [];
        SortedSet<int> all = [];
        foreach (int[] list in lists) all.UnionWith(list);
        if (!Pays(all.Count)) return Wide();
        return all.Count <= Most ? [.. all] : Wide();
    }

    int[] Wide()
    {
        _isWide = true;
        return [];
    }

    bool Follow(int[] first)
    {
        HashSet<int[]> seen = new(new Equal()) { first };
        Stack<int[]> todo = new([first]);
        while (todo.TryPop(out int[]? open))
        {
            if (open.Length > Most) return false;
            // Between two neighbouring ends of ranges all characters do the same.
            int[] cuts = [.. open.SelectMany(p => _sets[p].Ranges).SelectMany(static r => (int[])[r.Low, r.High + 1]).Distinct().Order()];
            if (!Pays(open.Length + ((long)cuts.Length * open.Length / 4))) return false;
            foreach (int c in cuts)
            {
                SortedSet<int> after = [];
                foreach (int place in open)
                    if (_sets[place].Contains(c)) after.UnionWith(_next[place]);
                if (after.Count == 0) continue;
                int[] reached = [.. after];
                if (!Pays(reached.Length / 4)) return false;
                if (seen.Add(reached)) todo.Push(reached);
            }
        }
        return true;
    }

    bool Pays(long steps)
    {
        _work.Spend(steps);
        return (_steps += steps) <= MostSteps;
    }

    sealed class Equal : IEqualityComparer<int[]>
    {
        public bool Equals(int[]? x, int[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(int[] places)
        {
            HashCode hash = default;
            foreach (int place in places) hash.Add(place);
            return hash.ToHashCode();
        }
    }
}
