namespace SK.FasterVlm.Chat.Grammar;

/// <summary>Writes patterns as what stands between the quotes of a JSON string.</summary>
sealed class PatternWriter(GrammarRules rules, SchemaWork work)
{
    const int MostRepetitions = 1990; // the library writes out at most 1999
    const int MostAny = 64;
    const int MostAnywhere = 1024;

    /// <summary>Writes a pattern within lengths.</summary>
    /// <param name="pattern">The pattern.</param>
    /// <param name="least">Fewest characters.</param>
    /// <param name="most">Most characters.</param>
    /// <returns>GBNF; null when the lengths cannot be kept, or the matcher would have too many ways to follow.</returns>
    public string? Write(PatternNode pattern, int least, int most)
    {
        PatternNode node = pattern.Simplified(work);
        // One repeated character: its count is the length.
        if (node is PatternNode.Repeat { Item: PatternNode.Character } run)
        {
            int low = Math.Max(run.Low, least), high = Math.Min(run.High ?? Math.Max(low, MostAny), most);
            if (low > high || low > MostRepetitions) return null;
            return Body(new PatternNode.Repeat(run.Item, low, Math.Min(high, MostRepetitions)));
        }
        // First "any number" is made smaller, then what the pattern counts itself.
        foreach ((int any, int anywhere) in Bounds())
        {
            PatternNode bounded = node.Bounded(any, anywhere);
            (long low, long high) = bounded.Length();
            if (low < least || low > most) return null;
            if (high <= most && PatternWidth.IsNarrow(bounded, work)) return Body(bounded);
        }
        return null;
    }

    static IEnumerable<(int Any, int Anywhere)> Bounds()
    {
        for (int any = MostAny; any > 0; any /= 2) yield return (any, MostRepetitions);
        for (int anywhere = MostAnywhere; anywhere > 0; anywhere /= 2) yield return (Math.Min(anywhere, MostAny), anywhere);
        yield return (0, 0);
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
            case PatternNode.Repeat { High: { } high } repeat:
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
