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

    /// <summary>The empty text.</summary>
    public static PatternNode Empty { get; } = new Sequence([]);

    /// <summary>Whether the empty text matches.</summary>
    public bool IsNullable => this switch
    {
        Sequence sequence => sequence.Items.All(static i => i.IsNullable),
        Choice choice => choice.Items.Any(static i => i.IsNullable),
        Repeat repeat => repeat.Low == 0 || repeat.Item.IsNullable,
        _ => false,
    };

    /// <summary>Fewest and most characters a match has.</summary>
    public (long Low, long High) Length()
    {
        switch (this)
        {
            case Sequence sequence:
                return (sequence.Items.Sum(static i => i.Length().Low), sequence.Items.Sum(static i => i.Length().High));
            case Choice choice:
                return (choice.Items.Min(static i => i.Length().Low), choice.Items.Max(static i => i.Length().High));
            case Repeat repeat:
                (long low, long high) = repeat.Item.Length();
                return (Math.Min(low * repeat.Low, int.MaxValue), Math.Min(high * (repeat.High ?? int.MaxValue), int.MaxValue));
            default:
                return (1, 1);
        }
    }

    /// <summary>The same texts, without repetitions of what may be empty: those have more ways than a matcher can follow.</summary>
    /// <param name="work">Pays for what is copied.</param>
    public PatternNode Simplified(SchemaWork work)
    {
        work.Spend(1);
        switch (this)
        {
            case Sequence sequence:
                return new Sequence([.. sequence.Items.Select(i => i.Simplified(work))]);
            case Choice choice:
                return new Choice([.. choice.Items.Select(i => i.Simplified(work))]);
            case Repeat { High: 0 }:
                return Empty;
            case Repeat repeat:
                PatternNode item = repeat.Item.Simplified(work);
                int low = repeat.Low;
                if (item.IsNullable)
                {
                    if (item.NotEmpty(work) is not { } full) return Empty;
                    (item, low) = (full, 0);
                }
                // Any number of any number is any number.
                if (item is Repeat { Low: 1, High: null } inner && repeat.High is null) return inner with { Low = low };
                return new Repeat(item, low, repeat.High);
            default:
                return this;
        }
    }

    /// <summary>With a bound on every repetition.</summary>
    /// <param name="any">Repetitions above the fewest, where any number may stand.</param>
    /// <param name="most">Repetitions above the fewest, everywhere.</param>
    public PatternNode Bounded(int any, int most) => this switch
    {
        Sequence sequence => new Sequence([.. sequence.Items.Select(i => i.Bounded(any, most))]),
        Choice choice => new Choice([.. choice.Items.Select(i => i.Bounded(any, most))]),
        Repeat repeat => new Repeat(repeat.Item.Bounded(any, most), repeat.Low, (int)Math.Min(repeat.High ?? (long)repeat.Low + any, (long)repeat.Low + most)),
        _ => this,
    };

    /// <summary>The same texts but the empty one, of a simplified pattern; null when there are none.</summary>
    PatternNode? NotEmpty(SchemaWork work)
    {
        work.Spend(1);
        switch (this)
        {
            case Sequence sequence:
                // The first that is not empty, for each place it can stand in.
                List<PatternNode> ways = [];
                for (int i = 0; i < sequence.Items.Count; i++)
                {
                    work.Spend(sequence.Items.Count);
                    if (sequence.Items[i].NotEmpty(work) is { } first) ways.Add(new Sequence([first, .. sequence.Items.Skip(i + 1)]));
                    if (!sequence.Items[i].IsNullable) break;
                }
                return ways.Count switch { 0 => null, 1 => ways[0], _ => new Choice(ways) };
            case Choice choice:
                PatternNode[] full = [.. choice.Items.Select(i => i.NotEmpty(work)).OfType<PatternNode>()];
                return full.Length switch { 0 => null, 1 => full[0], _ => new Choice(full) };
            case Repeat { Low: 0 } repeat:
                return repeat with { Low = 1 };
            default:
                return this;
        }
    }
}
