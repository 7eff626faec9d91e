using System.Globalization;
using System.Text;

namespace SK.FasterVlm.Core.Tests.Chat.Grammar;

/// <summary>A reader of GBNF for tests: draws random texts from a grammar and tells whether a grammar takes a text. Written from the format's description, not from our writer.</summary>
sealed class Gbnf
{
    abstract record Node;
    sealed record Chars(bool Negated, (int Low, int High)[] Ranges) : Node;
    sealed record Reference(string Name) : Node;
    sealed record Sequence(Node[] Items) : Node;
    sealed record Choice(Node[] Items) : Node;
    sealed record Repeat(Node Item, int Low, int High) : Node;

    readonly Dictionary<string, Node> _rules = [];
    readonly string _text;
    int _at;
    bool _isCut;

    public Gbnf(string grammar)
    {
        _text = grammar;
        Skip(true);
        while (_at < _text.Length)
        {
            string name = Name();
            Skip(false);
            Assert.Equal("::=", _text.Substring(_at, 3));
            _at += 3;
            Skip(true);
            _rules[name] = Alternatives(false);
            Skip(true);
        }
    }

    /// <summary>Draws a text. Repetitions are drawn short, so that texts stay readable, but their bounds are met now and then.</summary>
    public string Draw(Random random)
    {
        StringBuilder text = new();
        Draw(_rules["root"], random, text);
        return text.ToString();
    }

    /// <summary>Whether the whole of a text follows the grammar.</summary>
    public bool Accepts(string text)
    {
        int[] runes = [.. text.EnumerateRunes().Select(static r => r.Value)];
        return Ends(_rules["root"], runes, 0, []).Contains(runes.Length);
    }

    /// <summary>Whether a text is the beginning of one that follows the grammar.</summary>
    public bool Begins(string text)
    {
        int[] runes = [.. text.EnumerateRunes().Select(static r => r.Value)];
        _isCut = false;
        Ends(_rules["root"], runes, 0, []);
        return _isCut;
    }

    /// <summary>Most bytes a text of the grammar has in UTF-8, and so most tokens; null when it has no bound.</summary>
    public long? Longest()
    {
        Dictionary<string, long> known = [];
        try
        {
            return Of(_rules["root"]);
        }
        catch (InvalidOperationException)
        {
            return null;
        }

        long Of(Node node) => node switch
        {
            Chars { Negated: true } => 4,
            Chars chars => chars.Ranges.Max(static r => new Rune(r.High).Utf8SequenceLength),
            Sequence sequence => sequence.Items.Sum(Of),
            Choice choice => choice.Items.Max(Of),
            Repeat repeat => Math.Min(int.MaxValue, repeat.High * Of(repeat.Item)),
            Reference reference => Rule(reference.Name),
            _ => 0,
        };

        long Rule(string name)
        {
            if (known.TryGetValue(name, out long length)) return length >= 0 ? length : throw new InvalidOperationException("The grammar is recursive.");
            known[name] = -1;
            return known[name] = Of(_rules[name]);
        }
    }

    void Draw(Node node, Random random, StringBuilder text)
    {
        switch (node)
        {
            case Chars chars:
                text.Append(char.ConvertFromUtf32(Pick(chars, random)));
                break;
            case Reference reference:
                Draw(_rules[reference.Name], random, text);
                break;
            case Sequence sequence:
                foreach (Node item in sequence.Items) Draw(item, random, text);
                break;
            case Choice choice:
                Draw(choice.Items[random.Next(choice.Items.Length)], random, text);
                break;
            case Repeat repeat:
                int most = random.Next(8) == 0 ? repeat.High : Math.Min(repeat.High, repeat.Low + 4);
                for (int count = random.Next(4) == 0 ? repeat.Low : random.Next(repeat.Low, most + 1); count > 0; count--) Draw(repeat.Item, random, text);
                break;
        }
    }

    static int Pick(Chars chars, Random random)
    {
        Assert.False(chars.Negated, "our grammars have no negated classes but for text, which is not drawn");
        (int low, int high) = chars.Ranges[random.Next(chars.Ranges.Length)];
        return random.Next(3) switch { 0 => low, 1 => high, _ => random.Next(low, high + 1) };
    }

    HashSet<int> Ends(Node node, int[] text, int at, Dictionary<(Node, int), HashSet<int>> known)
    {
        if (known.TryGetValue((node, at), out HashSet<int>? ends)) return ends;
        ends = [];
        switch (node)
        {
            case Chars chars:
                _isCut |= at == text.Length;
                if (at < text.Length && chars.Ranges.Any(r => r.Low <= text[at] && text[at] <= r.High) != chars.Negated) ends.Add(at + 1);
                break;
            case Reference reference:
                ends = Ends(_rules[reference.Name], text, at, known);
                break;
            case Sequence sequence:
                ends.Add(at);
                foreach (Node item in sequence.Items) ends = [.. ends.SelectMany(e => Ends(item, text, e, known))];
                break;
            case Choice choice:
                foreach (Node item in choice.Items) ends.UnionWith(Ends(item, text, at, known));
                break;
            case Repeat repeat:
                HashSet<int> here = [at];
                for (int i = 0; here.Count > 0 && i <= repeat.High; i++)
                {
                    if (i >= repeat.Low) ends.UnionWith(here);
                    here = [.. here.SelectMany(e => Ends(repeat.Item, text, e, known))];
                    if (i >= repeat.Low && here.IsSubsetOf(ends)) break;
                }
                break;
        }
        known[(node, at)] = ends;
        return ends;
    }

    Node Alternatives(bool nested)
    {
        List<Node> choices = [Items(nested)];
        while (_at < _text.Length && _text[_at] == '|')
        {
            _at++;
            Skip(true);
            choices.Add(Items(nested));
        }
        return choices.Count == 1 ? choices[0] : new Choice([.. choices]);
    }

    Node Items(bool nested)
    {
        List<Node> items = [];
        while (_at < _text.Length && _text[_at] is not ('|' or ')' or '\n'))
        {
            Node item = _text[_at] switch
            {
                '"' => Literal(),
                '[' => Class(),
                '(' => Group(),
                _ => new Reference(Name()),
            };
            while (_at < _text.Length && _text[_at] is '?' or '*' or '+' or '{') item = Times(item);
            items.Add(item);
            Skip(nested);
        }
        return items.Count == 1 ? items[0] : new Sequence([.. items]);
    }

    Node Group()
    {
        _at++;
        Skip(true);
        Node node = Alternatives(true);
        Assert.Equal(')', _text[_at++]);
        return node;
    }

    Repeat Times(Node item)
    {
        char c = _text[_at++];
        if (c == '?') return new Repeat(item, 0, 1);
        if (c == '*') return new Repeat(item, 0, 500);
        if (c == '+') return new Repeat(item, 1, 500);
        int end = _text.IndexOf('}', _at);
        int[] bounds = [.. _text[_at..end].Split(',').Select(static n => int.Parse(n, CultureInfo.InvariantCulture))];
        _at = end + 1;
        return new Repeat(item, bounds[0], bounds[^1]);
    }

    Sequence Literal()
    {
        List<Node> items = [];
        for (_at++; _text[_at] != '"';) items.Add(One(Character()));
        _at++;
        return new Sequence([.. items]);

        static Chars One(int c) => new(false, [(c, c)]);
    }

    Chars Class()
    {
        bool negated = _text[++_at] == '^';
        if (negated) _at++;
        List<(int, int)> ranges = [];
        while (_text[_at] != ']')
        {
            int low = Character(), high = low;
            if (_text[_at] == '-' && _text[_at + 1] != ']')
            {
                _at++;
                high = Character();
            }
            ranges.Add((low, high));
        }
        _at++;
        return new Chars(negated, [.. ranges]);
    }

    int Character()
    {
        if (_text[_at] != '\\')
        {
            int value = char.ConvertToUtf32(_text, _at);
            _at += value > 0xFFFF ? 2 : 1;
            return value;
        }
        char c = _text[_at + 1];
        _at += 2;
        int digits = c switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
        if (digits == 0) return c switch { 'n' => '\n', 'r' => '\r', 't' => '\t', _ => c };
        _at += digits;
        return int.Parse(_text.AsSpan(_at - digits, digits), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }

    string Name()
    {
        int start = _at;
        while (_at < _text.Length && (char.IsAsciiLetterOrDigit(_text[_at]) || _text[_at] == '-')) _at++;
        Assert.True(_at > start, $"a name is expected at {start}");
        return _text[start.._at];
    }

    void Skip(bool lines)
    {
        while (_at < _text.Length && (_text[_at] is ' ' or '\t' || (lines && _text[_at] is '\n'))) _at++;
    }
}
