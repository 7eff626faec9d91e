using System.Globalization;
using System.Numerics;
using System.Text.Json.Nodes;

namespace SK.FasterVlm.Chat.Grammar;

partial class SchemaCompiler
{
    const int MostMultiples = 512;
    const int MostDigits = 18;

    string? Number(FlatSchema schema, bool isInteger)
    {
        decimal? low = schema.Number("minimum"), high = schema.Number("maximum");
        decimal? above = schema.Number("exclusiveMinimum"), below = schema.Number("exclusiveMaximum");
        if (isInteger && StringFormats.Range((schema["format"] as JsonValue)?.ToString()) is { } range) (low, high) = (Math.Max(low ?? range.Low, range.Low), Math.Min(high ?? range.High, range.High));
        decimal? step = schema.Number("multipleOf");
        if (step <= 0) throw schema.Wrong("multipleOf");
        if (step is not null && !(isInteger && step == 1)) return Multiples(schema, isInteger, step.Value, low, high);
        if (low is null && high is null && above is null && below is null) return UnboundedNumber(isInteger);

        List<string> rules = [];
        if (Bounds(0) is ({ } first, { } last) && first <= last) rules.Add(_rules.Add(NumberRange.Integers(first, last)));
        if (!isInteger)
        {
            int finest = Math.Clamp(new[] { low, high, above, below }.Max(static b => b is { } d ? Scale(d) : 0), Math.Min(2, _limits.FractionDigits), 12);
            foreach (int digits in new[] { 1, Math.Min(2, finest), finest }.Distinct())
                if (Bounds(digits) is ({ } from, { } to) && from <= to) rules.Add(_rules.Add(NumberRange.Scaled(from, to, digits)));
        }
        return rules.Count == 0 ? null : _rules.Union(rules);

        // What one side leaves open is bounded by digits; a bound farther out than those moves the other side along.
        (BigInteger?, BigInteger?) Bounds(int digits)
        {
            BigInteger wide = BigInteger.Pow(10, Math.Max(1, _limits.IntegerDigits)) - 1, widest = BigInteger.Pow(10, MostDigits) - 1;
            BigInteger unit = BigInteger.Pow(10, digits);
            BigInteger? least = Lower(low, above, digits), greatest = Upper(high, below, digits);
            if (least > widest * unit || greatest < -widest * unit) throw schema.Unsupported($"its range lies beyond {MostDigits} digits.");
            least ??= BigInteger.Min(-wide * unit, greatest!.Value - (wide * unit));
            greatest ??= BigInteger.Max(wide * unit, least.Value + (wide * unit));
            return (BigInteger.Max(least.Value, -widest * unit), BigInteger.Min(greatest.Value, widest * unit));
        }
    }

    string UnboundedNumber(bool isInteger)
    {
        string digits = $"[1-9] [0-9]{GrammarRules.Times(0, _limits.IntegerDigits - 1)}";
        return isInteger
            ? _rules.Add($"\"0\" | \"-\"? {digits}")
            : _rules.Add($"\"-\"? (\"0\" | {digits}) (\".\" [0-9]{GrammarRules.Times(1, _limits.FractionDigits)})?");
    }

    /// <param name="schema">Bounds, from which the values are counted.</param>
    /// <param name="isInteger">Whether fractions are out.</param>
    /// <param name="step">Above 0.</param>
    /// <param name="low">Smallest, by the schema and its format.</param>
    /// <param name="high">Largest.</param>
    string? Multiples(FlatSchema schema, bool isInteger, decimal step, decimal? low, decimal? high)
    {
        bool isOpen = low is null && high is null && !schema.Has("exclusiveMinimum") && !schema.Has("exclusiveMaximum");
        if (isInteger && step != decimal.Truncate(step)) throw schema.Unsupported("\"multipleOf\" with a fraction for an integer.");
        if (Scale(step) is var digits && digits > 0 && step * Power(digits) == 1 && isOpen && digits <= _limits.FractionDigits)
            return _rules.Add($"\"-\"? (\"0\" | [1-9] [0-9]{GrammarRules.Times(0, _limits.IntegerDigits - 1)}) (\".\" [0-9]{GrammarRules.Times(1, digits)})?");
        // Few enough to list; where a side is open, those next to the other, or to zero.
        decimal from = schema.Number("minimum") ?? schema.Number("exclusiveMinimum") ?? Math.Min(0, (schema.Number("maximum") ?? schema.Number("exclusiveMaximum") ?? 0) - (step * 100));
        decimal to = schema.Number("maximum") ?? schema.Number("exclusiveMaximum") ?? from + (step * 200);
        if ((to - from) / step > MostMultiples) throw schema.Unsupported($"\"multipleOf\" {step} over a range with more than {MostMultiples} values.");
        List<string> values = [];
        for (decimal n = decimal.Ceiling(from / step); n * step <= to; n++)
        {
            decimal value = n * step;
            if (value <= schema.Number("exclusiveMinimum") || value >= schema.Number("exclusiveMaximum") || value < low || value > high) continue;
            values.Add(GrammarRules.Literal((value == 0 ? 0 : value).ToString("0.############################", CultureInfo.InvariantCulture)));
        }
        return values.Count == 0 ? null : _rules.Add(string.Join(" | ", values));
    }

    /// <summary>The smallest allowed integer, scaled; null when there is no lower bound.</summary>
    static BigInteger? Lower(decimal? minimum, decimal? above, int digits)
    {
        BigInteger? inclusive = minimum is { } m ? Round(m, digits, up: true) : null;
        BigInteger? exclusive = above is { } a ? Round(a, digits, up: false) + 1 : null;
        return inclusive is null ? exclusive : exclusive is null ? inclusive : BigInteger.Max(inclusive.Value, exclusive.Value);
    }

    static BigInteger? Upper(decimal? maximum, decimal? below, int digits)
    {
        BigInteger? inclusive = maximum is { } m ? Round(m, digits, up: false) : null;
        BigInteger? exclusive = below is { } b ? Round(b, digits, up: true) - 1 : null;
        return inclusive is null ? exclusive : exclusive is null ? inclusive : BigInteger.Min(inclusive.Value, exclusive.Value);
    }

    static BigInteger Round(decimal value, int digits, bool up)
    {
        // Whole part and fraction apart: their product with the unit may leave the range of decimal.
        decimal whole = decimal.Floor(value), fraction = (value - whole) * Power(digits);
        return (new BigInteger(whole) * BigInteger.Pow(10, digits)) + new BigInteger(up ? decimal.Ceiling(fraction) : decimal.Floor(fraction));
    }

    static int Scale(decimal value) => (value / 1.0000000000000000000000000000m).Scale;

    static decimal Power(int digits) => (decimal)BigInteger.Pow(10, digits);
}
