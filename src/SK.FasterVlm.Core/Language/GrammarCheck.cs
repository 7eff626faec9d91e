using System.Globalization;

namespace SK.FasterVlm.Language;

/// <summary>
/// Reads a GBNF grammar the way the library's parser does and refuses what it would: the library only answers "failed to parse"
/// and prints the reason, with the grammar, to standard error. Also bounds what its recursive parser and matcher get.
/// </summary>
internal sealed class GrammarCheck
{
    internal const int LongestGrammar = 65_536;
    internal const int DeepestGroups = 200;
    internal const int LargestExpansion = 200_000;
    const int MostRepetitions = 2000; // the library's own bound

    readonly string _text;
    readonly HashSet<string> _defined = new(StringComparer.Ordinal);
    readonly Dictionary<string, int> _used = new(StringComparer.Ordinal);
    int _at;
    long _expansion;

    GrammarCheck(string text) => _text = text;

    // The library reads a zero-terminated string; a NUL inside is refused before.
    char Current => _at < _text.Length ? _text[_at] : '\0';

    /// <summary>Checks a grammar.</summary>
    /// <exception cref="ArgumentException">It does not parse; the message says why and where (line:column).</exception>
    internal static void Run(string grammar)
    {
        if (string.IsNullOrWhiteSpace(grammar)) throw new ArgumentException("The grammar is empty; use null for none.", nameof(grammar));
        if (grammar.Length > LongestGrammar)
            throw new ArgumentException($"The grammar has {grammar.Length} characters; at most {LongestGrammar} are read.", nameof(grammar));
        int nul = grammar.IndexOf('\0', StringComparison.Ordinal);
        var check = new GrammarCheck(grammar);
        if (nul >= 0) throw check.Error("it holds a NUL character", nul);
        check.Rules();
    }

    void Rules()
    {
        Space(lines: true);
        while (_at < _text.Length) Rule();
        foreach ((string name, int at) in _used)
        {
            if (!_defined.Contains(name)) throw Error($"the rule '{name}' is not defined", at);
        }
        if (!_defined.Contains("root")) throw Error("it has no rule 'root'", 0);
    }

    // name ::= alternatives, up to the end of the line
    void Rule()
    {
        _defined.Add(Name());
        Space(lines: false);
        if (string.CompareOrdinal(_text, _at, "::=", 0, 3) != 0) throw Error("'::=' is expected");
        _at += 3;
        Space(lines: true);
        Alternatives(depth: 0);
        if (_at < _text.Length && Current is not ('\r' or '\n')) throw Error("a new line or the end is expected");
        Space(lines: true);
    }

    void Alternatives(int depth)
    {
        Sequence(depth);
        while (Current == '|')
        {
            _at++;
            Space(lines: true);
            Sequence(depth);
        }
    }

    void Sequence(int depth)
    {
        bool nested = depth > 0, hasItem = false;
        int itemLength = 1;
        while (_at < _text.Length)
        {
            int start = _at;
            switch (Current)
            {
                case '"':
                    Literal();
                    itemLength = _at - start;
                    break;
                case '[':
                    CharacterClass();
                    itemLength = _at - start;
                    break;
                case '(':
                    Group(depth);
                    itemLength = 1; // the library makes a rule of it
                    break;
                case '.':
                    _at++;
                    break;
                case '<' or '!':
                    Token();
                    break;
                case '*' or '+' or '?' or '{':
                    if (!hasItem) throw Error($"nothing stands before '{Current}'");
                    if (Current == '{') Repetition(nested, itemLength);
                    else _at++;
                    break;
                case char c when IsWord(c):
                    _used.TryAdd(Name(), start);
                    itemLength = 1;
                    break;
                default:
                    return;
            }
            hasItem = true;
            Space(nested);
        }
    }

    void Group(int depth)
    {
        if (depth >= DeepestGroups) throw Error($"groups nest more than {DeepestGroups} deep");
        _at++;
        Space(lines: true);
        Alternatives(depth + 1);
        if (Current != ')') throw Error("')' is expected");
        _at++;
    }

    void Literal()
    {
        int start = _at++;
        while (Current != '"') Character(start, "literal");
        _at++;
    }

    void CharacterClass()
    {
        int start = _at++;
        if (Current == '^') _at++;
        while (Current != ']')
        {
            Character(start, "character class");
            if (Current != '-' || (_at + 1 < _text.Length && _text[_at + 1] == ']')) continue;
            _at++;
            Character(start, "character class");
        }
        _at++;
    }

    void Character(int start, string what)
    {
        if (_at >= _text.Length) throw Error($"the {what} does not end", start);
        if (_text[_at++] != '\\') return;
        int digits = Current switch { 'x' => 2, 'u' => 4, 'U' => 8, 't' or 'r' or 'n' or '\\' or '"' or '[' or ']' => 0, _ => -1 };
        if (digits < 0) throw Error("this escape is not known", _at - 1);
        _at++;
        for (int i = 0; i < digits; i++, _at++)
        {
            if (!char.IsAsciiHexDigit(Current)) throw Error($"{digits} hexadecimal digits are expected");
        }
    }

    // <[id]> or <text>, with ! for any other token
    void Token()
    {
        int start = _at;
        if (Current == '!') _at++;
        int end = Current == '<' ? _text.IndexOf('>', _at) : -1;
        if (end < 0) throw Error("a token is written <text> or <[id]>", start);
        _at = end + 1;
    }

    // {m}, {m,} or {m,n}. The library writes every repetition out, so their sum is what it takes in memory.
    void Repetition(bool nested, int itemLength)
    {
        int start = _at++;
        Space(nested);
        int low = Number(), high = low;
        Space(nested);
        if (Current == ',')
        {
            _at++;
            Space(nested);
            if (char.IsAsciiDigit(Current)) high = Number();
            Space(nested);
        }
        if (Current != '}') throw Error("'}' is expected");
        _at++;
        if (Math.Max(low, high) > MostRepetitions) throw Error($"at most {MostRepetitions} repetitions are taken", start);
        _expansion += (long)Math.Max(low, high) * itemLength;
        if (_expansion > LargestExpansion) throw Error($"its repetitions expand to more than {LargestExpansion} characters", start);
    }

    int Number()
    {
        int start = _at;
        while (char.IsAsciiDigit(Current)) _at++;
        if (_at == start) throw Error("a number is expected");
        return int.TryParse(_text.AsSpan(start, _at - start), CultureInfo.InvariantCulture, out int value) ? value : int.MaxValue;
    }

    string Name()
    {
        int start = _at;
        while (IsWord(Current)) _at++;
        return _at > start ? _text[start.._at] : throw Error("a rule's name is expected");
    }

    void Space(bool lines)
    {
        while (Current is ' ' or '\t' or '#' || (lines && Current is '\r' or '\n'))
        {
            if (Current != '#') _at++;
            else while (_at < _text.Length && Current is not ('\r' or '\n')) _at++;
        }
    }

    static bool IsWord(char c) => char.IsAsciiLetterOrDigit(c) || c == '-';

    ArgumentException Error(string problem, int? at = null)
    {
        int position = at ?? _at;
        int line = _text.AsSpan(0, position).Count('\n') + 1, column = position - _text.LastIndexOf('\n', Math.Max(0, position - 1));
        if (position == 0) column = 1;
        return new ArgumentException($"The grammar does not parse: {problem} ({line}:{column}).");
    }
}
