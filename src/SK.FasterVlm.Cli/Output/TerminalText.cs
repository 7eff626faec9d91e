using System.Text;

namespace SK.FasterVlm.Cli.Output;

/// <summary>
/// Keeps text that others wrote (a model, a file's metadata, an error) from steering the terminal: escape sequences could rewrite
/// the screen, set the clipboard or the window title. Stateful, because a stream may cut a sequence in two.
/// </summary>
internal sealed class TerminalText
{
    const char Escape = '\x1b';
    const char C1Introducer = '\x9b'; // "ESC [" as one character

    enum State { Text, AfterEscape, InSequence }

    State _state;

    /// <summary>Cleans a whole text.</summary>
    public static string Clean(string text) => new TerminalText().Append(text);

    /// <summary>Cleans a text and joins its lines.</summary>
    public static string OneLine(string text) =>
        string.Join(' ', Clean(text).Split(
            (char[])['\n', '\t', '\u2028', '\u2029'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));

    /// <summary>The printable part of the next piece of a stream. Line feeds and tabs pass; every other control character goes.</summary>
    public string Append(string piece)
    {
        StringBuilder clean = new(piece.Length);
        foreach (char c in piece)
        {
            if (Accept(c)) clean.Append(c);
        }

        return clean.ToString();
    }

    // Only CSI sequences are swallowed up to their end: they are short. The text of an OSC or DCS string (a title, say) stays
    // visible without its introducer, since one that is never closed would swallow the rest of the answer.
    bool Accept(char c)
    {
        if (_state == State.AfterEscape)
        {
            _state = c == '[' ? State.InSequence : State.Text;
            if (c is '[' or ']' or 'P' or 'X' or '^' or '_') return false;
        }
        else if (_state == State.InSequence)
        {
            if (c is >= '\x20' and <= '\x3f') return false;
            _state = State.Text;
            if (c is >= '\x40' and <= '\x7e') return false;
        }

        if (c == Escape) _state = State.AfterEscape;
        if (c == C1Introducer) _state = State.InSequence;
        return c is '\n' or '\t' || !char.IsControl(c);
    }
}
