namespace SK.FasterVlm.Chat.Grammar;

/// <summary>
/// Bounds a grammar puts where a schema has none, so that a small model cannot go on without end. A bound of the schema that is
/// tighter always holds; one that is wider is cut to what is given here, which keeps every answer valid.
/// </summary>
public sealed record GrammarLimits
{
    /// <summary>The bounds used when none are given.</summary>
    public static GrammarLimits Default { get; } = new();

    /// <summary>
    /// Characters of a string, 1 to 1990 (default 1000). A pattern that itself counts more than that has as many as it needs.
    /// </summary>
    public int StringLength { get; init; } = 1000;

    /// <summary>Items of an array, 1 to 256 (default 32).</summary>
    public int ArrayItems { get; init; } = 32;

    /// <summary>Entries of an object whose keys are free, 1 to 256 (default 16).</summary>
    public int MapEntries { get; init; } = 16;

    /// <summary>Digits before the decimal point, 1 to 18 (default 15: every such integer is exact in a double).</summary>
    public int IntegerDigits { get; init; } = 15;

    /// <summary>Digits after the decimal point, 1 to 15 (default 6).</summary>
    public int FractionDigits { get; init; } = 6;

    /// <summary>How often a schema that refers to itself is followed, 1 to 16 (default 4).</summary>
    public int Recursion { get; init; } = 4;

    /// <summary>Nesting of values a schema says nothing about, 0 (scalars only) to 8 (default 3).</summary>
    public int FreeDepth { get; init; } = 3;

    /// <summary>Checks every value against its range.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of range; the message names it.</exception>
    public void Validate()
    {
        Range(StringLength, 1, 1990, nameof(StringLength));
        Range(ArrayItems, 1, 256, nameof(ArrayItems));
        Range(MapEntries, 1, 256, nameof(MapEntries));
        Range(IntegerDigits, 1, 18, nameof(IntegerDigits));
        Range(FractionDigits, 1, 15, nameof(FractionDigits));
        Range(Recursion, 1, 16, nameof(Recursion));
        Range(FreeDepth, 0, 8, nameof(FreeDepth));

        static void Range(int value, int low, int high, string name)
        {
            if (value < low || value > high) throw new ArgumentOutOfRangeException(name, value, $"{name} must be {low} to {high}.");
        }
    }
}
