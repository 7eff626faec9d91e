using System.Diagnostics;
using SK.FasterVlm.Gguf;
using SK.FasterVlm.Native;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Cli.Bench;

/// <summary>What asking the tower for [CLS] attention costs: the same tower with and without it, in turns.</summary>
/// <param name="With">Milliseconds per encode with [CLS] attention.</param>
/// <param name="Without">Milliseconds per encode without.</param>
/// <param name="SharePercent">Extra time of each pair, in percent. Noise is larger than the cost, so single values may be negative.</param>
internal sealed record AttentionCost(Spread With, Spread Without, Spread SharePercent)
{
    /// <summary>Measures pairs of encodes; every other pair backwards.</summary>
    public static AttentionCost Measure(string projector, FasterVlmOptions options, int pairs, Action<double> progress, CancellationToken cancellationToken)
    {
        NativeRuntime.Load(options.Native);
        using GgufFile file = GgufFile.Open(projector);
        ClipHeader header = ClipHeader.Read(file);
        int threads = HostMachine.Threads(options.Threads, file.Length);
        using ClipVisionTower tower = new(
            VisionWeights.Load(file, header, TowerDevice.Best(options.Native.Backend), options.TowerPrecision, threads), threads);
        Random random = new(1);
        float[] pixels = [.. Enumerable.Range(0, 3 * header.ImageSize * header.ImageSize).Select(_ => (2 * random.NextSingle()) - 1)];

        foreach (bool attention in new[] { true, false }) Encode(tower, pixels, attention, cancellationToken); // warm-up
        List<double> with = [], without = [];
        for (int pair = 0; pair < pairs; pair++)
        {
            bool first = pair % 2 == 0;
            foreach (bool attention in new[] { first, !first })
                (attention ? with : without).Add(Encode(tower, pixels, attention, cancellationToken));
            progress((pair + 1.0) / pairs);
        }

        return new AttentionCost(Spread.Of(with), Spread.Of(without), Spread.Of(with.Zip(without, static (a, b) => 100 * (a - b) / b)));
    }

    static double Encode(ClipVisionTower tower, float[] pixels, bool attention, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        tower.RunEncode(pixels, attention, cancellationToken).Dispose();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
}
