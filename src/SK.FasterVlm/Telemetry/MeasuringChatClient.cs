using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Generation;

namespace SK.FasterVlm.Telemetry;

/// <summary>Reads the statistics that come with an answer into instruments and the current span.</summary>
sealed class MeasuringChatClient : DelegatingChatClient
{
    readonly Meter? _ownMeter;
    readonly Counter<long> _kept, _total, _cachedTokens, _cachedImages;
    readonly Histogram<double> _encode, _prefill, _queue;

    public MeasuringChatClient(IChatClient inner, IMeterFactory? meters) : base(inner)
    {
        Meter meter = meters?.Create(FasterVlmTelemetry.Name) ?? (_ownMeter = new Meter(FasterVlmTelemetry.Name));
        _kept = meter.CreateCounter<long>(FasterVlmTelemetry.VisualTokensKept, "{token}", "Visual tokens given to the language model.");
        _total = meter.CreateCounter<long>(FasterVlmTelemetry.VisualTokensTotal, "{token}", "Visual tokens there would have been without pruning.");
        _cachedTokens = meter.CreateCounter<long>(FasterVlmTelemetry.CachedTokens, "{token}", "Prompt tokens taken from the prefix cache.");
        _cachedImages = meter.CreateCounter<long>(FasterVlmTelemetry.CachedImages, "{image}", "Images taken from the image cache.");
        _encode = meter.CreateHistogram<double>(FasterVlmTelemetry.EncodeDuration, "s", "Time from the images' bytes to their visual tokens.");
        _prefill = meter.CreateHistogram<double>(FasterVlmTelemetry.PrefillDuration, "s", "Time to evaluate the prompt.");
        _queue = meter.CreateHistogram<double>(FasterVlmTelemetry.QueueDuration, "s", "Time waiting for the model.");
    }

    public override async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ChatResponse response = await base.GetResponseAsync(messages, options, cancellationToken).ConfigureAwait(false);
        Measure(response.AdditionalProperties, response.ModelId);
        return response;
    }

    public override async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (ChatResponseUpdate update in base.GetStreamingResponseAsync(messages, options, cancellationToken).ConfigureAwait(false))
        {
            Measure(update.AdditionalProperties, update.ModelId);
            yield return update;
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _ownMeter?.Dispose();
        base.Dispose(disposing);
    }

    void Measure(AdditionalPropertiesDictionary? properties, string? model)
    {
        if (properties?.GetValueOrDefault(FasterVlmChatClient.StatisticsKey) is not GenerationStatistics statistics) return;
        KeyValuePair<string, object?> tag = new("gen_ai.response.model", model);
        double encode = statistics.Images.Sum(static i => i.Timings.Total) / 1000;
        _kept.Add(statistics.VisualTokensKept, tag);
        _total.Add(statistics.VisualTokensTotal, tag);
        if (statistics.Images.Count > 0) _encode.Record(encode, tag);
        _prefill.Record(statistics.PrefillMs / 1000, tag);
        _queue.Record(statistics.QueueMs / 1000, tag);
        _cachedTokens.Add(statistics.CachedPromptTokens, tag);
        _cachedImages.Add(statistics.ImageCacheHits, tag);

        if (Activity.Current is not { IsAllDataRequested: true, Source.Name: FasterVlmTelemetry.Name } span) return;
        span.SetTag(FasterVlmTelemetry.VisualTokensKept, statistics.VisualTokensKept);
        span.SetTag(FasterVlmTelemetry.VisualTokensTotal, statistics.VisualTokensTotal);
        span.SetTag(FasterVlmTelemetry.CachedTokens, statistics.CachedPromptTokens);
        span.SetTag(FasterVlmTelemetry.CachedImages, statistics.ImageCacheHits);
        span.SetTag(FasterVlmTelemetry.EncodeDuration, encode);
        span.SetTag(FasterVlmTelemetry.PrefillDuration, statistics.PrefillMs / 1000);
        span.SetTag(FasterVlmTelemetry.QueueDuration, statistics.QueueMs / 1000);
    }
}
