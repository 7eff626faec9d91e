using System.Globalization;
using System.Text;

namespace SK.FasterVlm.Chat.Grammar;

/// <summary>
/// The rules of one GBNF grammar. Rules are made from the inside out and equal bodies share one rule, so a grammar never refers back
/// to a rule in the making: it cannot be recursive, left or otherwise. Names follow from the order of making; equal input gives an
/// equal grammar.
/// </summary>
sealed class GrammarRules
{
    // Half of what the library's check lets pass: a request may join several schemas.
    const int Largest = Language.GrammarCheck.LongestGrammar - 2000;

    readonly Dictionary<string, string> _names = new(StringComparer.Ordinal);
    readonly Dictionary<string, IReadOnlyList<string>> _unions = new(StringComparer.Ordinal);
    readonly StringBuilder _text = new();

    /// <summary>One optional space: what models write between the parts of JSON, and nothing they could get lost in.</summary>
    public const string Space = "\" \"?";

    /// <summary>Adds a rule, or finds the one with this body.</summary>
    /// <returns>Its name.</returns>
    /// <exception cref="SchemaNotSupportedException">The grammar grows too large.</exception>
    public string Add(string body)
    {
        if (_names.TryGetValue(body, out string? name)) return name;
        name = string.Create(CultureInfo.InvariantCulture, $"r{_names.Count}");
        Append(name, body);
        _names[body] = name;
        return name;
    }

    /// <summary>A rule for any one of several; unions in unions are flattened, and equal alternatives are one.</summary>
    public string Union(IEnumerable<string> rules)
    {
        List<string> flat = [.. rules.SelectMany(r => _unions.TryGetValue(r, out IReadOnlyList<string>? inner) ? inner : [r]).Distinct(StringComparer.Ordinal)];
        if (flat.Count == 1) return flat[0];
        string name = Add(string.Join(" | ", flat));
        _unions[name] = flat;
        return name;
    }

    /// <summary>The grammar, with this body as its root.</summary>
    public string Finish(string root) => $"root ::= {root}\n{_text}";

    /// <summary>The grammar without a root, whose rules another can refer to.</summary>
    public override string ToString() => _text.ToString();

    /// <summary>Text as a GBNF literal.</summary>
    public static string Literal(string text)
    {
        StringBuilder literal = new("\"", text.Length + 8);
        foreach (char c in text)
        {
            _ = c switch
            {
                '"' => literal.Append("\\\""),
                '\\' => literal.Append("\\\\"),
                '\n' => literal.Append("\\n"),
                '\r' => literal.Append("\\r"),
                '\t' => literal.Append("\\t"),
                < ' ' or '\u007f' => literal.Append(CultureInfo.InvariantCulture, $"\\x{(int)c:X2}"),
                _ => literal.Append(c),
            };
        }
        return literal.Append('"').ToString();
    }

    /// <summary>How often something stands, as a suffix: <c>{2,5}</c>, <c>?</c>, or nothing for once.</summary>
    public static string Times(int low, int high) => (low, high) switch
    {
        (1, 1) => "",
        (0, 1) => "?",
        _ when low == high => string.Create(CultureInfo.InvariantCulture, $"{{{low}}}"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{{{low},{high}}}"),
    };

    void Append(string name, string body)
    {
        if (_text.Length + name.Length + body.Length > Largest)
            throw new SchemaNotSupportedException($"The schema needs a grammar of more than {Largest} characters; make it smaller.", "");
        _text.Append(name).Append(" ::= ").Append(body).Append('\n');
    }
}
