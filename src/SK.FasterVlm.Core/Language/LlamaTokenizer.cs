using System.Buffers;
using System.Text;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Language;

/// <summary>A model's vocabulary through libllama. Thread-safe.</summary>
internal sealed unsafe class LlamaTokenizer
{
    const int AttrUnknown = 1, AttrControl = 8, AttrUserDefined = 16;

    readonly LlamaModelHandle _model;
    readonly llama_vocab* _vocab;
    readonly Lazy<PlainSpelling> _spelling;
    readonly Lazy<GrammarVocabulary> _grammarVocabulary;

    /// <summary>Wraps the vocabulary of a model, which stays the owner.</summary>
    internal LlamaTokenizer(LlamaModelHandle model)
    {
        _model = model;
        _vocab = Llama.llama_model_get_vocab(model);
        Size = Llama.llama_vocab_n_tokens(_vocab);
        BosToken = Llama.llama_vocab_bos(_vocab);
        EosToken = Llama.llama_vocab_eos(_vocab);
        AddBos = Llama.llama_vocab_get_add_bos(_vocab);
        _spelling = new Lazy<PlainSpelling>(() => new PlainSpelling(this));
        _grammarVocabulary = new Lazy<GrammarVocabulary>(() => new GrammarVocabulary(Size, AppendPiece, IsEndOfGeneration));
    }

    /// <summary>Number of tokens; ids are 0 to Size - 1.</summary>
    internal int Size { get; }

    /// <summary>Begin-of-sequence token, or -1.</summary>
    internal int BosToken { get; }

    /// <summary>End-of-sequence token, or -1.</summary>
    internal int EosToken { get; }

    /// <summary>Whether a prompt starts with <see cref="BosToken"/>.</summary>
    internal bool AddBos { get; }

    /// <summary>The vocabulary, for a grammar. Valid while the model is open.</summary>
    internal llama_vocab* Vocabulary => _vocab;

    /// <summary>The vocabulary as grammars need it; made on first use.</summary>
    internal GrammarVocabulary GrammarVocabulary => _grammarVocabulary.Value;

    /// <summary>Tokenises text without adding BOS. Lone surrogates become U+FFFD, a NUL is a character like any other.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="parseSpecial">
    /// False guarantees that no <see cref="IsStructural">structural</see> token comes out: what spells one is given by its characters.
    /// </param>
    internal int[] Tokenize(string text, bool parseSpecial)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length == 0) return [];
        using var use = new HandleUse(_model);
        byte[] utf8 = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        try
        {
            int length = Encoding.UTF8.GetBytes(text, utf8);
            int[] tokens = Tokenize(utf8.AsSpan(0, length), parseSpecial);
            // The library assembles a control token from its spelling where pieces merge into it, whatever it was asked for.
            return parseSpecial || !tokens.Any(IsStructural) ? tokens : _spelling.Value.Replace(tokens);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(utf8);
        }
    }

    /// <summary>Appends the UTF-8 bytes of a token; structural tokens give nothing.</summary>
    internal void AppendPiece(int token, IBufferWriter<byte> output)
    {
        ArgumentNullException.ThrowIfNull(output);
        CheckToken(token);
        using var use = new HandleUse(_model);
        Span<byte> piece = output.GetSpan(64);
        int written = Write(piece);
        if (written < 0)
        {
            piece = output.GetSpan(-written);
            written = Write(piece);
        }
        output.Advance(Math.Max(0, written));

        int Write(Span<byte> destination)
        {
            fixed (byte* p = destination)
                return Llama.llama_token_to_piece(_vocab, token, p, destination.Length, lstrip: 0, special: false);
        }
    }

    /// <summary>Whether the token ends generation.</summary>
    internal bool IsEndOfGeneration(int token)
    {
        CheckToken(token);
        using var use = new HandleUse(_model);
        return Llama.llama_vocab_is_eog(_vocab, token);
    }

    /// <summary>
    /// Whether a token is structure that untrusted text must never become: control tokens, and tokens a converter marked "user
    /// defined" that look like a marker (<c>&lt;|im_start|&gt;</c>, <c>[INST]</c>); others of that mark are runs of spaces and the like.
    /// </summary>
    internal bool IsStructural(int token)
    {
        int attributes = Llama.llama_vocab_get_attr(_vocab, token);
        if ((attributes & AttrControl) != 0) return true;
        return (attributes & AttrUserDefined) != 0 && LooksLikeMarker(Text(token));
    }

    /// <summary>The vocabulary's own spelling of a token.</summary>
    internal string Text(int token) => Utf8.Read(Llama.llama_vocab_get_text(_vocab, token));

    /// <summary>Whether a token is the vocabulary's "unknown".</summary>
    internal bool IsUnknown(int token) => (Llama.llama_vocab_get_attr(_vocab, token) & AttrUnknown) != 0;

    /// <summary>Refuses ids outside the vocabulary; the library would read past its tables.</summary>
    internal void CheckToken(int token)
    {
        if ((uint)token >= (uint)Size)
            throw new ArgumentOutOfRangeException(nameof(token), token, $"The vocabulary has the tokens 0 to {Size - 1}.");
    }

    int[] Tokenize(ReadOnlySpan<byte> utf8, bool parseSpecial)
    {
        // Never more tokens than bytes, but for a prefix space.
        int[] tokens = ArrayPool<int>.Shared.Rent(utf8.Length + 8);
        try
        {
            int count;
            fixed (byte* text = utf8)
            fixed (int* ids = tokens)
                count = Llama.llama_tokenize(_vocab, text, utf8.Length, ids, tokens.Length, add_special: false, parseSpecial);
            if (count < 0) throw new NativeRuntimeException($"The text of {utf8.Length} bytes could not be tokenised. {NativeLog.Tail()}");
            return tokens.AsSpan(0, count).ToArray();
        }
        finally
        {
            ArrayPool<int>.Shared.Return(tokens);
        }
    }

    static bool LooksLikeMarker(string text) =>
        text.Length > 2 && ((text[0] == '<' && text[^1] == '>') || (text[0] == '[' && text[^1] == ']')) && text.Any(char.IsLetter);
}
