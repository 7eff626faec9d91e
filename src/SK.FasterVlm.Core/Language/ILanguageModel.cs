using System.Buffers;

namespace SK.FasterVlm.Language;

/// <summary>What is known of a loaded language model.</summary>
/// <param name="Name">general.name, or the file name.</param>
/// <param name="Architecture">general.architecture, for example <c>llama</c>.</param>
/// <param name="EmbeddingWidth">Width of one embedding row; a projector's output must have it.</param>
/// <param name="LayerCount">Transformer blocks.</param>
/// <param name="VocabularySize">Number of tokens.</param>
/// <param name="TrainedContext">Context length the model was trained for.</param>
/// <param name="BosToken">Begin-of-sequence token, or -1.</param>
/// <param name="EosToken">End-of-sequence token, or -1.</param>
/// <param name="AddBos">Whether a prompt starts with <paramref name="BosToken"/>.</param>
/// <param name="ChatTemplate">tokenizer.chat_template (Jinja source), if the file has one.</param>
/// <param name="KvBytesPerToken">Bytes of KV cache one position takes.</param>
/// <param name="WeightBytes">Size of the weights in bytes.</param>
public sealed record LanguageModelInfo(
    string Name, string Architecture, int EmbeddingWidth, int LayerCount, int VocabularySize, int TrainedContext,
    int BosToken, int EosToken, bool AddBos, string? ChatTemplate, long KvBytesPerToken, long WeightBytes)
{
    /// <summary>Attention heads; null when unknown or different by layer.</summary>
    public int? HeadCount { get; init; }

    /// <summary>Heads of keys and values, fewer than <see cref="HeadCount"/> with grouped-query attention; null when unknown.</summary>
    public int? KeyValueHeadCount { get; init; }

    /// <summary>Whether flash attention was asked of the library for this model, by option or by choice; null when unknown.</summary>
    public bool? FlashAttention { get; init; }
}

/// <summary>A run of rows for the language model: either token ids or ready-made embeddings (visual tokens).</summary>
public readonly record struct PromptRows
{
    PromptRows(ReadOnlyMemory<int> tokens, ReadOnlyMemory<float> embeddings, int count) => (Tokens, Embeddings, Count) = (tokens, embeddings, count);

    /// <summary>Token ids; empty when the rows are embeddings.</summary>
    public ReadOnlyMemory<int> Tokens { get; }

    /// <summary>Embeddings [Count, EmbeddingWidth], row-major; empty when the rows are tokens.</summary>
    public ReadOnlyMemory<float> Embeddings { get; }

    /// <summary>Number of rows, each of which takes one position.</summary>
    public int Count { get; }

    /// <summary>Whether the rows are embeddings.</summary>
    public bool AreEmbeddings => !Embeddings.IsEmpty;

    /// <summary>Rows from token ids.</summary>
    public static PromptRows FromTokens(ReadOnlyMemory<int> tokens) => new(tokens, default, tokens.Length);

    /// <summary>Rows from embeddings [count, width].</summary>
    public static PromptRows FromEmbeddings(ReadOnlyMemory<float> embeddings, int count) => new(default, embeddings, count);
}

/// <summary>The rows one sequence gets in a batched evaluation.</summary>
/// <param name="Sequence">Sequence id.</param>
/// <param name="Rows">Its rows in order, at least one.</param>
public readonly record struct SequenceRows(int Sequence, IReadOnlyList<PromptRows> Rows)
{
    /// <summary>Rows of one kind.</summary>
    public SequenceRows(int sequence, PromptRows rows) : this(sequence, [rows])
    {
    }
}

/// <summary>How the next token is drawn. Values outside the ranges are refused with <see cref="ArgumentOutOfRangeException"/>.</summary>
public sealed record SamplingSettings
{
    /// <summary>Greedy decoding.</summary>
    public static SamplingSettings Greedy { get; } = new();

    /// <summary>0 (greedy, the default) to 5.</summary>
    public float Temperature { get; init; }

    /// <summary>Keep the k likeliest tokens; 0 (default) keeps all.</summary>
    public int TopK { get; init; }

    /// <summary>Nucleus: smallest set with this probability, in (0, 1]; 1 (default) keeps all.</summary>
    public float TopP { get; init; } = 1;

    /// <summary>Drop tokens below this share of the likeliest one, 0 (default, off) to 1.</summary>
    public float MinP { get; init; }

    /// <summary>Multiplicative repetition penalty over the last 64 tokens, (0, 10]; 1 (default) is off.</summary>
    public float RepetitionPenalty { get; init; } = 1;

    /// <summary>-2 to 2; 0 (default) is off.</summary>
    public float FrequencyPenalty { get; init; }

    /// <summary>-2 to 2; 0 (default) is off.</summary>
    public float PresencePenalty { get; init; }

    /// <summary>Seed of the random draws.</summary>
    public uint Seed { get; init; }

    /// <summary>Added to the logits of single tokens (by id) before anything else, -100 (as good as a ban) to 100; null for none.</summary>
    public IReadOnlyDictionary<int, float>? LogitBias { get; init; }

    /// <summary>
    /// GBNF grammar the output must follow, or null. Under a grammar only tokens that add well-formed text are drawn, never control
    /// tokens.
    /// </summary>
    public string? Grammar { get; init; }
}

/// <summary>
/// Draws tokens from a sequence's logits. Owned by one request; used, like the context it reads, by one caller at a time.
/// </summary>
public interface ITokenSampler : IDisposable
{
    /// <summary>Draws the next token from <see cref="ILanguageModel.GetLogits"/> of a sequence and records it (penalties, grammar).</summary>
    /// <param name="sequence">A sequence of the last evaluation.</param>
    /// <exception cref="InvalidOperationException">The last evaluation had no rows of that sequence.</exception>
    int Sample(int sequence);
}

/// <summary>
/// The seam to the language model: tokenise, evaluate, read logits, sample, trim. Small on purpose.
/// Tokenising is thread-safe; everything that touches the context is for one caller at a time (the <c>Generator</c> sees to it).
/// </summary>
public interface ILanguageModel : IDisposable
{
    /// <summary>Facts of the model.</summary>
    LanguageModelInfo Info { get; }

    /// <summary>Positions one sequence may use.</summary>
    int ContextLength { get; }

    /// <summary>
    /// Positions all sequences may use together. A position that several sequences share through <see cref="CopySequence"/> counts once.
    /// </summary>
    int CacheLength => ContextLength;

    /// <summary>Number of sequences the context holds; ids are 0 to SequenceCount - 1.</summary>
    int SequenceCount { get; }

    /// <summary>
    /// Parts of the model that evaluate side by side, at least 1: in one pass, the rows of sequences in different lanes are evaluated at
    /// the same time. Sequence s is in lane s mod LaneCount. <see cref="CopySequence"/> costs nothing to speak of within a lane, and copies
    /// between two.
    /// </summary>
    int LaneCount => 1;

    /// <summary>Whether a batch may hold tokens beside embeddings.</summary>
    bool JoinsRows => false;

    /// <summary>Rows one batched evaluation takes at most, all sequences together; at least <see cref="SequenceCount"/>.</summary>
    int BatchLength { get; }

    /// <summary>Tokenises text. No BOS is added.</summary>
    /// <param name="text">Any text; invalid surrogates are replaced by U+FFFD.</param>
    /// <param name="parseSpecial">True only for template markers: user text must never become a special token.</param>
    int[] Tokenize(string text, bool parseSpecial);

    /// <summary>Appends the UTF-8 bytes of a token (possibly part of a character) to <paramref name="output"/>; special tokens give nothing.</summary>
    void AppendPiece(int token, IBufferWriter<byte> output);

    /// <summary>Whether the token ends generation (EOS, end of turn).</summary>
    bool IsEndOfGeneration(int token);

    /// <summary>
    /// Evaluates rows at the next consecutive positions of a sequence; afterwards <see cref="GetLogits"/> gives those of the last row.
    /// Any number of rows that fits the context may be given; the implementation splits them into batches, and may join text and image rows into one pass.
    /// </summary>
    /// <param name="sequence">Sequence id.</param>
    /// <param name="rows">Rows in order; at least one.</param>
    /// <param name="cancellationToken">Checked between sub-batches; what was evaluated until then is removed again.</param>
    /// <exception cref="ContextLengthException">The sequence would outgrow <see cref="ContextLength"/>; nothing was evaluated.</exception>
    void Evaluate(int sequence, IReadOnlyList<PromptRows> rows, CancellationToken cancellationToken = default);

    /// <summary>
    /// Evaluates rows of several sequences in one pass through the model (one read of the weights), each at the next consecutive
    /// positions of its sequence; afterwards <see cref="GetLogits"/> gives those of each sequence's last row. Usually one row of every
    /// running request, its decode step, and parts of the prompts of those that begin.
    /// </summary>
    /// <param name="batch">
    /// At least one entry, each of another sequence; <see cref="BatchLength"/> rows in all at most. Tokens and embeddings together only
    /// where <see cref="JoinsRows"/>.
    /// </param>
    /// <param name="cancellationToken">Ends the pass; what was evaluated until then is removed again, of every sequence.</param>
    /// <exception cref="ArgumentException">The batch breaks one of the rules above; nothing was evaluated.</exception>
    /// <exception cref="ContextLengthException">A sequence would outgrow <see cref="ContextLength"/>; nothing was evaluated.</exception>
    void Evaluate(IReadOnlyList<SequenceRows> batch, CancellationToken cancellationToken = default);

    /// <summary>Logits of the last row of a sequence, [VocabularySize]. Valid until the next evaluation, whichever sequences that has.</summary>
    /// <exception cref="InvalidOperationException">The last evaluation had no rows of that sequence.</exception>
    ReadOnlySpan<float> GetLogits(int sequence);

    /// <summary>Positions in use by a sequence.</summary>
    int SequenceLength(int sequence);

    /// <summary>Cuts a sequence back to its first <paramref name="length"/> positions; 0 empties it.</summary>
    void TrimSequence(int sequence, int length);

    /// <summary>Makes <paramref name="target"/> share the first <paramref name="length"/> positions of <paramref name="source"/>.</summary>
    void CopySequence(int source, int target, int length);

    /// <summary>Creates a sampler over this model's logits.</summary>
    /// <exception cref="ArgumentException">Settings out of range, or a grammar that does not parse.</exception>
    ITokenSampler CreateSampler(SamplingSettings settings);
}
