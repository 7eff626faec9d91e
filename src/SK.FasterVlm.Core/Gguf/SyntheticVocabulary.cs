namespace SK.FasterVlm.Gguf;

/// <summary>
/// Vocabularies that spell any text: bytes first, then characters, then common words with all their beginnings (a merge needs both
/// halves to be pieces), then invented words up to the size asked for.
/// </summary>
static class SyntheticVocabulary
{
    const string Consonants = "bdfgjklmnprstvz";
    const string Vowels = "aeiou";

    static readonly string[] Words =
    [
        "USER:", "ASSISTANT:", "the", "a", "what", "is", "in", "picture", "image", "of", "and", "to", "on", "with", "how", "many", "there",
        "are", "color", "red", "green", "blue", "yellow", "white", "black", "circle", "square", "triangle", "chat", "between", "curious",
        "user", "an", "artificial", "intelligence", "assistant.", "The", "assistant", "gives", "helpful,", "detailed,", "polite",
        "answers", "user's", "questions.", "A", "describe", "answer", "question", "using", "single", "word", "or", "phrase.", "yes", "no",
        "left", "right", "above", "below", "table", "person", "dog", "cat", "car", "tree", "house", "sky", "water", "street",
    ];

    static readonly string[] BpeSpecials =
    [
        "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
        "<|im_start|>", "<|im_end|>", "<|endoftext|>",
    ];

    static readonly string[] ChatMlSpecials = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"];

    // llama.cpp looks <|endoftext|> up in whatever calls itself Phi-3.
    static readonly string[] Phi3Specials = ["<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"];

    enum TokenType
    {
        Normal = 1,
        Unknown = 2,
        Control = 3,
        Byte = 6,
    }

    /// <summary>Adds the tokenizer's keys.</summary>
    /// <param name="writer">Of the language model.</param>
    /// <param name="kind">Which vocabulary.</param>
    /// <param name="size">Number of pieces, 384 or more.</param>
    internal static void AddTo(GgufWriter writer, SyntheticVocabularyKind kind, int size)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 384);
        if (kind is SyntheticVocabularyKind.Spm) AddSpm(writer, size, []);
        else if (kind is SyntheticVocabularyKind.SpmPhi3) AddSpm(writer, size, Phi3Specials);
        else if (kind is SyntheticVocabularyKind.SpmChatMl) AddSpm(writer, size, ChatMlSpecials, end: "<|im_end|>");
        else AddBpe(writer, kind, size);
    }

    static void AddSpm(GgufWriter writer, int size, string[] specials, string end = "</s>")
    {
        var pieces = new Pieces(size);
        pieces.Add("<unk>", TokenType.Unknown);
        pieces.Add("<s>", TokenType.Control);
        pieces.Add("</s>", TokenType.Control);
        for (int b = 0; b < 256; b++) pieces.Add($"<0x{b:X2}>", TokenType.Byte);
        foreach (string special in specials) pieces.Add(special, TokenType.Control);
        const char space = '\u2581';
        pieces.Add(space.ToString());
        for (char c = '!'; c <= '~'; c++) pieces.Add(c.ToString());
        foreach (string word in Words) AddBeginnings(pieces, space + word);
        foreach (string word in InventedWords().TakeWhile(_ => !pieces.IsFull)) pieces.Add(space + word);
        writer.Add("tokenizer.ggml.model", "llama")
            .Add("tokenizer.ggml.tokens", pieces.Texts)
            .Add("tokenizer.ggml.scores", [.. pieces.Types.Select(static (type, i) => type == (int)TokenType.Normal ? 259f - i : 0f)])
            .Add("tokenizer.ggml.token_type", pieces.Types)
            .Add("tokenizer.ggml.bos_token_id", 1u)
            .Add("tokenizer.ggml.eos_token_id", (uint)pieces.Texts.IndexOf(end))
            .Add("tokenizer.ggml.unknown_token_id", 0u)
            .Add("tokenizer.ggml.add_bos_token", true)
            .Add("tokenizer.ggml.add_eos_token", false);
    }

    static void AddBpe(GgufWriter writer, SyntheticVocabularyKind kind, int size)
    {
        var pieces = new Pieces(size);
        string[] letters = ByteLetters();
        foreach (string letter in letters) pieces.Add(letter);
        foreach (string special in BpeSpecials) pieces.Add(special, TokenType.Control);
        string space = letters[' '];
        var merges = new List<string>();
        foreach (string word in Words)
        {
            foreach (string beginning in AddBeginnings(pieces, space + word)) merges.Add($"{beginning[..^1]} {beginning[^1]}");
        }
        foreach (string word in InventedWords().TakeWhile(_ => !pieces.IsFull)) pieces.Add(space + word);
        bool llama = kind == SyntheticVocabularyKind.BpeLlama3;
        writer.Add("tokenizer.ggml.model", "gpt2")
            .Add("tokenizer.ggml.pre", llama ? "llama-bpe" : "qwen2")
            .Add("tokenizer.ggml.tokens", pieces.Texts)
            .Add("tokenizer.ggml.token_type", pieces.Types)
            .Add("tokenizer.ggml.merges", merges)
            .Add("tokenizer.ggml.bos_token_id", (uint)pieces.Texts.IndexOf(llama ? "<|begin_of_text|>" : "<|endoftext|>"))
            .Add("tokenizer.ggml.eos_token_id", (uint)pieces.Texts.IndexOf(llama ? "<|eot_id|>" : "<|im_end|>"))
            .Add("tokenizer.ggml.add_bos_token", llama);
    }

    static List<string> AddBeginnings(Pieces pieces, string word)
    {
        var added = new List<string>();
        for (int length = 2; length <= word.Length; length++)
        {
            if (pieces.Add(word[..length])) added.Add(word[..length]);
        }
        return added;
    }

    // Two syllables, then three, then four: 75 + 75^2 ... are more than any vocabulary needs.
    static IEnumerable<string> InventedWords()
    {
        string[] syllables = [.. Consonants.SelectMany(c => Vowels.Select(v => $"{c}{v}"))];
        IEnumerable<string> words = syllables;
        while (true)
        {
            words = words.SelectMany(_ => syllables, static (word, syllable) => word + syllable);
            foreach (string word in words) yield return word;
        }
    }

    // GPT-2's table: printable Latin-1 bytes are themselves, the others follow from U+0100 on.
    static string[] ByteLetters()
    {
        string[] letters = new string[256];
        int next = 0x100;
        for (int b = 0; b < 256; b++)
            letters[b] = ((char)(b is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE ? b : next++)).ToString();
        return letters;
    }

    /// <summary>Pieces in order, each once, up to a size.</summary>
    sealed class Pieces(int size)
    {
        readonly HashSet<string> _seen = new(StringComparer.Ordinal);

        internal List<string> Texts { get; } = [];

        internal List<int> Types { get; } = [];

        internal bool Add(string text, TokenType type = TokenType.Normal)
        {
            if (Texts.Count >= size || !_seen.Add(text)) return false;
            Texts.Add(text);
            Types.Add((int)type);
            return true;
        }

        internal bool IsFull => Texts.Count >= size;
    }
}
