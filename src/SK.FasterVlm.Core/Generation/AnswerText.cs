using System.Buffers;
using System.Text;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Generation;

/// <summary>
/// Assembles an answer's text from its tokens: whole UTF-8 characters only, white space at the start dropped, stop texts found.
/// </summary>
sealed class AnswerText
{
    readonly ILanguageModel _language;
    readonly StopText _stop;
    readonly Decoder _utf8 = new UTF8Encoding(false, throwOnInvalidBytes: false).GetDecoder();
    readonly ArrayBufferWriter<byte> _bytes = new(64);
    bool _started;

    public AnswerText(ILanguageModel language, IReadOnlyList<string> stops, bool trimStart)
    {
        _language = language;
        _stop = new StopText(stops);
        _started = !trimStart;
    }

    /// <summary>Whether a stop text has appeared.</summary>
    public bool Stopped => _stop.Found;

    /// <summary>Takes a token; returns text that can be shown, possibly empty.</summary>
    public string Push(int token)
    {
        _bytes.ResetWrittenCount();
        _language.AppendPiece(token, _bytes);
        return _stop.Push(Decode(_bytes.WrittenSpan, flush: false));
    }

    /// <summary>Ends the answer; returns what was held back. A character that was never completed becomes U+FFFD.</summary>
    public string Finish() => _stop.Push(Decode([], flush: true)) + _stop.Flush();

    string Decode(ReadOnlySpan<byte> bytes, bool flush)
    {
        char[] chars = ArrayPool<char>.Shared.Rent(bytes.Length + 4);
        int count = _utf8.GetChars(bytes, chars, flush);
        string text = new(chars, 0, count);
        ArrayPool<char>.Shared.Return(chars);
        if (_started) return text;
        // LLaVA's answers begin with the space that separates them from "ASSISTANT:".
        text = text.TrimStart();
        _started = text.Length > 0;
        return text;
    }
}
