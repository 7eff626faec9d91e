namespace SK.FasterVlm.Cli.Output;

/// <summary>Columns of text, as wide as their widest cell; the last one is not padded.</summary>
internal static class Table
{
    /// <summary>Writes a head and rows.</summary>
    public static void Write(TextWriter output, string[] head, IReadOnlyList<string[]> rows)
    {
        int[] widths = [.. head.Select((cell, i) => rows.Select(row => row[i].Length).Append(cell.Length).Max())];
        foreach (string[] row in rows.Prepend(head))
            output.WriteLine(TerminalText.Clean(string.Join("  ", row.Select((cell, i) => cell.PadRight(widths[i]))).TrimEnd()));
    }
}
