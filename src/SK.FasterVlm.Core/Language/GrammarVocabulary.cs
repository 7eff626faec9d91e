using System.Buffers;

namespace SK.FasterVlm.Language;

/// <summary>How far a UTF-8 character has come: bytes still missing, and what the next of them may be.</summary>
/// <param name="Missing">Continuation bytes still missing; 0 between characters.</param>
/// <param name="Low">Smallest value of the next one.</param>
/// <param name="High">Largest value of the next one.</param>
internal readonly record struct Utf8State(byte Missing, byte Low, byte High)
{
    /// <summary>Takes bytes.</summary>
    /// <returns>The state after them; null when they cannot follow in well-formed UTF-8 (Unicode 15, table 3-7).</returns>
    internal Utf8State? After(ReadOnlySpan<byte> bytes)
    {
        Utf8State state = this;
        foreach (byte b in bytes)
        {
            if (state.Missing > 0)
            {
                if (b < state.Low || b > state.High) return null;
                state = state.Missing == 1 ? default : new((byte)(state.Missing - 1), 0x80, 0xBF);
                continue;
            }
            switch (b)
            {
                case < 0x80: break;
                case >= 0xC2 and <= 0xDF: state = new(1, 0x80, 0xBF); break;
                case 0xE0: state = new(2, 0xA0, 0xBF); break;
                case 0xED: state = new(2, 0x80, 0x9F); break;
                case >= 0xE1 and <= 0xEF: state = new(2, 0x80, 0xBF); break;
                case 0xF0: state = new(3, 0x90, 0xBF); break;
                case >= 0xF1 and <= 0xF3: state = new(3, 0x80, 0xBF); break;
                case 0xF4: state = new(3, 0x80, 0x8F); break;
                default: return null;
            }
        }
        return state;
    }
}

/// <summary>
/// Which tokens may stand in text that follows a grammar, beyond what the library's matcher checks. The matcher reads a control token
/// by its spelling (<c>&lt;s&gt;</c> passes as three characters of a string) although it adds no text, and it lets bytes pass that
/// are no character (overlong forms, surrogates), which decode to other text than it matched. Either would break the promise that the
/// answer follows the grammar. Immutable once made; thread-safe.
/// </summary>
internal sealed class GrammarVocabulary
{
    readonly byte[]?[] _fragments; // bytes of tokens that are not whole characters; empty: never allowed; null: nothing to check
    readonly int[] _checked;

    /// <summary>Reads the spelling of every token.</summary>
    internal GrammarVocabulary(int size, Action<int, IBufferWriter<byte>> appendPiece, Func<int, bool> isEndOfGeneration)
    {
        _fragments = new byte[]?[size];
        ArrayBufferWriter<byte> piece = new(64);
        for (int token = 0; token < size; token++)
        {
            if (isEndOfGeneration(token)) continue;
            piece.ResetWrittenCount();
            appendPiece(token, piece);
            ReadOnlySpan<byte> bytes = piece.WrittenSpan;
            if (bytes.IsEmpty || bytes.Contains((byte)0)) _fragments[token] = [];
            else if (default(Utf8State).After(bytes) is not { Missing: 0 }) _fragments[token] = bytes.ToArray();
        }
        _checked = [.. Enumerable.Range(0, size).Where(token => _fragments[token] is not null)];
    }

    /// <summary>Tokens that <see cref="Allows"/> may refuse.</summary>
    internal ReadOnlySpan<int> Checked => _checked;

    /// <summary>Whether a token may follow where a character is in this state; says nothing about the grammar.</summary>
    internal bool Allows(int token, Utf8State state) =>
        _fragments[token] is not { } bytes || (bytes.Length > 0 && state.After(bytes) is not null);

    /// <summary>The state after a token that was allowed.</summary>
    internal Utf8State After(int token, Utf8State state) => _fragments[token] is { } bytes ? state.After(bytes) ?? default : default;
}
