using System.Buffers;
using System.Text;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Core.Tests.Fakes;

/// <summary>
/// A language model whose answers are written in advance, or follow from the rows of their sequence (<see cref="Reply"/>). Every byte is
/// a token (id 16 + byte); a few special tokens have the ids below 16. It records what it evaluates and fails loudly when two callers
/// touch its context at once, when another thread than the first does, or when the cells of its cache do not suffice.
/// </summary>
sealed class ScriptedLanguageModel : ILanguageModel
{
    public const int Unknown = 0, Bos = 1, Eos = 2, FirstByte = 16;

    public static readonly string[] Specials = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"];

    readonly List<int[]> _pieces = [];
    List<Row>[] _rows = [[]];
    int _busy, _thread, _samplers;

    public ScriptedLanguageModel(params string[] answers)
    {
        Answers = answers;
        Info = new("scripted", "llama", 4, 1, 4096, 4096, Bos, Eos, AddBos: true, ChatTemplate: null, KvBytesPerToken: 10, WeightBytes: 1000);
    }

    public LanguageModelInfo Info { get; set; }

    public int ContextLength { get; set; } = 4096;

    public int? Cells { get; init; }

    public int CacheLength => Cells ?? ContextLength;

    public int BatchLength { get; init; } = 512;

    public int LaneCount { get; init; } = 1;

    public bool JoinsRows { get; init; }

    public int SequenceCount
    {
        get => _rows.Length;
        init => _rows = [.. Enumerable.Range(0, value).Select(static _ => new List<Row>())];
    }

    /// <summary>Answer of the n-th request (the last one repeats); a token per byte, then EOS.</summary>
    public IReadOnlyList<string> Answers { get; set; }

    /// <summary>Instead of <see cref="Answers"/>: token by step.</summary>
    public Func<int, int>? Next { get; set; }

    /// <summary>Instead of <see cref="Answers"/>: the next token by all rows of the sequence, as in a real model.</summary>
    public Func<IReadOnlyList<string>, int>? Reply { get; set; }

    /// <summary>Passes so far, each with the sequences and the number of rows of each.</summary>
    public List<(int Sequence, int Count)[]> Passes { get; } = [];

    /// <summary>Whether everything must come from one thread.</summary>
    public bool OneThread { get; init; }

    /// <summary>Called at each evaluation, before anything else.</summary>
    public Action<CancellationToken>? OnEvaluate { get; set; }

    /// <summary>Spellings that become special tokens even in ordinary text, as "user defined" tokens of real vocabularies do.</summary>
    public bool SpecialsAlwaysParsed { get; set; }

    /// <summary>Rows in sequence 0: a token id, or the first value of an embedding row as text.</summary>
    public IReadOnlyList<string> Rows => RowsOf(0);

    /// <summary>Rows in all sequences; shared ones count once.</summary>
    public int UsedCells => _rows.SelectMany(static r => r).Distinct(ReferenceEqualityComparer.Instance).Count();

    public IReadOnlyList<string> RowsOf(int sequence) => [.. _rows[sequence].Select(static r => r.Text)];

    /// <summary>Rows of every prompt whose first token was drawn.</summary>
    public List<string[]> Prompts { get; } = [];

    public int Requests { get; private set; }

    public int SamplersAlive => _samplers;

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

    public void Evaluate(int sequence, IReadOnlyList<PromptRows> rows, CancellationToken cancellationToken = default) =>
        Evaluate([.. rows.Select(r => (sequence, r))], cancellationToken);

    public void Evaluate(IReadOnlyList<SequenceRows> batch, CancellationToken cancellationToken = default)
    {
        PromptRows[] all = [.. batch.SelectMany(static b => b.Rows)];
        if (batch.Select(static b => b.Sequence).Distinct().Count() < batch.Count) Refuse("a sequence twice");
        if (all.Sum(static r => r.Count) > BatchLength) Refuse("too many rows");
        if (!JoinsRows && all.Select(static r => r.AreEmbeddings).Distinct().Count() > 1) Refuse("tokens beside embeddings");
        Evaluate([.. batch.SelectMany(static b => b.Rows.Select(r => (b.Sequence, r)))], cancellationToken);
    }

    /// <summary>Batches that no model may be given. Whoever gives one may recover from it, so it is noted, too.</summary>
    public List<string> Refused { get; } = [];

    void Refuse(string why)
    {
        Refused.Add(why);
        throw new ArgumentException(why);
    }

    void Evaluate((int Sequence, PromptRows Rows)[] runs, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(Disposed, this);
        if (Interlocked.Exchange(ref _busy, 1) != 0) throw new InvalidOperationException("Two requests use the context at once.");
        try
        {
            CheckThread();
            OnEvaluate?.Invoke(cancellationToken);
            OnPass?.Invoke([.. runs.Select(static r => r.Sequence)], cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
            foreach ((int sequence, PromptRows run) in runs)
                if (_rows[sequence].Count + run.Count > ContextLength) throw new ContextLengthException(_rows[sequence].Count + run.Count, ContextLength, 0);
            if (UsedCells + runs.Sum(static r => r.Rows.Count) > CacheLength) throw new NativeRuntimeException("The KV cache is full.");
            foreach ((int sequence, PromptRows run) in runs)
                for (int i = 0; i < run.Count; i++)
                    _rows[sequence].Add(new(run.AreEmbeddings ? $"e{run.Embeddings.Span[i * Info.EmbeddingWidth]}" : $"{run.Tokens.Span[i]}"));
            Passes.Add([.. runs.GroupBy(static r => r.Sequence).Select(static g => (g.Key, g.Sum(static r => r.Rows.Count)))]);
            _drawable = [.. runs.Select(static r => r.Sequence)];
        }
        finally
        {
            Volatile.Write(ref _busy, 0);
        }
    }

    /// <summary>Logits of every step; nothing reads them unless log-probabilities are asked for.</summary>
    public float[] FixedLogits { get; set; } = [];

    public ReadOnlySpan<float> GetLogits(int sequence) => FixedLogits;

    HashSet<int> _drawable = [];

    /// <summary>As <see cref="OnEvaluate"/>, with the sequences of the pass.</summary>
    public Action<int[], CancellationToken>? OnPass { get; set; }

    /// <summary>Called when a sequence is cut back.</summary>
    public Action? OnTrim { get; set; }

    public int SequenceLength(int sequence) => _rows[sequence].Count;

    public void TrimSequence(int sequence, int length)
    {
        CheckThread();
        if (Volatile.Read(ref _busy) != 0) throw new InvalidOperationException("Trimmed while in use.");
        OnTrim?.Invoke();
        _rows[sequence].RemoveRange(length, _rows[sequence].Count - length);
    }

    public void CopySequence(int source, int target, int length)
    {
        CheckThread();
        if (Volatile.Read(ref _busy) != 0) throw new InvalidOperationException("Copied while in use.");
        if (source == target) throw new InvalidOperationException("Copied to itself.");
        _rows[target].Clear();
        _rows[target].AddRange(_rows[source].GetRange(0, length));
    }

    void CheckThread()
    {
        int thread = Environment.CurrentManagedThreadId;
        if (OneThread && Interlocked.CompareExchange(ref _thread, thread, 0) is var first && first != 0 && first != thread)
            throw new InvalidOperationException("A second thread uses the context.");
    }

    sealed record Row(string Text);

    /// <summary>Called before a sampler is made.</summary>
    public Action<SamplingSettings>? OnSampler { get; set; }

    public ITokenSampler CreateSampler(SamplingSettings settings)
    {
        OnSampler?.Invoke(settings);
        Interlocked.Increment(ref _samplers);
        LastSettings = settings;
        return new Sampler(this);
    }

    public SamplingSettings? LastSettings { get; private set; }

    public void Dispose() => Disposed = true;

    sealed class Sampler(ScriptedLanguageModel model) : ITokenSampler
    {
        int _step;
        int[] _answer = [];

        public int Sample(int sequence)
        {
            if (!model._drawable.Contains(sequence)) throw new InvalidOperationException($"No logits of sequence {sequence}.");
            if (_step == 0)
            {
                model.Prompts.Add([.. model.RowsOf(sequence)]);
                _answer = model.Answers.Count == 0 ? [] : Bytes(model.Answers[Math.Min(model.Requests, model.Answers.Count - 1)]);
                model.Requests++;
            }
            int step = _step++;
            if (model.Reply is { } reply) return reply(model.RowsOf(sequence));
            if (model.Next is { } next) return next(step);
            return step < _answer.Length ? _answer[step] : Eos;
        }

        public void Dispose() => Interlocked.Decrement(ref model._samplers);
    }
}
