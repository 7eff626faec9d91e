using System.Buffers;
using System.Collections.Concurrent;
using System.Text;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Chat;

/// <summary>A stretch of a tokenised prompt: token ids, or the place of an image.</summary>
/// <param name="Tokens">Token ids; empty for an image.</param>
/// <param name="ImageIndex">Index into the request's images; -1 for tokens.</param>
public readonly record struct PromptPart(int[] Tokens, int ImageIndex)
{
    /// <summary>Whether an image stands here.</summary>
    public bool IsImage => ImageIndex >= 0;
}

/// <summary>
/// Turns prompt segments into token ids that equal what LLaVA's reference code makes of the same conversation, and keeps user text
/// from ever becoming a special token. Thread-safe.
/// </summary>
/// <remarks>
/// The text between two images is one string for LLaVA, so word pieces may form across the border of a marker and a user's text
/// (<c>" ASSISTANT:"</c> after an answer that ends in a space). Therefore only markers that <em>are</em> special tokens are tokenised
/// by themselves, with special tokens on; everything between them, ordinary markers and text alike, is joined and tokenised with
/// special tokens off. Some vocabularies still assemble a special token from its spelling (tokens marked "user defined", or pieces
/// that merge into it): the ids of every joined stretch are checked, and a stretch that contains a special token is cut until it
/// does not.
/// </remarks>
public sealed class PromptTokenizer
{
    // Templates have a few dozen markers; the bound only matters for callers that make up their own.
    const int MaxCachedMarkers = 256;

    readonly ILanguageModel _language;
    readonly ConcurrentDictionary<string, int[]?> _special = new(StringComparer.Ordinal);
    readonly ConcurrentDictionary<int, bool> _structural = new();
    readonly int[] _lineBreak;

    /// <summary>Creates a tokenizer for a model's vocabulary.</summary>
    public PromptTokenizer(ILanguageModel language)
    {
        ArgumentNullException.ThrowIfNull(language);
        _language = language;
        _lineBreak = language.Tokenize("\n", parseSpecial: false);
    }

    /// <summary>Tokenises a prompt. BOS comes first when the model wants one.</summary>
    /// <param name="prompt">Segments in order.</param>
    /// <returns>Token stretches and images in order; neighbouring token stretches are joined.</returns>
    public IReadOnlyList<PromptPart> Tokenize(IReadOnlyList<PromptSegment> prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        List<PromptPart> parts = [];
        List<int> tokens = [];
        StringBuilder plain = new();
        if (_language.Info.AddBos && _language.Info.BosToken >= 0) tokens.Add(_language.Info.BosToken);

        foreach (PromptSegment segment in prompt)
        {
            if (segment.Kind == PromptSegmentKind.Image)
            {
                EndPlain();
                if (tokens.Count > 0) parts.Add(new PromptPart([.. tokens], -1));
                tokens.Clear();
                parts.Add(new PromptPart([], segment.ImageIndex));
            }
            else if (segment.Kind == PromptSegmentKind.Marker && SpecialIds(segment.Text) is { } ids)
            {
                EndPlain();
                tokens.AddRange(ids);
            }
            else
            {
                plain.Append(segment.Text);
            }
        }
        EndPlain();
        if (tokens.Count > 0) parts.Add(new PromptPart([.. tokens], -1));
        return parts;

        void EndPlain()
        {
            if (plain.Length == 0) return;
            AddPlain(plain.ToString(), tokens, _language.Tokenize);
            plain.Clear();
        }
    }

    /// <summary>The ids of a marker that contains special tokens; null for one that is ordinary text in this vocabulary.</summary>
    int[]? SpecialIds(string marker)
    {
        if (_special.TryGetValue(marker, out int[]? known)) return known;
        int[] ids = _language.Tokenize(marker, parseSpecial: true);
        int[] structural = [.. ids.Where(id => IsStructure(Piece(id)))];
        foreach (int id in structural) _structural[id] = true;
        int[]? result = structural.Length > 0 ? ids : null;
        if (_special.Count < MaxCachedMarkers) _special[marker] = result;
        return result;
    }

    /// <summary>
    /// Control tokens have no text. "User defined" ones do: the whole of <c>&lt;|im_start|&gt;</c>, which text is never merged to.
    /// </summary>
    static bool IsStructure(string piece) => piece.Length == 0 || (piece.Length > 2 && piece is ['<', .., '>'] or ['[', .., ']']);

    /// <summary>Adds the ids of text that must not contain special tokens, halving it while it does.</summary>
    void AddPlain(string text, List<int> output, Func<string, bool, int[]> tokenize)
    {
        int[] ids = tokenize(text, false);
        if (!Array.Exists(ids, IsSpecial))
        {
            output.AddRange(ids);
            return;
        }
        int half = text.Length / 2;
        if (half > 0 && char.IsLowSurrogate(text[half])) half--;
        if (half == 0)
        {
            // One character, and still special: a vocabulary without this character answers with its "unknown" token.
            output.AddRange(ids.Where(id => !IsSpecial(id)));
            return;
        }
        AddPlain(text[..half], output, tokenize);
        AddPlain(text[half..], output, TokenizeContinuation);
    }

    /// <summary>Tokenises text that continues a cut one: without the space SentencePiece vocabularies put before a text.</summary>
    int[] TokenizeContinuation(string text, bool parseSpecial)
    {
        int[] ids = _language.Tokenize("\n" + text, parseSpecial);
        return ids.AsSpan().StartsWith(_lineBreak) ? ids[_lineBreak.Length..] : _language.Tokenize(text, parseSpecial);
    }

    bool IsSpecial(int id) =>
        _structural.GetOrAdd(id, static (id, self) =>
            id == self._language.Info.BosToken || id == self._language.Info.EosToken
            || self._language.IsEndOfGeneration(id) || self.Piece(id).Length == 0, this);

    string Piece(int id)
    {
        ArrayBufferWriter<byte> bytes = new(16);
        _language.AppendPiece(id, bytes);
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }
}
