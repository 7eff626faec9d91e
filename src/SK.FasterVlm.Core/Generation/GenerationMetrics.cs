using System.Diagnostics.Metrics;

namespace SK.FasterVlm.Generation;

/// <summary>
/// What happens in a generator, for OpenTelemetry and dotnet-counters: meter <c>SK.FasterVlm.Engine</c>, instruments <c>fastervlm.engine.*</c>. They
/// hold numbers only, never a prompt or an answer. docs/serving.md lists them.
/// </summary>
sealed class GenerationMetrics : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "SK.FasterVlm.Engine";

    static readonly KeyValuePair<string, object?> s_cached = new("cached", true), s_evaluated = new("cached", false);

    readonly Meter _meter;
    readonly Counter<long> _requests, _promptTokens, _outputTokens, _visualTokens;
    readonly Histogram<double> _queue, _firstToken, _duration;

    /// <summary>Registers the instruments.</summary>
    /// <param name="model">Tag <c>model</c> of everything.</param>
    /// <param name="scheduler">Whose state is observed.</param>
    /// <param name="prepared">Who waits to be prepared.</param>
    /// <param name="images">The image cache.</param>
    public GenerationMetrics(string model, Scheduler scheduler, PreparedBytes prepared, VisionCache images)
    {
        _meter = new Meter(new MeterOptions(MeterName) { Tags = [new("model", model)] });
        _requests = _meter.CreateCounter<long>("fastervlm.engine.requests", "{request}", "Requests by outcome: completed, cancelled, timeout, busy, failed.");
        _promptTokens = _meter.CreateCounter<long>("fastervlm.engine.prompt.tokens", "{token}", "Prompt positions, visual tokens included, by whether the prefix cache had them.");
        _outputTokens = _meter.CreateCounter<long>("fastervlm.engine.output.tokens", "{token}", "Tokens generated.");
        _visualTokens = _meter.CreateCounter<long>("fastervlm.engine.visual_tokens", "{token}", "Visual tokens, by whether they were kept.");
        _queue = _meter.CreateHistogram<double>("fastervlm.engine.queue.duration", "s", "Waiting for room to be prepared, and for a sequence.");
        _firstToken = _meter.CreateHistogram<double>("fastervlm.engine.time_to_first_token", "s", "From the start of a request to its first token, waiting included.");
        _duration = _meter.CreateHistogram<double>("fastervlm.engine.request.duration", "s", "From the start of a request to its end, waiting included.");
        _meter.CreateObservableUpDownCounter("fastervlm.engine.requests.waiting", () => scheduler.WaitingCount + prepared.WaitingCount, "{request}", "Requests in the line, or waiting to be prepared for it.");
        _meter.CreateObservableUpDownCounter("fastervlm.engine.requests.running", () => scheduler.RunningCount, "{request}", "Requests that run.");
        _meter.CreateObservableUpDownCounter("fastervlm.engine.kv_cache.positions", () => scheduler.UsedLength, "{position}", "Positions of the KV cache that hold something, kept prefixes included.");
        _meter.CreateObservableCounter("fastervlm.engine.image_cache.hits", () => images.Hits, "{image}", "Images found in the image cache.");
        _meter.CreateObservableCounter("fastervlm.engine.image_cache.misses", () => images.Misses, "{image}", "Images that had to be encoded.");
        _meter.CreateObservableUpDownCounter("fastervlm.engine.image_cache.size", () => images.Bytes, "By", "Bytes of visual tokens held.");
        _meter.CreateObservableUpDownCounter("fastervlm.engine.image_cache.pinned", () => images.Pinned, "{image}", "Images that requests hold, once for each request.");
    }

    /// <summary>Counts a request that was answered.</summary>
    public void Completed(GenerationStatistics statistics, double totalMs)
    {
        Ended("completed");
        _promptTokens.Add(statistics.CachedPromptTokens, s_cached);
        _promptTokens.Add(statistics.PromptTokens - statistics.CachedPromptTokens, s_evaluated);
        _outputTokens.Add(statistics.OutputTokens);
        if (statistics.VisualTokensTotal > 0)
        {
            _visualTokens.Add(statistics.VisualTokensKept, new KeyValuePair<string, object?>("kept", true));
            _visualTokens.Add(statistics.VisualTokensTotal - statistics.VisualTokensKept, new KeyValuePair<string, object?>("kept", false));
        }
        _queue.Record(statistics.QueueMs / 1000);
        _firstToken.Record((statistics.QueueMs + statistics.TimeToFirstTokenMs) / 1000);
        _duration.Record(totalMs / 1000);
    }

    /// <summary>Counts a request.</summary>
    public void Ended(string outcome) => _requests.Add(1, new KeyValuePair<string, object?>("outcome", outcome));

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();
}
