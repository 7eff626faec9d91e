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
/// The life of one request: tokenise, encode images, count, wait for the model, prefill, sample, stop. Thread-safe; requests share
/// the language model one after the other, in the order they became ready, while the images of others are encoded.
/// </summary>
/// <remarks>
/// A request runs on its own, not on the consumer's thread: a slow consumer does not hold the model, and one that stops early
/// (<c>break</c>, cancellation) ends it within one token or one sub-batch of the prompt.
/// </remarks>
public sealed partial class Generator : IAsyncDisposable, IDisposable
{
    // One sequence for now; the gate is what a scheduler of several sequences replaces.
    const int Sequence = 0;

    readonly ILanguageModel _language;
    readonly IVisionEncoder? _vision;
    readonly ILogger _logger;
    readonly PromptTokenizer _tokenizer;
    readonly ModelGate _gate = new();
    readonly ActiveRequests _active = new();

    /// <summary>Creates a generator over parts that the caller owns and keeps until after <see cref="DisposeAsync"/>.</summary>
    /// <param name="language">The language model. Nothing else may touch its context meanwhile.</param>
    /// <param name="vision">The vision encoder; null for text only.</param>
    /// <param name="logger">For one line per request at debug level.</param>
    public Generator(ILanguageModel language, IVisionEncoder? vision, ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(language);
        _language = language;
        _vision = vision;
        _logger = logger ?? NullLogger.Instance;
        _tokenizer = new PromptTokenizer(language);
    }

    /// <summary>The tokenizer used for prompts.</summary>
    public PromptTokenizer Tokenizer => _tokenizer;

    /// <summary>Runs a request as a stream of text pieces; the last update carries the reason of the end and the statistics.</summary>
    /// <param name="request">What to do. Checked at once, before the first element is asked for.</param>
    /// <param name="cancellationToken">Ends the request; so does disposing the enumerator.</param>
    /// <exception cref="ArgumentException">The request contradicts itself or a setting is out of range.</exception>
    /// <exception cref="ObjectDisposedException">The generator is, or was meanwhile, disposed.</exception>
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
    public ValueTask DisposeAsync() => _active.DisposeAsync();

    /// <summary>As <see cref="DisposeAsync"/>, blocking.</summary>
    public void Dispose() => _active.Dispose();

    void Check(GenerationRequest request)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(request.MaxOutputTokens, 1);
        if (request.TopLogProbabilities is { } top && (uint)top > LogProbabilityRecord.MostAlternatives)
            throw new ArgumentOutOfRangeException(nameof(request), top, $"TopLogProbabilities must be 0 to {LogProbabilityRecord.MostAlternatives}.");
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
            using CancellationTokenSource linked = CancellationTokenSource.CreateLinkedTokenSource(caller, abandoned, entry.Closing);
            try
            {
                // Tokenising a long prompt takes milliseconds the caller's thread should not lose.
                await Task.Run(() => ServeAsync(request, updates, linked.Token), linked.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException e)
            {
                error = caller.IsCancellationRequested ? new OperationCanceledException(e.Message, e, caller)
                    : entry.Closing.IsCancellationRequested ? Disposed()
                    : e;
            }
        }
        catch (Exception e)
        {
            error = e;
        }
        updates.Complete(error);
    }

    static ObjectDisposedException Disposed() => new(nameof(FasterVlmModel), "The model was disposed during the request.");

    async Task ServeAsync(GenerationRequest request, ChannelWriter<GenerationUpdate> updates, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        // Made first because it checks the sampling settings: a bad one must not cost an encoded image.
        using ITokenSampler sampler = _language.CreateSampler(request.Sampling);
        PreparedPrompt prompt = await PreparedPrompt.CreateAsync(
            request, _tokenizer, _vision, _language.ContextLength, cancellationToken).ConfigureAwait(false);

        long queued = Stopwatch.GetTimestamp();
        using ModelGate.Lease lease = await _gate.AcquireAsync(cancellationToken).ConfigureAwait(false);
        double queueMs = Stopwatch.GetElapsedTime(queued).TotalMilliseconds;

        // A thread of its own: prefill and generation block for seconds, which the pool's threads should not.
        GenerationStatistics statistics = await Task.Factory.StartNew(
            () => Answer(request, prompt, sampler, updates, start, queueMs, cancellationToken),
            cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default).ConfigureAwait(false);
        LogRequest(_logger, statistics.PromptTokens, statistics.VisualTokensKept, statistics.VisualTokensTotal,
            statistics.OutputTokens, statistics.QueueMs, statistics.PrefillMs, statistics.GenerationMs);
    }

    GenerationStatistics Answer(
        GenerationRequest request, PreparedPrompt prompt, ITokenSampler sampler, ChannelWriter<GenerationUpdate> updates,
        long start, double queueMs, CancellationToken cancellationToken)
    {
        try
        {
            long prefill = Stopwatch.GetTimestamp();
            _language.TrimSequence(Sequence, 0);
            _language.Evaluate(Sequence, prompt.Rows, cancellationToken);
            double prefillMs = Stopwatch.GetElapsedTime(prefill).TotalMilliseconds;

            LogProbabilityRecord? log = request.TopLogProbabilities is { } top ? new(_language, top) : null;
            AnswerText text = new(_language, request.Stop, request.TrimStart);
            int token = sampler.Sample(Sequence);
            long first = Stopwatch.GetTimestamp();
            int count = 0;
            int[] row = new int[1];
            GenerationEnd end;
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (_language.IsEndOfGeneration(token))
                {
                    end = GenerationEnd.Stop;
                    break;
                }
                count++;
                log?.Add(token, _language.GetLogits(Sequence)); // still those the token was drawn from
                string piece = text.Push(token);
                if (piece.Length > 0) updates.TryWrite(new GenerationUpdate(piece) { Tokens = log?.Take() });
                if (text.Stopped)
                {
                    end = GenerationEnd.Stop;
                    break;
                }
                if (count == request.MaxOutputTokens || prompt.Length + count > _language.ContextLength)
                {
                    end = GenerationEnd.Length;
                    break;
                }
                row[0] = token;
                _language.Evaluate(Sequence, [PromptRows.FromTokens(row)], cancellationToken);
                token = sampler.Sample(Sequence);
            }

            GenerationStatistics statistics = new(
                prompt.Length, count, prompt.Images, queueMs, prefillMs,
                GenerationMs: Stopwatch.GetElapsedTime(first).TotalMilliseconds,
                TimeToFirstTokenMs: Stopwatch.GetElapsedTime(start, first).TotalMilliseconds - queueMs,
                KvBytes: _language.SequenceLength(Sequence) * _language.Info.KvBytesPerToken);
            updates.TryWrite(new GenerationUpdate(text.Finish(), end, statistics) { Tokens = log?.Take() });
            return statistics;
        }
        finally
        {
            _language.TrimSequence(Sequence, 0);
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "{PromptTokens} prompt tokens ({Kept} of {Total} visual), {OutputTokens} generated; "
        + "queued {QueueMs:0} ms, prefill {PrefillMs:0} ms, generation {GenerationMs:0} ms")]
    static partial void LogRequest(
        ILogger logger, int promptTokens, int kept, int total, int outputTokens, double queueMs, double prefillMs, double generationMs);
}
