using SK.FasterVlm.Gguf;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Core.Tests.Vision;

/// <summary>What holding the matrices in fewer bits does to features and choices.</summary>
public class TowerPrecisionTests
{
    static readonly VisionGeometry s_large = new(ImageSize: 168, PatchSize: 14, Width: 128, FeedForward: 512, Heads: 4, Layers: 4);

    [Theory]
    [InlineData(TowerPrecision.F16, true, 0.999999, 35)]
    [InlineData(TowerPrecision.Q8_0, true, 0.9998, 33)]
    [InlineData(TowerPrecision.Q8_0, false, 0.9998, 33)]
    public void Fewer_bits_hardly_change_features_and_the_kept_quarter(TowerPrecision precision, bool ownKernels, double cosine, int same)
    {
        using var tiny = new TinyTower(vision: s_large);
        using ClipVisionTower exact = tiny.Load(), fewer = tiny.Load(precision, ownKernels: ownKernels);
        using EncodedView a = exact.View(tiny.Pixels(8)), b = fewer.View(tiny.Pixels(8));
        Assert.True(Compare.Cosine(exact.Features(a, tiny.AllPatches), fewer.Features(b, tiny.AllPatches)) > cosine);
        Assert.True(Compare.Cosine(exact.Tokens(a, tiny.AllPatches), fewer.Tokens(b, tiny.AllPatches)) > cosine);
        Assert.True(Kept(a).Intersect(Kept(b)).Count() >= same); // of 36
    }

    [Theory]
    [InlineData(GgmlType.F16, TowerPrecision.Auto, TowerPrecision.Q8_0)]
    [InlineData(GgmlType.F32, TowerPrecision.Auto, TowerPrecision.Q8_0)]
    [InlineData(GgmlType.Q8_0, TowerPrecision.Auto, TowerPrecision.Q8_0)]
    [InlineData(GgmlType.Q4_0, TowerPrecision.Auto, TowerPrecision.AsStored)]
    [InlineData(GgmlType.F16, TowerPrecision.AsStored, TowerPrecision.AsStored)]
    [InlineData(GgmlType.Q4_0, TowerPrecision.AsStored, TowerPrecision.AsStored)]
    [InlineData(GgmlType.Q8_0, TowerPrecision.F32, TowerPrecision.F32)]
    [InlineData(GgmlType.Q4_0, TowerPrecision.F16, TowerPrecision.F16)]
    public void Every_stored_type_runs_in_every_precision(GgmlType stored, TowerPrecision asked, TowerPrecision held)
    {
        using var tiny = new TinyTower(new() { VisionType = stored });
        using ClipVisionTower tower = tiny.Load(asked);
        Assert.Equal(held, tower.Precision);
        using EncodedView view = tower.View(tiny.Pixels(1));
        NaiveClip.Result expected = tiny.Naive().Run(tiny.Pixels(1)); // from the stored values
        float[] reference = [.. expected.Features.SelectMany(static r => r).Select(static v => (float)v)];
        Assert.True(Compare.Cosine(reference, tower.Features(view, tiny.AllPatches)) > 0.9995);
    }

    // F16 used where it lies in the mapped file, and F16 copied, are the same numbers.
    [Fact]
    public void Mapped_weights_give_the_same_as_converted_ones()
    {
        using var f16 = new TinyTower(new() { VisionType = GgmlType.F16 });
        using ClipVisionTower mapped = f16.Load(TowerPrecision.AsStored), wide = f16.Load(TowerPrecision.F32);
        Assert.True(mapped.WeightBytes < wide.WeightBytes);
        using EncodedView a = mapped.View(f16.Pixels(3)), b = wide.View(f16.Pixels(3));
        Assert.True(Compare.Cosine(mapped.Features(a, f16.AllPatches), wide.Features(b, f16.AllPatches)) > 0.999999);
    }

    // The mapping belongs to the weights, not to the open file.
    [Fact]
    public void Weights_outlive_the_file_they_came_from()
    {
        using var tiny = new TinyTower(new() { VisionType = GgmlType.F16 });
        using ClipVisionTower tower = tiny.Load(TowerPrecision.AsStored);
        using EncodedView before = tower.View(tiny.Pixels(3));
        tiny.Projector.Dispose();
        using EncodedView after = tower.View(tiny.Pixels(3));
        Assert.Equal(before.ClsAttention, after.ClsAttention);
    }

    [Fact]
    public void Rows_that_no_block_divides_are_held_in_16_bits()
    {
        var narrow = new VisionGeometry(ImageSize: 28, PatchSize: 7, Width: 48, FeedForward: 80, Heads: 4, Layers: 2);
        using var tiny = new TinyTower(vision: narrow);
        using ClipVisionTower tower = tiny.Load(TowerPrecision.Q8_0);
        using EncodedView view = tower.View(tiny.Pixels(3));
        Assert.InRange(Compare.Max(tiny.Naive().Run(tiny.Pixels(3)).Features, tower.Features(view, tiny.AllPatches)), 0, 0.05);
    }

    static int[] Kept(EncodedView view) => new ClsAttentionSelector().Select(new VisualTokenContext(view.ClsAttention, 12, 12), 36);
}
