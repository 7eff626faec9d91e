using System.Text;

namespace SK.FasterVlm.Gguf;

/// <summary>
/// What a language model's file says of itself. Made only by <see cref="Read"/>, which refuses what llama.cpp would answer with an
/// assertion (and so with the end of the process). Shapes of most tensors are left to llama.cpp, which reports them as errors; their types
/// are not checked there. Immutable.
/// </summary>
public sealed record LanguageHeader
{
    // Characters of a token. The longest of the vocabularies in use have some hundred (spaces, dashes).
    const int LongestToken = 1024;

    const string SentencePiece = "llama", Bpe = "gpt2";

    // Decoders whose positions are one number per token; others need more than this library feeds them.
    static readonly HashSet<string> Decoders =
    [
        "llama", "mistral3", "phi2", "phi3", "phimoe", "qwen", "qwen2", "qwen2moe", "qwen3", "qwen3moe", "gemma", "gemma2", "gemma3",
        "stablelm", "internlm2", "baichuan", "falcon", "mpt", "starcoder", "starcoder2", "gptneox", "gpt2", "bloom", "orion", "minicpm",
        "minicpm3", "command-r", "cohere2", "olmo", "olmo2", "olmoe", "granite", "granitemoe", "exaone", "exaone4", "deepseek", "deepseek2",
        "smollm3", "glm4", "chatglm", "nemotron", "xverse", "dbrx", "arctic", "llama4", "gpt-oss", "ernie4_5", "hunyuan-dense", "seed_oss",
    ];

    LanguageHeader() { }

    /// <summary>Architecture, for example <c>llama</c>.</summary>
    public required string Architecture { get; init; }

    /// <summary>The model's name, or null.</summary>
    public required string? Name { get; init; }

    /// <summary>Width of the hidden state; a projector's output must be as wide.</summary>
    public required int EmbeddingWidth { get; init; }

    /// <summary>Layers.</summary>
    public required int LayerCount { get; init; }

    /// <summary>Positions the model was trained for.</summary>
    public required int ContextLength { get; init; }

    /// <summary>Pieces of the vocabulary.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Kind of vocabulary, for example <c>llama</c> (SentencePiece) or <c>gpt2</c> (byte-level BPE).</summary>
    public required string TokenizerModel { get; init; }

    /// <summary>The chat template's text, or null. Untrusted: to be recognised, never executed.</summary>
    public required string? ChatTemplate { get; init; }

    /// <summary>Attention heads of every layer.</summary>
    public required int HeadCount { get; init; }

    /// <summary>Heads of keys and values of every layer.</summary>
    public required int KeyValueHeadCount { get; init; }

    /// <summary>[width, vocabulary].</summary>
    public required GgufTensorInfo TokenEmbedding { get; init; }

    /// <summary>Reads and checks the description in a language model's file.</summary>
    /// <param name="file">Need not stay open for the header's sake.</param>
    /// <exception cref="ModelFormatException">
    /// Not a language model, of a kind this library does not run, or with impossible sizes.
    /// </exception>
    public static LanguageHeader Read(GgufFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        GgufMetadata keys = file.Metadata;
        string architecture = RequireDecoder(keys);
        int width = Size(keys, $"{architecture}.embedding_length", 1 << 20);
        int vocabulary = CheckVocabulary(keys);
        DecoderCheck sizes = DecoderCheck.Run(keys, architecture, width);
        TensorCheck tensors = new(file);
        GgufTensorInfo embedding = tensors.LanguageMatrix("token_embd.weight", width, vocabulary);
        tensors.LanguageTypes();
        return new LanguageHeader
        {
            Architecture = architecture,
            Name = keys.FindString("general.name"),
            EmbeddingWidth = width,
            LayerCount = sizes.Layers,
            ContextLength = Size(keys, $"{architecture}.context_length", 1 << 30),
            VocabularySize = vocabulary,
            TokenizerModel = keys.GetString("tokenizer.ggml.model"),
            ChatTemplate = keys.FindString("tokenizer.chat_template"),
            HeadCount = sizes.Heads,
            KeyValueHeadCount = sizes.KeyValueHeads,
            TokenEmbedding = embedding,
        };
    }

    static string RequireDecoder(GgufMetadata keys)
    {
        const string key = "general.architecture";
        string architecture = keys.GetString(key);
        if (architecture is "clip")
            throw new ModelFormatException("This file is a projector (mmproj), not a language model; give it as the projector.", key);
        if (Decoders.Contains(architecture)) return architecture;
        throw new ModelFormatException($"Language models of the architecture '{Printable.Escape(architecture)}' are not supported.", key);
    }

    // The other kinds (WordPiece, Unigram, RWKV, none, ...) are of models that are no decoders of this library, and their readers in
    // llama.cpp end the process on text they have no token for.
    static string RequireTokenizer(GgufMetadata keys)
    {
        const string key = "tokenizer.ggml.model";
        string kind = keys.GetString(key);
        return kind is SentencePiece or Bpe
            ? kind
            : throw Bad(key, $"is '{Printable.Escape(kind)}'; supported are {SentencePiece} (SentencePiece) and {Bpe} (byte-level BPE)");
    }

    static int CheckVocabulary(GgufMetadata keys)
    {
        const string tokens = "tokenizer.ggml.tokens";
        string kind = RequireTokenizer(keys);
        int count = keys.GetStrings(tokens).Count;
        if (count == 0) throw Bad(tokens, "is empty");
        // llama.cpp reads these arrays with the index of the token.
        CheckLength(keys.FindFloats("tokenizer.ggml.scores")?.Length, "tokenizer.ggml.scores");
        CheckLength(keys.FindInt32s("tokenizer.ggml.token_type")?.Length, "tokenizer.ggml.token_type");
        foreach (string special in (string[])["bos", "eos", "eot", "unknown", "padding", "seperator", "mask"])
        {
            string key = $"tokenizer.ggml.{special}_token_id";
            // 2^32 - 1 says "none".
            if (keys.FindUInt32(key) is { } id && id != uint.MaxValue && id >= count)
                throw Bad(key, $"{id} is outside the vocabulary of {count}");
        }
        CheckTokens(keys.GetStrings(tokens), tokens, needsBytes: kind == SentencePiece);
        return count;

        void CheckLength(int? length, string key)
        {
            if (length is not null && length != count) throw Bad(key, $"has {length} entries for a vocabulary of {count}");
        }
    }

    /// <summary>
    /// Text that has no token of its own is written in bytes: llama.cpp looks for the token of a byte by its name, then by the character
    /// itself, and ends the process where there is neither. It compares tokens with grammars by recursion over their characters, and
    /// ends the process where these are too many for the stack; and it asserts that no two tokens are alike.
    /// </summary>
    static void CheckTokens(GgufTexts tokens, string key, bool needsBytes)
    {
        bool[] there = new bool[256];
        var seen = new HashSet<string>(tokens.Count, StringComparer.Ordinal);
        for (int i = 0; i < tokens.Count; i++)
        {
            string token = tokens[i];
            if (token.Length > LongestToken) throw Bad(key, $"has a token of {token.Length} characters; {LongestToken} are allowed");
            if (!seen.Add(AsTheLibraryReads(tokens.Utf8(i), i))) throw Bad(key, $"has the token '{Printable.Escape(token)}' twice");
            if (token.Length == 1 && token[0] < 128) there[token[0]] = true;
            else if (token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
                && char.IsAsciiHexDigitUpper(token[3]) && char.IsAsciiHexDigitUpper(token[4])) there[Convert.ToByte(token[3..5], 16)] = true;
        }
        int missing = Array.IndexOf(there, false);
        if (needsBytes && missing >= 0) throw Bad(key, $"lacks the token <0x{missing:X2}>, without which not every text can be written");
    }

    // Up to a NUL, byte by byte; what is then empty gets a name.
    static string AsTheLibraryReads(ReadOnlySpan<byte> token, int index)
    {
        int end = token.IndexOf((byte)0);
        if (end >= 0) token = token[..end];
        return token.IsEmpty ? $"[EMPTY_{index}]" : Encoding.Latin1.GetString(token);
    }

    static int Size(GgufMetadata keys, string key, int max)
    {
        uint value = keys.GetUInt32(key);
        return value >= 1 && value <= (uint)max ? (int)value : throw Bad(key, $"{value} is outside 1 to {max}");
    }

    static ModelFormatException Bad(string key, string problem) => DecoderCheck.Bad(key, problem);
}
