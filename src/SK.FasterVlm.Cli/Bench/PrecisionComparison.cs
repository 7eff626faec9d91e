using System.Numerics.Tensors;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Cli.Bench;

/// <summary>A way of holding the tower's matrices, against the reference way.</summary>
/// <param name="Precision">The way.</param>
/// <param name="WeightBytes">Bytes of weights in memory.</param>
/// <param name="Encode">Milliseconds per image.</param>
/// <param name="TimeRatio">Median encode time over the reference's.</param>
/// <param name="CosineMean">Mean over visual tokens and pictures of the cosine to the reference's visual token.</param>
/// <param name="CosineMinimum">The worst of them.</param>
/// <param name="KeptOverlap">Share of the patches kept at 10 % that the reference keeps too.</param>
internal sealed record PrecisionResult(
    TowerPrecision Precision, long WeightBytes, Spread Encode, double TimeRatio, double CosineMean, double CosineMinimum, double KeptOverlap);

/// <summary>Runs the same pictures through towers of different precision, in turns.</summary>
internal sealed class PrecisionComparison(IReadOnlyList<byte[]> pictures, int runs)
{
    const double KeptShare = 0.10;

    /// <summary>Compares towers; the last one is the reference.</summary>
    public async Task<IReadOnlyList<PrecisionResult>> RunAsync(
        IReadOnlyList<IVisionEncoder> towers, Action<double> progress, CancellationToken cancellationToken)
    {
        List<double>[] times = [.. towers.Select(static _ => new List<double>())];
        List<VisualTokens>[] all = [.. towers.Select(static _ => new List<VisualTokens>())];
        List<VisualTokens>[] kept = [.. towers.Select(static _ => new List<VisualTokens>())];
        foreach (IVisionEncoder tower in towers) // warm-up
            (await tower.EncodeAsync(pictures[0], cancellationToken)).Dispose();

        for (int run = 0; run < runs * pictures.Count; run++)
        {
            for (int t = 0; t < towers.Count; t++)
            {
                using EncodedImage image = await towers[t].EncodeAsync(pictures[run % pictures.Count], cancellationToken);
                times[t].Add(image.Timings.Encode);
                if (run >= pictures.Count) continue; // what is computed is the same every time
                all[t].Add(await SelectAsync(towers[t], image, VisualTokenBudget.All, cancellationToken));
                kept[t].Add(await SelectAsync(towers[t], image, VisualTokenBudget.Keep(KeptShare), cancellationToken));
            }

            progress((run + 1.0) / (runs * pictures.Count));
        }

        int reference = towers.Count - 1;
        double referenceMs = Spread.Of(times[reference]).Median;
        return [.. towers.Select((tower, t) =>
        {
            double[] cosines = [.. all[t].Zip(all[reference]).SelectMany(static pair => Cosines(pair.First, pair.Second))];
            double overlap = kept[t].Zip(kept[reference]).Average(static pair => Overlap(pair.First.Kept[0], pair.Second.Kept[0]));
            Spread encode = Spread.Of(times[t]);
            return new PrecisionResult(
                tower.Info.Precision, tower.Info.WeightBytes, encode, encode.Median / referenceMs, cosines.Average(), cosines.Min(), overlap);
        })];
    }

    static Task<VisualTokens> SelectAsync(
        IVisionEncoder tower, EncodedImage image, VisualTokenBudget budget, CancellationToken cancellationToken) =>
        tower.SelectAsync(image, VisualTokenSelectors.ByName("cls"), budget, cancellationToken: cancellationToken);

    static IEnumerable<double> Cosines(VisualTokens a, VisualTokens b)
    {
        for (int row = 0; row < a.Count; row++)
            yield return TensorPrimitives.CosineSimilarity<float>(Row(a, row), Row(b, row));

        static ReadOnlySpan<float> Row(VisualTokens tokens, int row) => tokens.Embeddings.Span.Slice(row * tokens.Width, tokens.Width);
    }

    static double Overlap(int[] a, int[] b) => b.Length == 0 ? 1 : (double)a.Intersect(b).Count() / b.Length;
}
