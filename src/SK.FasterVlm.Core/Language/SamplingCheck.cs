namespace SK.FasterVlm.Language;

/// <summary>Ranges of <see cref="SamplingSettings"/>: nothing outside them reaches the library.</summary>
internal static class SamplingCheck
{
    // The library's parser and matcher recurse; these bounds keep them far from the end of a thread's stack.
    internal const int LongestGrammar = 65_536;
    internal const int DeepestGrammar = 200;

    /// <summary>Checks every value.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of range; the message names it and the range.</exception>
    /// <exception cref="ArgumentException">The grammar is empty, too long, nested too deep, or holds a NUL.</exception>
    internal static void Run(SamplingSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        Range(settings.Temperature is >= 0 and <= 5, nameof(settings.Temperature), settings.Temperature, "0 to 5");
        Range(settings.TopK >= 0, nameof(settings.TopK), settings.TopK, "0 or more");
        Range(settings.TopP is > 0 and <= 1, nameof(settings.TopP), settings.TopP, "above 0 and at most 1");
        Range(settings.MinP is >= 0 and <= 1, nameof(settings.MinP), settings.MinP, "0 to 1");
        float repetition = settings.RepetitionPenalty;
        Range(repetition is > 0 and <= 10, nameof(settings.RepetitionPenalty), repetition, "above 0 and at most 10");
        Range(settings.FrequencyPenalty is >= -2 and <= 2, nameof(settings.FrequencyPenalty), settings.FrequencyPenalty, "-2 to 2");
        Range(settings.PresencePenalty is >= -2 and <= 2, nameof(settings.PresencePenalty), settings.PresencePenalty, "-2 to 2");
        if (settings.Grammar is { } grammar) CheckGrammar(grammar);
    }

    static void CheckGrammar(string grammar)
    {
        if (string.IsNullOrWhiteSpace(grammar))
            throw new ArgumentException("The grammar is empty; use null for none.", nameof(grammar));
        if (grammar.Length > LongestGrammar)
            throw new ArgumentException($"The grammar has {grammar.Length} characters; at most {LongestGrammar} are taken.", nameof(grammar));
        // The library reads up to the first NUL and would follow another grammar than the one given.
        if (grammar.Contains('\0', StringComparison.Ordinal))
            throw new ArgumentException("The grammar holds a NUL character.", nameof(grammar));
        if (Depth(grammar) > DeepestGrammar)
            throw new ArgumentException($"The grammar nests more than {DeepestGrammar} groups.", nameof(grammar));
    }

    /// <summary>Deepest nesting of groups, outside literals, character classes and comments.</summary>
    static int Depth(string grammar)
    {
        int depth = 0, deepest = 0;
        char end = '\0';
        for (int i = 0; i < grammar.Length; i++)
        {
            char c = grammar[i];
            if (end != '\0')
            {
                if (c == '\\' && end != '\n') i++;
                else if (c == end) end = '\0';
                continue;
            }
            switch (c)
            {
                case '"': end = '"'; break;
                case '[': end = ']'; break;
                case '#': end = '\n'; break;
                case '(': deepest = Math.Max(deepest, ++depth); break;
                case ')': depth--; break;
            }
        }
        return deepest;
    }

    static void Range(bool ok, string name, float value, string range)
    {
        if (!ok) throw new ArgumentOutOfRangeException(name, value, $"{name} must be {range}.");
    }
}
