using System.Globalization;
using System.Text;

namespace SK.FasterVlm.Chat.Grammar;

/// <summary>A set of characters of the basic plane, as ascending ranges that do not touch. Immutable.</summary>
sealed class CharacterSet
{
    readonly (int Low, int High)[] _ranges;

    CharacterSet(IEnumerable<(int Low, int High)> ranges)
    {
        List<(int Low, int High)> merged = [];
        foreach ((int low, int high) in ranges.Where(static r => r.Low <= r.High).OrderBy(static r => r.Low))
        {
            if (merged.Count > 0 && low <= merged[^1].High + 1) merged[^1] = (merged[^1].Low, Math.Max(merged[^1].High, high));
            else merged.Add((low, high));
        }
        _ranges = [.. merged];
    }

    /// <summary>Characters that JSON writes as they are: no control characters, quote, backslash, surrogates or U+FFFD.</summary>
    public static CharacterSet Plain { get; } =
        Of((' ', '!'), ('#', '['), (']', '~'), (0xA0, 0x2027), (0x202A, 0xD7FF), (0xE000, 0xFEFE), (0xFF00, 0xFFFC));

    /// <summary>Plain characters, quote, backslash, tab and line breaks.</summary>
    public static CharacterSet Any { get; } = Plain.Or(Of(('"', '"'), ('\\', '\\'), ('\t', '\n'), ('\r', '\r')));

    public static CharacterSet Ascii { get; } = Of((' ', '~'));

    /// <summary>ASCII digits: some engines take all of Unicode's for <c>\d</c>, none takes fewer.</summary>
    public static CharacterSet Digits { get; } = Of(('0', '9'));

    public static CharacterSet Word { get; } = Of(('0', '9'), ('A', 'Z'), ('a', 'z'), ('_', '_'));

    /// <summary>All of ECMAScript's and .NET's white space: what <c>[^\s]</c> must leave out.</summary>
    public static CharacterSet WhiteSpace { get; } =
        Of((9, 13), (0x20, 0x20), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF));

    public static CharacterSet Of(params ReadOnlySpan<(int Low, int High)> ranges) => new(ranges.ToArray());

    /// <summary>Its ranges, ascending.</summary>
    public IReadOnlyList<(int Low, int High)> Ranges => _ranges;

    /// <summary>Whether a character is in it.</summary>
    public bool Contains(int c) => Array.Exists(_ranges, r => r.Low <= c && c <= r.High);

    /// <summary>All of several.</summary>
    public static CharacterSet Union(IEnumerable<CharacterSet> sets) => new(sets.SelectMany(static s => s._ranges));

    public bool IsEmpty => _ranges.Length == 0;

    public CharacterSet Or(CharacterSet other) => new(_ranges.Concat(other._ranges));

    public CharacterSet And(CharacterSet other) =>
        new(_ranges.SelectMany(a => other._ranges.Select(b => (Math.Max(a.Low, b.Low), Math.Min(a.High, b.High)))));

    public CharacterSet Except(CharacterSet other)
    {
        List<(int, int)> rest = [];
        foreach ((int low, int high) in _ranges)
        {
            int from = low;
            foreach ((int cutLow, int cutHigh) in other._ranges.Where(r => r.High >= low && r.Low <= high))
            {
                rest.Add((from, cutLow - 1));
                from = cutHigh + 1;
            }
            rest.Add((from, high));
        }
        return new(rest);
    }

    /// <summary>One character of the set as it stands between the quotes of a JSON string; null when JSON's plain text has none of them.</summary>
    public string? InJsonString()
    {
        List<string> choices = [];
        CharacterSet plain = And(Plain);
        if (!plain.IsEmpty) choices.Add(plain.ToClass());
        foreach ((char c, string escape) in new[] { ('"', "\\\""), ('\\', "\\\\"), ('\n', "\\n"), ('\r', "\\r"), ('\t', "\\t") })
            if (_ranges.Any(r => r.Low <= c && c <= r.High)) choices.Add(GrammarRules.Literal(escape));
        return choices.Count switch { 0 => null, 1 => choices[0], _ => $"({string.Join(" | ", choices)})" };
    }

    string ToClass()
    {
        StringBuilder text = new("[");
        foreach ((int low, int high) in _ranges)
        {
            Append(low);
            if (high > low + 1) text.Append('-');
            if (high > low) Append(high);
        }
        return text.Append(']').ToString();

        // What has a meaning in a class is written by its code.
        void Append(int c) => _ = c is > ' ' and < 127 && "[]^-\\\"".IndexOf((char)c, StringComparison.Ordinal) < 0
            ? text.Append((char)c)
            : text.Append(CultureInfo.InvariantCulture, $"\\u{c:X4}");
    }
}
