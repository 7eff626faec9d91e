namespace SK.FasterVlm.Generation;

/// <summary>
/// Finds stop texts in a stream of pieces, also across their borders, and holds back only what may still become one.
/// </summary>
/// <param name="stops">Texts that end the answer; compared ordinally, empty ones are not allowed.</param>
sealed class StopText(IReadOnlyList<string> stops)
{
    string _held = "";

    /// <summary>Whether a stop text has appeared.</summary>
    public bool Found { get; private set; }

    /// <summary>
    /// Takes a piece and returns what can be shown: everything before a stop text, or everything that cannot be part of one.
    /// </summary>
    public string Push(string piece)
    {
        if (Found) return "";
        if (stops.Count == 0) return piece;
        string text = _held + piece;

        int cut = -1;
        foreach (string stop in stops)
        {
            int at = text.IndexOf(stop, StringComparison.Ordinal);
            if (at >= 0 && (cut < 0 || at < cut)) cut = at;
        }
        if (cut >= 0)
        {
            Found = true;
            _held = "";
            return text[..cut];
        }

        int held = 0;
        foreach (string stop in stops)
            for (int length = Math.Min(stop.Length - 1, text.Length); length > held; length--)
                if (text.AsSpan(text.Length - length).SequenceEqual(stop.AsSpan(0, length))) held = length;
        _held = text[^held..];
        return text[..^held];
    }

    /// <summary>Returns what is still held back: the answer is over and it did not become a stop text.</summary>
    public string Flush()
    {
        string rest = _held;
        _held = "";
        return Found ? "" : rest;
    }
}
