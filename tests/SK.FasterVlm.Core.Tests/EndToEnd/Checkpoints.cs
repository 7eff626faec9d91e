using System.Buffers;
using SK.FasterVlm.Language;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Core.Tests.EndToEnd;

/// <summary>
/// A loaded model whose engine is watched: before every call it makes of the language model, a sampler or the vision encoder, something
/// can happen. Between two such calls the engine does nothing that could fail or be cancelled.
/// </summary>
sealed class Checkpoints : IAsyncDisposable
{
    readonly FasterVlmModel _parts;
    int _count, _samplers, _images;

    Checkpoints(FasterVlmModel parts)
    {
        _parts = parts;
        Model = new FasterVlmModel(new Language(this, parts.Language), new Vision(this, parts.Vision), parts.Options);
    }

    public static async Task<Checkpoints> LoadAsync(TinyPair pair, Action<FasterVlmOptions> configure) => new(await pair.LoadAsync(configure));

    public FasterVlmModel Model { get; }

    /// <summary>Called with the number of the call, from 1, and what is called.</summary>
    public Action<int, string>? OnCall { get; set; }

    /// <summary>Calls since the last <see cref="Start"/>.</summary>
    public int Count => Volatile.Read(ref _count);

    public void Start(Action<int, string>? onCall) => (OnCall, _count) = (onCall, 0);

    /// <summary>Counts a call.</summary>
    public void Pass(string what) => OnCall?.Invoke(Interlocked.Increment(ref _count), what);

    /// <summary>What a model without requests must look like.</summary>
    public void AssertIdle(string after)
    {
        // An encoding that requests may share ends behind the last of them that has gone; the minute is for one that never does.
        SpinWait.SpinUntil(() => Volatile.Read(ref _images) == 0, TimeSpan.FromMinutes(1));
        SK.FasterVlm.Generation.Scheduler scheduler = Model.Generator.Scheduler;
        (int, int, int, int, int) held = (scheduler.Pool.BusyCount, scheduler.WaitingCount, Model.Generator.ImageCache.Pinned, _samplers, _images);
        Assert.True(held == default, $"after {after}: {held} busy, waiting, pinned, samplers, images");
        Assert.Equal(scheduler.Pool.Used, scheduler.Pool.KeptLength);
        for (int i = 0; i < _parts.Language.SequenceCount; i++)
            if (!_parts.Options.PrefixCache) Assert.Equal(0, _parts.Language.SequenceLength(i));
    }

    public async ValueTask DisposeAsync()
    {
        await Model.DisposeAsync();
        await _parts.DisposeAsync();
    }

    sealed class Language(Checkpoints watch, ILanguageModel inner) : ILanguageModel
    {
        public LanguageModelInfo Info => inner.Info;
        public int ContextLength => inner.ContextLength;
        public int CacheLength => inner.CacheLength;
        public int SequenceCount => inner.SequenceCount;
        public int BatchLength => inner.BatchLength;
        public int LaneCount => inner.LaneCount;
        public bool JoinsRows => inner.JoinsRows;

        public int[] Tokenize(string text, bool parseSpecial)
        {
            watch.Pass("tokenize");
            return inner.Tokenize(text, parseSpecial);
        }

        public void AppendPiece(int token, IBufferWriter<byte> output)
        {
            watch.Pass("piece");
            inner.AppendPiece(token, output);
        }

        public bool IsEndOfGeneration(int token)
        {
            watch.Pass("end");
            return inner.IsEndOfGeneration(token);
        }

        public void Evaluate(int sequence, IReadOnlyList<PromptRows> rows, CancellationToken cancellationToken = default)
        {
            watch.Pass("prefill");
            inner.Evaluate(sequence, rows, cancellationToken);
        }

        public void Evaluate(IReadOnlyList<SequenceRows> batch, CancellationToken cancellationToken = default)
        {
            watch.Pass("decode");
            inner.Evaluate(batch, cancellationToken);
        }

        public ReadOnlySpan<float> GetLogits(int sequence)
        {
            watch.Pass("logits");
            return inner.GetLogits(sequence);
        }

        public int SequenceLength(int sequence) => inner.SequenceLength(sequence);

        public void TrimSequence(int sequence, int length)
        {
            watch.Pass("trim");
            inner.TrimSequence(sequence, length);
        }

        public void CopySequence(int source, int target, int length)
        {
            watch.Pass("copy");
            inner.CopySequence(source, target, length);
        }

        public ITokenSampler CreateSampler(SamplingSettings settings)
        {
            watch.Pass("sampler");
            ITokenSampler sampler = inner.CreateSampler(settings);
            Interlocked.Increment(ref watch._samplers);
            return new Sampler(watch, sampler);
        }

        public void Dispose() => inner.Dispose();
    }

    sealed class Sampler(Checkpoints watch, ITokenSampler inner) : ITokenSampler
    {
        public int Sample(int sequence)
        {
            watch.Pass("sample");
            return inner.Sample(sequence);
        }

        public void Dispose()
        {
            inner.Dispose();
            Interlocked.Decrement(ref watch._samplers);
        }
    }

    sealed class Vision(Checkpoints watch, IVisionEncoder inner) : IVisionEncoder
    {
        public VisionInfo Info => inner.Info;

        public async Task<EncodedImage> EncodeAsync(
            ReadOnlyMemory<byte> image, ViewSettings? views, IProgress<ViewProgress>? progress = null, CancellationToken cancellationToken = default)
        {
            watch.Pass("encode");
            EncodedImage encoded = await inner.EncodeAsync(image, views, progress, cancellationToken);
            Interlocked.Increment(ref watch._images);
            return new Image(watch, encoded)
            {
                ImageWidth = encoded.ImageWidth,
                ImageHeight = encoded.ImageHeight,
                Plan = encoded.Plan,
                Settings = encoded.Settings,
                ClsAttention = encoded.ClsAttention,
                Timings = encoded.Timings,
            };
        }

        public Task<VisualTokens> SelectAsync(
            EncodedImage image, IVisualTokenSelector selector, VisualTokenBudget budget, int seed = 0, CancellationToken cancellationToken = default)
        {
            watch.Pass("select");
            return inner.SelectAsync(((Image)image).Inner, selector, budget, seed, cancellationToken);
        }

        public void Dispose() => inner.Dispose();
    }

    sealed class Image(Checkpoints watch, EncodedImage inner) : EncodedImage
    {
        public EncodedImage Inner => inner;

        protected override void Dispose(bool disposing)
        {
            inner.Dispose();
            Interlocked.Decrement(ref watch._images);
        }
    }
}
