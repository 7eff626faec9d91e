namespace SK.FasterVlm.Server.Protocol;

/// <summary>Names that came from a client, made fit to be repeated.</summary>
static class Names
{
    const int MaxLength = 64;

    /// <summary>At most 64 characters, each of them visible ASCII; others become <c>?</c>.</summary>
    public static string Printable(string name)
    {
        string text = name.Length > MaxLength ? string.Concat(name.AsSpan(0, MaxLength - 3), "...") : name;
        return string.Create(text.Length, text, static (span, source) =>
        {
            for (int i = 0; i < span.Length; i++) span[i] = source[i] is >= ' ' and <= '~' and not '\'' ? source[i] : '?';
        });
    }
}
