using System.Text;

namespace SK.FasterVlm.Language;

/// <summary>
/// Writes structural tokens that untrusted text ran into as the characters they consist of. Characters the vocabulary has no token
/// for are given as byte tokens, or as the vocabulary's "unknown".
/// </summary>
internal sealed class PlainSpelling
{
    readonly LlamaTokenizer _tokenizer;
    readonly Dictionary<string, int> _short = new(StringComparer.Ordinal);
    readonly int _unknown = -1;

    internal PlainSpelling(LlamaTokenizer tokenizer)
    {
        _tokenizer = tokenizer;
        for (int token = 0; token < tokenizer.Size; token++)
        {
            if (tokenizer.IsUnknown(token) && _unknown < 0) _unknown = token;
            string text = tokenizer.Text(token);
            // One character, or the name of a byte: <0x0A>.
            if ((text.Length <= 2 || text.Length == 6) && !tokenizer.IsStructural(token)) _short.TryAdd(text, token);
        }
    }

    /// <summary>The same tokens with every structural one spelled out.</summary>
    internal int[] Replace(int[] tokens)
    {
        List<int> result = new(tokens.Length + 16);
        foreach (int token in tokens)
        {
            if (_tokenizer.IsStructural(token)) Spell(_tokenizer.Text(token), result);
            else result.Add(token);
        }
        return [.. result];
    }

    void Spell(string text, List<int> result)
    {
        Span<byte> bytes = stackalloc byte[4];
        foreach (Rune rune in text.EnumerateRunes())
        {
            // SPM writes a space as U+2581 and control tokens already hold it so; byte-level BPE has letters for printable ASCII.
            if (_short.TryGetValue(rune.ToString(), out int token))
            {
                result.Add(token);
                continue;
            }
            foreach (byte b in bytes[..rune.EncodeToUtf8(bytes)])
            {
                if (_short.TryGetValue($"<0x{b:X2}>", out int byteToken)) result.Add(byteToken);
                else if (_short.TryGetValue(ByteLetter(b), out byteToken)) result.Add(byteToken);
                else if (_unknown >= 0) result.Add(_unknown);
            }
        }
    }

    // GPT-2's byte letters: printable bytes stand for themselves, the other 68 follow from U+0100 on.
    static string ByteLetter(byte value)
    {
        int shifted = 0;
        for (int b = 0; b <= value; b++)
        {
            bool printable = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE;
            if (b == value && printable) return ((char)b).ToString();
            if (!printable) shifted++;
        }
        return ((char)(0x100 + shifted - 1)).ToString();
    }
}
