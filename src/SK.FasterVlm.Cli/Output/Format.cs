using System.Globalization;

namespace SK.FasterVlm.Cli.Output;

/// <summary>Numbers for people, the same in every language setting.</summary>
internal static class Format
{
    /// <summary>Milliseconds with as many digits as mean something.</summary>
    public static string Ms(double milliseconds) => milliseconds switch
    {
        < 10 => Invariant($"{milliseconds:0.00} ms"),
        < 100 => Invariant($"{milliseconds:0.0} ms"),
        _ => Invariant($"{milliseconds:N0} ms"),
    };

    /// <summary>Bytes in the largest unit that keeps the number above 1 (powers of ten).</summary>
    public static string Bytes(long bytes) => bytes switch
    {
        >= 1_000_000_000 => Invariant($"{bytes / 1e9:0.00} GB"),
        >= 1_000_000 => Invariant($"{bytes / 1e6:0.0} MB"),
        >= 1_000 => Invariant($"{bytes / 1e3:0.0} kB"),
        _ => Invariant($"{bytes} bytes"),
    };

    /// <summary>A text with invariant numbers.</summary>
    public static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>Names and values in two columns.</summary>
    public static void Facts(TextWriter writer, IReadOnlyList<(string Name, string Value)> facts)
    {
        int width = facts.Max(static fact => fact.Name.Length);
        foreach ((string name, string value) in facts) writer.WriteLine(TerminalText.Clean($"  {name.PadRight(width)}  {value}"));
    }
}
