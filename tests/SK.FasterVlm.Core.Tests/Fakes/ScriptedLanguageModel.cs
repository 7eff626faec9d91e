using System.Buffers;
using System.Text;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Core.Tests.Fakes;

/// <summary>
/// A language model whose answers are written in advance. Every byte is a token (id 16 + byte); a few special tokens have the ids
/// below 16. It records what it evaluates and fails loudly when two callers touch its context at once.
/// </summary>
sealed class ScriptedLanguageModel : ILanguageModel
{
    public const int Unknown = 0, Bos = 1, Eos = 2, FirstByte = 16;

    public static readonly string[] Specials = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"];

    readonly List<int[]> _pieces = [];
    int _busy;

    public ScriptedLanguageModel(params string[] answers)
    {
        Answers = answers;
        Info = new("scripted", "llama", 4, 1, 4096, 4096, Bos, Eos, AddBos: true, ChatTemplate: null, KvBytesPerToken: 10, WeightBytes: 1000);
    }

    public LanguageModelInfo Info { get; set; }

    public int ContextLength { get; set; } = 4096;

    public int SequenceCount => 1;

    /// <summary>Answer of the n-th request (the last one repeats); a token per byte, then EOS.</summary>
    public IReadOnlyList<string> Answers { get; set; }

    /// <summary>Instead of <see cref="Answers"/>: token by step.</summary>
    public Func<int, int>? Next { get; set; }

    /// <summary>Called at each evaluation, before anything else.</summary>
    public Action<CancellationToken>? OnEvaluate { get; set; }

    /// <summary>Spellings that become special tokens even in ordinary text, as "user defined" tokens of real vocabularies do.</summary>
    public bool SpecialsAlwaysParsed { get; set; }

    /// <summary>Rows in the sequence: a token id, or NaN-free first value of an embedding row as text.</summary>
    public List<string> Rows { get; } = [];

    /// <summary>Rows of every finished prompt evaluation.</summary>
    public List<string[]> Prompts { get; } = [];

    public int Requests { get; private set; }

    public int SamplersAlive { get; private set; }

    public bool Disposed { get; private set; }

    public static int[] Bytes(string text) => [.. Encoding.UTF8.GetBytes(text).Select(static b => FirstByte + b)];

    /// <summary>Adds a token of several bytes (or an incomplete character) and returns its id.</summary>
    public int AddPiece(params byte[] bytes)
    {
        _pieces.Add([.. bytes.Select(static b => (int)b)]);
        return FirstByte + 256 + _pieces.Count - 1;
    }

    public int[] Tokenize(string text, bool parseSpecial)
    {
        List<int> ids = [];
        for (int at = 0; at < text.Length;)
        {
            int special = parseSpecial || SpecialsAlwaysParsed ? Array.FindIndex(Specials, s => text.AsSpan(at).StartsWith(s)) : -1;
            if (special >= 0)
            {
                ids.Add(special);
                at += Specials[special].Length;
                continue;
            }
            int length = char.IsHighSurrogate(text[at]) && at + 1 < text.Length ? 2 : 1;
            ids.AddRange(Bytes(text.Substring(at, length)));
            at += length;
        }
        return [.. ids];
    }

    public void AppendPiece(int token, IBufferWriter<byte> output)
    {
        if (token >= FirstByte + 256) output.Write([.. _pieces[token - FirstByte - 256].Select(static b => (byte)b)]);
        else if (token >= FirstByte) output.Write([(byte)(token - FirstByte)]);
        else if (token > Eos && SpecialsAlwaysParsed) output.Write(Encoding.UTF8.GetBytes(Specials[token]));
    }

    public bool IsEndOfGeneration(int token) => token is Eos or 4;

    public void Evaluate(int sequence, IReadOnlyList<PromptRows> rows, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(Disposed, this);
        if (Interlocked.Exchange(ref _busy, 1) != 0) throw new InvalidOperationException("Two requests use the context at once.");
        try
        {
            OnEvaluate?.Invoke(cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
            int count = rows.Sum(static r => r.Count);
            if (Rows.Count + count > ContextLength) throw new ContextLengthException(Rows.Count + count, ContextLength, 0);
            foreach (PromptRows run in rows)
                for (int i = 0; i < run.Count; i++)
                    Rows.Add(run.AreEmbeddings ? $"e{run.Embeddings.Span[i * Info.EmbeddingWidth]}" : $"{run.Tokens.Span[i]}");
            if (Rows.Count == count)
            {
                Prompts.Add([.. Rows]);
                Requests++;
            }
        }
        finally
        {
            Volatile.Write(ref _busy, 0);
        }
    }

    /// <summary>Logits of every step; nothing reads them unless log-probabilities are asked for.</summary>
    public float[] FixedLogits { get; set; } = [];

    public ReadOnlySpan<float> GetLogits(int sequence) => FixedLogits;

    public int BatchLength => 512;

    public void Evaluate(IReadOnlyList<SequenceRows> batch, CancellationToken cancellationToken = default) =>
        Evaluate(batch.Single().Sequence, [batch.Single().Rows], cancellationToken);

    public int SequenceLength(int sequence) => Rows.Count;

    public void TrimSequence(int sequence, int length)
    {
        if (Volatile.Read(ref _busy) != 0) throw new InvalidOperationException("Trimmed while in use.");
        Rows.RemoveRange(length, Rows.Count - length);
    }

    public void CopySequence(int source, int target, int length) => throw new NotSupportedException();

    public ITokenSampler CreateSampler(SamplingSettings settings)
    {
        SamplersAlive++;
        LastSettings = settings;
        return new Sampler(this);
    }

    public SamplingSettings? LastSettings { get; private set; }

    public void Dispose() => Disposed = true;

    sealed class Sampler(ScriptedLanguageModel model) : ITokenSampler
    {
        int _step;
        int[]? _answer;

        public int Sample(int sequence)
        {
            if (model.Next is { } next) return next(_step++);
            _answer ??= Bytes(model.Answers[Math.Min(model.Requests, model.Answers.Count) - 1]);
            return _step < _answer.Length ? _answer[_step++] : Eos;
        }

        public void Dispose() => model.SamplersAlive--;
    }
}
