using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Language;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Generation;

/// <summary>
/// The life of one request: tokenise, encode images, count, wait for a sequence, prefill, sample, stop. Thread-safe; many requests run
/// at once and share every pass through the model (see docs/serving.md), while the images of others are encoded.
/// </summary>
/// <remarks>
/// A request runs on its own, not on the consumer's thread: a slow consumer does not hold the model, and one that stops early
/// (<c>break</c>, cancellation) ends it within one token or one part of the prompt.
/// </remarks>
public sealed partial class Generator : IAsyncDisposable, IDisposable
{
    readonly ILanguageModel _language;
    readonly IVisionEncoder? _vision;
    readonly FasterVlmOptions _options;
    readonly TimeProvider _time;
    readonly ILogger _logger;
    readonly PromptTokenizer _tokenizer;
    readonly ActiveRequests _active = new();
    readonly RequestLimit _limit;
    readonly ImageSource _images;
    readonly PreparedBytes _prepared;

    /// <summary>Creates a generator over parts that the caller owns and keeps until after <see cref="DisposeAsync"/>.</summary>
    /// <param name="language">The language model. Nothing else may touch its context meanwhile.</param>
    /// <param name="vision">The vision encoder; null for text only.</param>
    /// <param name="logger">For one line per request at debug level.</param>
    /// <param name="options">Caches, queue and time limit are taken from here; null takes the defaults.</param>
    public Generator(ILanguageModel language, IVisionEncoder? vision, ILogger? logger = null, FasterVlmOptions? options = null)
        : this(language, vision, logger, options, TimeProvider.System)
    {
    }

    internal Generator(ILanguageModel language, IVisionEncoder? vision, ILogger? logger, FasterVlmOptions? options, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(language);
        (_language, _vision, _time) = (language, vision, time);
        _options = options ?? new FasterVlmOptions();
        _options.Validate();
        _logger = logger ?? NullLogger.Instance;
        _tokenizer = new PromptTokenizer(language);
        _limit = new RequestLimit(language.SequenceCount, _options.MaxQueuedRequests);
        ImageCache = new VisionCache(_options.ImageCacheBytes);
        _images = new ImageSource(vision, ImageCache);
        Scheduler = new Scheduler(language, _options.PrefixCache, _options.PrefillChunk, _active.Closing);
        _prepared = new PreparedBytes(_options.PreparedBytes);
        Metrics = new GenerationMetrics(language.Info.Name, Scheduler, _prepared, ImageCache);
    }

    /// <summary>The tokenizer used for prompts.</summary>
    public PromptTokenizer Tokenizer => _tokenizer;

    internal VisionCache ImageCache { get; }

    internal Scheduler Scheduler { get; }

    internal PreparedBytes Prepared => _prepared;

    internal GenerationMetrics Metrics { get; }

    /// <summary>Runs a request as a stream of text pieces; the last update carries the reason of the end and the statistics.</summary>
    /// <param name="request">What to do. Checked at once, before the first element is asked for.</param>
    /// <param name="cancellationToken">Ends the request; so does disposing the enumerator.</param>
    /// <exception cref="ArgumentException">The request contradicts itself or a setting is out of range.</exception>
    /// <exception cref="ObjectDisposedException">The generator is, or was meanwhile, disposed.</exception>
    /// <exception cref="ServerBusyException">Too many requests are waiting (with the first element).</exception>
    /// <exception cref="RequestTimeoutException">The time limit passed (while enumerating).</exception>
    /// <exception cref="ContextLengthException">The prompt does not fit (while enumerating).</exception>
    /// <exception cref="ImageFormatException">An image cannot be used (while enumerating).</exception>
    public IAsyncEnumerable<GenerationUpdate> GenerateAsync(GenerationRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        ObjectDisposedException.ThrowIf(_active.IsClosed, this);
        Check(request);
        return StreamAsync(request, cancellationToken);
    }

    /// <summary>Runs a request to its end.</summary>
    /// <inheritdoc cref="GenerateAsync"/>
    public async Task<GenerationResult> CompleteAsync(GenerationRequest request, CancellationToken cancellationToken = default)
    {
        StringBuilder text = new();
        List<TokenLogProbability>? tokens = null;
        GenerationUpdate last = default;
        await foreach (GenerationUpdate update in GenerateAsync(request, cancellationToken).ConfigureAwait(false))
        {
            text.Append(update.Text);
            if (update.Tokens is { } recorded) (tokens ??= []).AddRange(recorded);
            last = update;
        }
        return new GenerationResult(text.ToString(), last.End!.Value, last.Statistics!) { Tokens = tokens };
    }

    /// <summary>Cancels what is running, waits for it to end, and refuses new requests.</summary>
    public async ValueTask DisposeAsync()
    {
        await _active.DisposeAsync().ConfigureAwait(false);
        await Scheduler.DisposeAsync().ConfigureAwait(false);
        Metrics.Dispose();
    }

    /// <summary>As <see cref="DisposeAsync"/>, blocking.</summary>
    public void Dispose()
    {
        _active.Dispose();
        Scheduler.Dispose();
        Metrics.Dispose();
    }

    void Check(GenerationRequest request)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(request.MaxOutputTokens, 1);
        if (request.TopLogProbabilities is { } top && (uint)top > LogProbabilityRecord.MostAlternatives)
            throw new ArgumentOutOfRangeException(nameof(request), top, $"TopLogProbabilities must be 0 to {LogProbabilityRecord.MostAlternatives}.");
        if (request.TimeLimit is { } limit && limit != Timeout.InfiniteTimeSpan && (limit <= TimeSpan.Zero || limit > TimeSpan.FromDays(24)))
            throw new ArgumentOutOfRangeException(nameof(request), limit, "The time limit must be above 0 and at most 24 days.");
        if (request.Stop.Any(string.IsNullOrEmpty)) throw new ArgumentException("A stop text must not be empty.", nameof(request));
        if (request.Images.Count > 0 && _vision is null) throw new ArgumentException("This model has no vision encoder.", nameof(request));
        foreach (PromptSegment segment in request.Prompt)
            if (segment.Kind == PromptSegmentKind.Image && (uint)segment.ImageIndex >= (uint)request.Images.Count)
                throw new ArgumentException($"The prompt refers to image {segment.ImageIndex} of {request.Images.Count}.", nameof(request));
    }

    async IAsyncEnumerable<GenerationUpdate> StreamAsync(
        GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Channel<GenerationUpdate> updates = Channel.CreateUnbounded<GenerationUpdate>(new() { SingleReader = true, SingleWriter = true });
        using CancellationTokenSource abandoned = new();
        Task run = RunAsync(request, updates.Writer, cancellationToken, abandoned.Token);
        try
        {
            await foreach (GenerationUpdate update in updates.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
                yield return update;
        }
        finally
        {
            await abandoned.CancelAsync().ConfigureAwait(false);
            await run.ConfigureAwait(false);
        }
    }

    /// <summary>The whole request. Never throws: what goes wrong ends the channel.</summary>
    async Task RunAsync(
        GenerationRequest request, ChannelWriter<GenerationUpdate> updates, CancellationToken caller, CancellationToken abandoned)
    {
        Exception? error = null;
        try
        {
            using ActiveRequests.Entry entry = _active.Enter(this);
            using RequestLimit.Place place = _limit.Enter();
            TimeSpan limit = request.TimeLimit ?? _options.RequestTimeout ?? Timeout.InfiniteTimeSpan;
            using CancellationTokenSource late = new(limit, _time);
            using CancellationTokenSource linked = CancellationTokenSource.CreateLinkedTokenSource(caller, abandoned, entry.Closing, late.Token);
            try
            {
                // Tokenising a long prompt takes milliseconds the caller's thread should not lose.
                await Task.Run(() => ServeAsync(request, updates, place, linked.Token), linked.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException e)
            {
                error = caller.IsCancellationRequested ? new OperationCanceledException(e.Message, e, caller)
                    : entry.Closing.IsCancellationRequested ? Disposed()
                    : late.IsCancellationRequested ? new RequestTimeoutException(limit)
                    : e;
            }
        }
        catch (Exception e)
        {
            error = e;
        }
        if (error is not null) Metrics.Ended(Outcome(error));
        updates.Complete(error);
    }

    static ObjectDisposedException Disposed() => new(nameof(FasterVlmModel), "The model was disposed during the request.");

    static string Outcome(Exception error) => error switch
    {
        OperationCanceledException or ObjectDisposedException => "cancelled",
        RequestTimeoutException => "timeout",
        ServerBusyException => "busy",
        _ => "failed",
    };

    async Task ServeAsync(
        GenerationRequest request, ChannelWriter<GenerationUpdate> updates, RequestLimit.Place place, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        SamplingCheck.Run(request.Sampling, _language.Info.VocabularySize); // a bad setting must not cost an encoded image
        using PreparedPrompt prompt = await PreparedPrompt.CreateAsync(
            request, _tokenizer, _images, _prepared, _language, cancellationToken).ConfigureAwait(false);

        AnswerStream answer = new(_language, request, prompt.Length, updates);
        using SequenceJob job = new(
            prompt, () => _language.CreateSampler(request.Sampling), answer, request.MaxOutputTokens, cancellationToken);
        SequenceTimes times = await Scheduler.RunAsync(job).ConfigureAwait(false);
        place.Served(times.Started);

        double queueMs = prompt.WaitedMs + Stopwatch.GetElapsedTime(times.Queued, times.Started).TotalMilliseconds;
        GenerationStatistics statistics = new(
            prompt.Length, answer.Count, prompt.Images, queueMs,
            PrefillMs: Stopwatch.GetElapsedTime(times.Started, times.FirstToken).TotalMilliseconds,
            GenerationMs: Stopwatch.GetElapsedTime(times.FirstToken, times.Ended).TotalMilliseconds,
            TimeToFirstTokenMs: Stopwatch.GetElapsedTime(start, times.FirstToken).TotalMilliseconds - queueMs,
            KvBytes: times.Positions * _language.Info.KvBytesPerToken)
        {
            CachedPromptTokens = times.Reused,
        };
        Metrics.Completed(statistics, Stopwatch.GetElapsedTime(start, times.Ended).TotalMilliseconds);
        LogRequest(_logger, statistics.PromptTokens, statistics.CachedPromptTokens, statistics.VisualTokensKept,
            statistics.VisualTokensTotal, statistics.OutputTokens, statistics.QueueMs, statistics.PrefillMs, statistics.GenerationMs);
        answer.Finish(statistics);
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "{PromptTokens} prompt tokens ({Cached} cached; {Kept} of {Total} visual), "
        + "{OutputTokens} generated; queued {QueueMs:0} ms, prefill {PrefillMs:0} ms, generation {GenerationMs:0} ms")]
    static partial void LogRequest(
        ILogger logger, int promptTokens, int cached, int kept, int total, int outputTokens, double queueMs, double prefillMs, double generationMs);
}
