namespace SK.FasterVlm.Chat.Grammar;

partial class SchemaCompiler
{
    const int LongestText = 1990; // the library writes out at most 1999 repetitions

    string? Text(FlatSchema schema)
    {
        int least = schema.Count("minLength") ?? 0, most = schema.Count("maxLength") ?? int.MaxValue;
        if (least > most) return null;
        string? format = schema.Text("format");
        string? form = format is null ? null : StringFormats.Find(format);
        if (form is null && schema.Text("contentEncoding") == "base64") form = StringFormats.Find("byte");
        if (format is not null && form is null) _notes.Add($"{schema.Pointer}: the format \"{format}\" is not known; any text is taken.");

        if (schema.Text("pattern") is { } pattern)
        {
            if (form is not null) _notes.Add($"{schema.Pointer}: the pattern decides; the format \"{format}\" is not looked at.");
            return Pattern(schema, StringFormats.OfDotNet(pattern) ?? pattern, least, most);
        }
        if (form is not null) return Pattern(schema, form, least, most);

        if (least > LongestText) throw schema.Unsupported($"\"minLength\" {least}; at most {LongestText} are written.");
        bool isFree = !schema.Has("minLength") && !schema.Has("maxLength");
        return TextRule(least, Math.Min(most, most == int.MaxValue ? Math.Max(least, _limits.StringLength) : LongestText), isFree);
    }

    string Pattern(FlatSchema schema, string pattern, int least, int most)
    {
        PatternNode node;
        try
        {
            node = PatternParser.Parse(pattern);
        }
        catch (FormatException e)
        {
            throw schema.Unsupported($"the pattern {SchemaValue.Write(pattern)}: {e.Message}");
        }
        // Without a length of its own a pattern is as long as any text; one that needs more says so by its counts.
        if (!schema.Has("maxLength")) most = (int)Math.Min(LongestText, Math.Max(node.Length().Low, Math.Max(least, _limits.StringLength)));
        string? body = new PatternWriter(_rules, _work).Write(node, least, Math.Min(most, LongestText));
        return body is not null
            ? _rules.Add($"\"\\\"\" {body} \"\\\"\"")
            : throw schema.Unsupported($"the pattern {SchemaValue.Write(pattern)} cannot be kept within the lengths {least} to {most}, or is too ambiguous.");
    }

    /// <summary>Text between quotes.</summary>
    /// <param name="least">Fewest characters.</param>
    /// <param name="most">Most characters.</param>
    /// <param name="isFree">
    /// Whether characters beyond the basic plane may stand in it. Where a schema bounds lengths they may not: validators disagree on
    /// whether such a character counts once or twice.
    /// </param>
    string TextRule(int least, int most, bool isFree)
    {
        string character = CharacterSet.Any.InJsonString()!;
        character = _rules.Add(isFree ? $"{character[1..^1]} | [\\U00010000-\\U0010FFFF]" : character[1..^1]);
        return most == 0 ? _rules.Add("\"\\\"\\\"\"") : _rules.Add($"\"\\\"\" {character}{GrammarRules.Times(least, most)} \"\\\"\"");
    }
}
