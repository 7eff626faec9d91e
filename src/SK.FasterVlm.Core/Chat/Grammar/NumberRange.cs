using System.Globalization;
using System.Numerics;

namespace SK.FasterVlm.Chat.Grammar;

/// <summary>Decimal spellings of the integers of a range, as GBNF. No leading zeros, no minus zero; no two ways to one number.</summary>
static class NumberRange
{
    /// <summary>Integers of a range.</summary>
    /// <param name="low">Smallest.</param>
    /// <param name="high">Largest; not below <paramref name="low"/>.</param>
    public static string Integers(BigInteger low, BigInteger high) => Scaled(low, high, 0);

    /// <summary>Numbers with exactly this many digits after the point.</summary>
    /// <param name="low">Smallest, times ten to the power of <paramref name="fraction"/>.</param>
    /// <param name="high">Largest, scaled alike.</param>
    /// <param name="fraction">Digits after the point; 0 for integers.</param>
    public static string Scaled(BigInteger low, BigInteger high, int fraction)
    {
        List<string> choices = [];
        if (high >= 0) choices.AddRange(Natural(BigInteger.Max(low, 0), high, fraction));
        if (low < 0) choices.AddRange(Natural(BigInteger.Max(-high, 1), -low, fraction).Select(static n => "\"-\" " + n));
        return string.Join(" | ", choices);
    }

    static IEnumerable<string> Natural(BigInteger low, BigInteger high, int fraction)
    {
        int shortest = fraction + 1;
        int from = Math.Max(shortest, Digits(low).Length), to = Math.Max(shortest, Digits(high).Length);
        for (int length = from; length <= to; length++)
        {
            // A number of the shortest length may begin with a zero: 0, 0.25.
            string first = length == from ? Digits(low).PadLeft(length, '0') : "1" + new string('0', length - 1);
            string last = length == to ? Digits(high).PadLeft(length, '0') : new string('9', length);
            yield return Fixed(first, last, length - fraction);
        }
    }

    /// <summary>Digit strings of one length between two others, with a point before position <paramref name="point"/>.</summary>
    static string Fixed(string low, string high, int point)
    {
        int common = 0;
        while (common < low.Length && low[common] == high[common]) common++;
        string prefix = common == 0 ? "" : GrammarRules.Literal(WithPoint(low[..common], 0, point));
        if (common == low.Length) return prefix;
        string rest = Between(low, high, common, point);
        return prefix.Length == 0 ? rest : $"{prefix} {rest}";
    }

    static string Between(string low, string high, int at, int point)
    {
        List<string> choices = [];
        char first = low[at], last = high[at];
        bool wholeLow = low.AsSpan(at + 1).TrimStart('0').IsEmpty, wholeHigh = high.AsSpan(at + 1).TrimStart('9').IsEmpty;
        if (!wholeLow) choices.Add($"{Digit(first, first, at, point)} {From(low, at + 1, point)}");
        char middleLow = wholeLow ? first : (char)(first + 1), middleHigh = wholeHigh ? last : (char)(last - 1);
        if (middleLow <= middleHigh) choices.Add($"{Digit(middleLow, middleHigh, at, point)}{Free(at + 1, low.Length, point)}");
        if (!wholeHigh) choices.Add($"{Digit(last, last, at, point)} {To(high, at + 1, point)}");
        return choices.Count == 1 ? choices[0] : $"({string.Join(" | ", choices)})";
    }

    static string From(string low, int at, int point) => Between(low[..at] + low[at..], low[..at] + new string('9', low.Length - at), at, point);

    static string To(string high, int at, int point) => Between(high[..at] + new string('0', high.Length - at), high, at, point);

    static string Digit(char low, char high, int at, int point) =>
        (at == point ? "\".\" " : "") + (low == high ? $"\"{low}\"" : low == '0' && high == '9' ? "[0-9]" : $"[{low}-{high}]");

    static string Free(int from, int to, int point)
    {
        if (from >= to) return "";
        if (point <= from || point >= to)
            return (point == from && point < to ? " \".\"" : "") + $" [0-9]{GrammarRules.Times(to - from, to - from)}";
        return $" [0-9]{GrammarRules.Times(point - from, point - from)} \".\" [0-9]{GrammarRules.Times(to - point, to - point)}";
    }

    static string WithPoint(string digits, int at, int point) =>
        point > at && point < at + digits.Length ? digits.Insert(point - at, ".") : digits;

    static string Digits(BigInteger value) => value.ToString(CultureInfo.InvariantCulture);
}
