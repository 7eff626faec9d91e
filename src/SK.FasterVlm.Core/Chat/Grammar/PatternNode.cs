namespace SK.FasterVlm.Chat.Grammar;

/// <summary>A parsed pattern.</summary>
abstract record PatternNode
{
    /// <summary>One character.</summary>
    public sealed record Character(CharacterSet Set) : PatternNode;

    /// <summary>One after the other; none is the empty text.</summary>
    public sealed record Sequence(IReadOnlyList<PatternNode> Items) : PatternNode;

    /// <summary>One of several.</summary>
    public sealed record Choice(IReadOnlyList<PatternNode> Items) : PatternNode;

    /// <summary>Several times; no <paramref name="High"/> for any number.</summary>
    public sealed record Repeat(PatternNode Item, int Low, int? High) : PatternNode;

    /// <summary>Fewest and most characters a match has.</summary>
    /// <param name="cap">What stands for "any number", above the fewest.</param>
    public (long Low, long High) Length(int cap)
    {
        switch (this)
        {
            case Sequence sequence:
                return (sequence.Items.Sum(i => i.Length(cap).Low), sequence.Items.Sum(i => i.Length(cap).High));
            case Choice choice:
                return (choice.Items.Min(i => i.Length(cap).Low), choice.Items.Max(i => i.Length(cap).High));
            case Repeat repeat:
                (long low, long high) = repeat.Item.Length(cap);
                return (Math.Min(low * repeat.Low, int.MaxValue), Math.Min(high * (repeat.High ?? (repeat.Low + cap)), int.MaxValue));
            default:
                return (1, 1);
        }
    }
}

/// <summary>Writes patterns as what stands between the quotes of a JSON string.</summary>
sealed class PatternWriter(GrammarRules rules)
{
    const int MostRepetitions = 1990;

    int _cap;

    /// <summary>Writes a pattern within lengths.</summary>
    /// <param name="node">The pattern.</param>
    /// <param name="least">Fewest characters.</param>
    /// <param name="most">Most characters.</param>
    /// <param name="cap">What stands for "any number" of repetitions, at most.</param>
    /// <returns>GBNF; null when the lengths cannot be kept.</returns>
    public string? Write(PatternNode node, int least, int most, int cap)
    {
        // One repeated character: its count is the length.
        if (node is PatternNode.Repeat { Item: PatternNode.Character } run)
        {
            int low = Math.Max(run.Low, least), high = Math.Min(run.High ?? Math.Max(low, cap), most);
            if (low > high || low > MostRepetitions) return null;
            return Body(new PatternNode.Repeat(run.Item, low, Math.Min(high, MostRepetitions)));
        }
        for (_cap = cap; ; _cap /= 2)
        {
            (long low, long high) = node.Length(_cap);
            if (low >= least && high <= most) return Body(node);
            if (_cap == 0 || low > most) return null;
        }
    }

    string? Body(PatternNode node)
    {
        switch (node)
        {
            case PatternNode.Character character:
                return character.Set.InJsonString();
            case PatternNode.Sequence { Items.Count: 0 }:
                return "\"\"";
            case PatternNode.Sequence sequence:
                return Join(sequence.Items, " ");
            case PatternNode.Choice choice:
                return Join(choice.Items, " | ") is { } choices ? rules.Add(choices) : null;
            case PatternNode.Repeat repeat:
                int high = repeat.High ?? repeat.Low + _cap;
                if (repeat.Low > MostRepetitions || Body(repeat.Item) is not { } item) return null;
                return high == 0 ? "\"\"" : rules.Add(item) + GrammarRules.Times(repeat.Low, Math.Min(high, MostRepetitions));
            default:
                return null;
        }
    }

    string? Join(IReadOnlyList<PatternNode> items, string separator)
    {
        List<string> parts = [];
        foreach (PatternNode item in items)
        {
            if (Body(item) is not { } part) return null;
            parts.Add(part);
        }
        return string.Join(separator, parts);
    }
}
