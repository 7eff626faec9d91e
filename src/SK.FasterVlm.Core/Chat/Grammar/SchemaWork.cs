using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace SK.FasterVlm.Chat.Grammar;

/// <summary>
/// What compiling one schema may cost. Schemas come from outside: a short one can ask for a combinatorial amount of work, which is
/// counted here and ends in an error. The count does not depend on time, so a schema is always taken or always refused; only patterns
/// that .NET cannot match in linear time have a clock, too. Not thread-safe; one per compilation.
/// </summary>
sealed class SchemaWork
{
    const long MostUnits = 2_000_000;
    const int UnitsPerStep = 40; // 50,000 steps
    const int UnitsPerMatch = 200;

    static readonly TimeSpan s_mostMatching = TimeSpan.FromSeconds(1);

    readonly Dictionary<string, Regex> _patterns = new(StringComparer.Ordinal);
    TimeSpan _matching;
    long _left = MostUnits;

    /// <summary>Looks at one more schema.</summary>
    /// <exception cref="SchemaNotSupportedException">That is one too many.</exception>
    public void Step() => Spend(UnitsPerStep);

    /// <summary>Spends units: about one for each keyword looked at, copied or compared.</summary>
    /// <exception cref="SchemaNotSupportedException">Nothing is left.</exception>
    public void Spend(long units)
    {
        _left -= units;
        if (_left < 0)
            throw new SchemaNotSupportedException("The schema is not supported: it takes too much work to compile; make it smaller, with fewer combinations and references.", "");
    }

    /// <summary>Spends what copying a part of a schema costs.</summary>
    public void SpendOn(JsonNode? node) => Spend(Weight(node));

    /// <summary>Whether a text matches a pattern of the schema.</summary>
    /// <exception cref="SchemaNotSupportedException">The pattern is none, or matching takes too long.</exception>
    public bool Matches(string text, string pattern, FlatSchema schema)
    {
        Spend(UnitsPerMatch + ((text.Length + pattern.Length) / 16));
        try
        {
            if (!_patterns.TryGetValue(pattern, out Regex? regex)) _patterns[pattern] = regex = Parse(pattern);
            if (regex.Options.HasFlag(RegexOptions.NonBacktracking)) return regex.IsMatch(text);
            long start = Stopwatch.GetTimestamp();
            bool isMatch = _matching < s_mostMatching ? regex.IsMatch(text) : throw new RegexMatchTimeoutException();
            _matching += Stopwatch.GetElapsedTime(start);
            return isMatch;
        }
        catch (RegexMatchTimeoutException)
        {
            throw schema.Unsupported($"the pattern {SchemaValue.Write(pattern)} takes too long to match.");
        }
        catch (ArgumentException)
        {
            throw schema.Unsupported($"the pattern {SchemaValue.Write(pattern)} is not one that .NET can match.");
        }
    }

    static Regex Parse(string pattern)
    {
        try
        {
            return new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking, TimeSpan.FromSeconds(5));
        }
        catch (NotSupportedException)
        {
            return new Regex(pattern, RegexOptions.CultureInvariant, TimeSpan.FromMilliseconds(250)); // looks around, or back
        }
    }

    static long Weight(JsonNode? node)
    {
        long weight = 1;
        if (node is JsonObject members) foreach ((_, JsonNode? value) in members) weight += Weight(value);
        else if (node is JsonArray items) foreach (JsonNode? item in items) weight += Weight(item);
        else if (node is JsonValue value && value.TryGetValue(out JsonElement element)) weight += JsonMarshal.GetRawUtf8Value(element).Length / 64;
        return weight;
    }
}
