using System.Globalization;
using System.Text;

namespace SK.FasterVlm.Gguf;

/// <summary>
/// Makes text of a file fit for a message: nothing in it can move a cursor, colour a terminal or start a new line of a log.
/// </summary>
static class Printable
{
    const int MaxLength = 256;

    /// <summary>Control, format (bidirectional overrides) and lone surrogate characters as \uXXXX; cut after 256 characters.</summary>
    internal static string Escape(string text)
    {
        bool cut = text.Length > MaxLength;
        if (!cut && !text.Any(IsSuspicious)) return text;
        var result = new StringBuilder();
        foreach (char c in cut ? text.AsSpan(0, MaxLength) : text)
        {
            if (IsSuspicious(c)) result.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:X4}");
            else result.Append(c);
        }
        return cut ? result.Append("...").ToString() : result.ToString();
    }

    static bool IsSuspicious(char c) => char.GetUnicodeCategory(c) is UnicodeCategory.Control or UnicodeCategory.Format
        or UnicodeCategory.Surrogate or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
