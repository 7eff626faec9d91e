namespace SK.FasterVlm.Language;

/// <summary>Ranges of <see cref="SamplingSettings"/>: nothing outside them reaches the library.</summary>
internal static class SamplingCheck
{
    /// <summary>Checks every value.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of range; the message names it and the range.</exception>
    /// <exception cref="ArgumentException">The grammar does not parse, or is too long or too deep for the library.</exception>
    internal static void Run(SamplingSettings settings, int vocabularySize = int.MaxValue)
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
        foreach ((int token, float bias) in settings.LogitBias ?? new Dictionary<int, float>())
        {
            Range((uint)token < (uint)vocabularySize, "LogitBias (token)", token, $"a token id, 0 to {vocabularySize - 1}");
            Range(bias is >= -100 and <= 100, "LogitBias", bias, "-100 to 100");
        }
        if (settings.Grammar is { } grammar) GrammarCheck.Run(grammar);
    }

    static void Range(bool ok, string name, float value, string range)
    {
        if (!ok) throw new ArgumentOutOfRangeException(name, value, $"{name} must be {range}.");
    }
}
