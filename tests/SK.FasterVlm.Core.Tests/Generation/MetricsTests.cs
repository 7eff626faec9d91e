using System.Diagnostics.Metrics;
using SK.FasterVlm.Generation;

namespace SK.FasterVlm.Core.Tests.Generation;

public class MetricsTests
{
    [Fact]
    public async Task Requests_tokens_and_cache_hits_are_counted()
    {
        Dictionary<string, double> sums = [];
        await using Rig rig = new(configure: static o => o.MaxQueuedRequests = 0);
        using MeterListener listener = new()
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == GenerationMetrics.MeterName) self.EnableMeasurementEvents(instrument);
            },
        };
        // Other tests publish instruments of the same names: only this rig's model may count.
        rig.Language.Info = rig.Language.Info with { Name = $"metrics-{Guid.NewGuid():N}" };
        Assert.NotEqual(GenerationMetrics.MeterName, rig.Language.Info.Name);
        await using Generator generator = new(rig.Language, rig.Vision);
        void Note<T>(Instrument instrument, T value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state) where T : struct, IConvertible
        {
            if (!instrument.Meter.Tags!.Contains(new("model", rig.Language.Info.Name))) return;
            string name = instrument.Name["fastervlm.engine.".Length..];
            foreach (KeyValuePair<string, object?> tag in tags) name += $" {tag.Key}={tag.Value}";
            lock (sums) sums[name] = sums.GetValueOrDefault(name) + value.ToDouble(null);
        }
        listener.SetMeasurementEventCallback<long>(Note);
        listener.SetMeasurementEventCallback<int>(Note);
        listener.SetMeasurementEventCallback<double>(Note);
        listener.Start();

        CancellationToken test = TestContext.Current.CancellationToken;
        for (int i = 0; i < 2; i++) await generator.CompleteAsync(Rig.Ask("a question", 5, "A"), test);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => generator.CompleteAsync(Rig.Ask("q"), new CancellationToken(true)));
        await Assert.ThrowsAsync<ImageFormatException>(() => generator.CompleteAsync(Rig.Ask("q", 5, ""), test));
        listener.RecordObservableInstruments();

        Assert.Equal(
            (2, 1, 1), (sums["requests outcome=completed"], sums["requests outcome=cancelled"], sums["requests outcome=failed"]));
        Assert.Equal((26, 28), (sums["prompt.tokens cached=True"], sums["prompt.tokens cached=False"]));
        Assert.Equal((10, 32, 0), (sums["output.tokens"], sums["visual_tokens kept=True"], sums["visual_tokens kept=False"]));
        Assert.Equal((1, 2), (sums["image_cache.hits"], sums["image_cache.misses"])); // the broken one is a miss too
        Assert.Equal((0, 0), (sums["requests.waiting"], sums["requests.running"]));
        Assert.Equal(36, sums["kv_cache.positions"]); // 27 + 4, and of the second request what it does not share: 1 + 4
        Assert.True(sums.ContainsKey("queue.duration") && sums.ContainsKey("time_to_first_token") && sums.ContainsKey("request.duration"));
    }
}
