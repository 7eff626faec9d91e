using System.Globalization;

namespace SK.FasterVlm.Chat.Grammar;

/// <summary>
/// The subset of regular expressions that means the same in ECMAScript and .NET and describes a finite-state language: characters,
/// classes, groups, alternatives, quantifiers, and anchors at the ends. A pattern without anchors is taken as if it had them, which
/// only makes it stricter.
/// </summary>
sealed class PatternParser
{
    const int DeepestGroups = 50;
    const int LongestPattern = 16_384;
    const int MostRepetitions = 10_000;

    readonly string _text;
    int _at;

    PatternParser(string text) => _text = text;

    char Current => _at < _text.Length ? _text[_at] : '\0';

    /// <summary>Parses.</summary>
    /// <exception cref="FormatException">It is outside the subset; the message says what and where.</exception>
    public static PatternNode Parse(string pattern)
    {
        if (pattern.Length > LongestPattern) throw new FormatException($"more than {LongestPattern} characters are not supported.");
        PatternParser parser = new(pattern);
        PatternNode node = parser.Choice(0);
        return parser._at == pattern.Length ? node : throw parser.Error($"'{parser.Current}' is unexpected");
    }

    PatternNode Choice(int depth)
    {
        if (depth > DeepestGroups) throw Error("groups nest too deep");
        List<PatternNode> choices = [Sequence(depth)];
        while (Current == '|' && _at < _text.Length)
        {
            _at++;
            choices.Add(Sequence(depth));
        }
        return choices.Count == 1 ? choices[0] : new PatternNode.Choice(choices);
    }

    PatternNode Sequence(int depth)
    {
        List<PatternNode> items = [];
        if (depth == 0 && Current == '^') _at++;
        while (_at < _text.Length && Current is not ('|' or ')'))
        {
            if (depth == 0 && Current == '$' && (_at + 1 == _text.Length || _text[_at + 1] == '|'))
            {
                _at++;
                break;
            }
            items.Add(Quantified(Atom(depth)));
        }
        return items.Count == 1 ? items[0] : new PatternNode.Sequence(items);
    }

    PatternNode Atom(int depth)
    {
        char c = _text[_at++];
        switch (c)
        {
            case '.':
                return new PatternNode.Character(CharacterSet.Any.Except(CharacterSet.Of(('\n', '\n'), ('\r', '\r'))));
            case '[':
                return new PatternNode.Character(Class());
            case '(':
                return Group(depth);
            case '\\':
                return new PatternNode.Character(Escape(out _));
            case '^' or '$':
                throw Error($"'{c}' stands inside");
            case '*' or '+' or '?':
                throw Error($"nothing stands before '{c}'");
            default:
                if (char.IsSurrogate(c)) throw Error("a character beyond the basic plane");
                return new PatternNode.Character(CharacterSet.Of((c, c)));
        }
    }

    PatternNode Group(int depth)
    {
        if (Current == '?')
        {
            _at++;
            if (Current == ':') _at++;
            else if (Current == '<' && _at + 1 < _text.Length && _text[_at + 1] is not ('=' or '!') && _text.IndexOf('>', _at) is var end and > 0) _at = end + 1;
            else throw Error("groups that look around, or set options,");
        }
        PatternNode node = Choice(depth + 1);
        if (Current != ')') throw Error("')' is missing");
        _at++;
        return node;
    }

    PatternNode Quantified(PatternNode item)
    {
        (int Low, int? High)? count = Current switch
        {
            '*' => (0, null),
            '+' => (1, null),
            '?' => (0, 1),
            '{' => Braces(out int _),
            _ => null,
        };
        if (count is not { } times) return item;
        if (Current != '{') _at++;
        else if (Braces(out int end) is not null) _at = end;
        if (Current == '?') _at++; // lazy: the same texts
        if (Current is '*' or '+' || (Current == '{' && Braces(out int _) is not null)) throw Error("two quantifiers follow each other");
        if (times.High < times.Low || times.Low > MostRepetitions) throw Error("a quantifier is out of range");
        return new PatternNode.Repeat(item, times.Low, times.High);
    }

    /// <summary>{m}, {m,} or {m,n}; anything else is ordinary text.</summary>
    (int, int?)? Braces(out int end)
    {
        end = _text.IndexOf('}', _at) + 1;
        if (end == 0) return null;
        string[] parts = _text[(_at + 1)..(end - 1)].Split(',');
        if (parts.Length > 2 || !TryCount(parts[0], out int low)) return null;
        if (parts.Length == 1) return (low, low);
        if (parts[1].Length == 0) return (low, null);
        return TryCount(parts[1], out int high) ? (low, high) : null;

        static bool TryCount(string text, out int count)
        {
            count = MostRepetitions + 1;
            if (text.Length == 0 || !text.All(char.IsAsciiDigit)) return false;
            if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value)) count = Math.Min(value, count);
            return true;
        }
    }

    CharacterSet Class()
    {
        bool negated = Current == '^';
        if (negated) _at++;
        CharacterSet universe = CharacterSet.Any;
        List<CharacterSet> parts = [];
        for (bool first = true; Current != ']' || first; first = false)
        {
            if (_at >= _text.Length) throw Error("']' is missing");
            if (Current == '[') throw Error("'[' inside a class");
            CharacterSet part = ClassPart(negated, out char? low, out bool isAscii);
            if (isAscii) universe = CharacterSet.Ascii;
            if (low is { } from && Current == '-' && _at + 1 < _text.Length && _text[_at + 1] != ']')
            {
                _at++;
                if (Current == '[') throw Error("class subtraction");
                ClassPart(negated, out char? high, out _);
                if (high is not { } to || to < from) throw Error("a range that is none");
                part = CharacterSet.Of((from, to));
            }
            parts.Add(part);
        }
        _at++;
        CharacterSet set = CharacterSet.Union(parts);
        return negated ? universe.Except(set) : set.And(CharacterSet.Any);
    }

    /// <param name="negated">Whether the class is: then a shorthand must hold everything any engine takes it for.</param>
    /// <param name="single">The character, if it is one.</param>
    /// <param name="isAscii">Whether engines differ beyond ASCII, so that the rest of a negated class must stay within it.</param>
    CharacterSet ClassPart(bool negated, out char? single, out bool isAscii)
    {
        char c = _text[_at++];
        isAscii = false;
        single = c;
        if (char.IsSurrogate(c)) throw Error("a character beyond the basic plane");
        if (c != '\\') return CharacterSet.Of((c, c));
        if (_at < _text.Length && negated && Current == 's')
        {
            _at++;
            single = null;
            return CharacterSet.WhiteSpace;
        }
        if (_at < _text.Length && negated && Current == 'p') throw Error("a category in a negated class");
        CharacterSet set = Escape(out single);
        isAscii = single is null;
        return set;
    }

    CharacterSet Escape(out char? single)
    {
        if (_at >= _text.Length) throw Error("the pattern ends in '\\'");
        char c = _text[_at++];
        single = null;
        switch (c)
        {
            case 'd': return CharacterSet.Digits;
            case 'w': return CharacterSet.Word;
            case 's': return CharacterSet.Of((' ', ' '));
            case 'D': return CharacterSet.Ascii.Except(CharacterSet.Digits);
            case 'W': return CharacterSet.Ascii.Except(CharacterSet.Word);
            case 'S': return CharacterSet.Ascii.Except(CharacterSet.WhiteSpace);
            case 'p': return Category();
            case 'x': c = Code(2); break;
            case 'u': c = Code(4); break;
            case 't': c = '\t'; break;
            case 'n': c = '\n'; break;
            case 'r': c = '\r'; break;
            default:
                if (char.IsAsciiLetterOrDigit(c)) throw Error($"'\\{c}'");
                break;
        }
        single = c;
        return CharacterSet.Of((c, c));
    }

    // The ASCII members, which every engine counts in.
    CharacterSet Category()
    {
        int end = Current == '{' ? _text.IndexOf('}', _at) : -1;
        string name = end > 0 ? _text[(_at + 1)..end] : "";
        _at = end + 1;
        return name switch
        {
            "L" => CharacterSet.Of(('A', 'Z'), ('a', 'z')),
            "Lu" => CharacterSet.Of(('A', 'Z')),
            "Ll" => CharacterSet.Of(('a', 'z')),
            "N" or "Nd" => CharacterSet.Digits,
            _ => throw Error("a category"),
        };
    }

    char Code(int digits)
    {
        if (_at + digits > _text.Length || !int.TryParse(_text.AsSpan(_at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code))
            throw Error("a character code");
        _at += digits;
        return char.IsSurrogate((char)code) ? throw Error("a character beyond the basic plane") : (char)code;
    }

    FormatException Error(string what) => new($"{what} at {_at} is not supported.");
}
