using SK.FasterVlm.Gguf;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Core.Tests.Vision;

/// <summary>The graph against the naive reference: everything that a wrong order, count or name would change.</summary>
public class ClipVisionTowerTests
{
    // Measured: 1e-6 on features of size 1. What a mistake costs is above 1e-2 (see Mistakes_are_far_outside_the_tolerance).
    const double Tolerance = 1e-4;

    public static TheoryData<TowerLayout, bool, ProjectorKind> Files
    {
        get
        {
            var data = new TheoryData<TowerLayout, bool, ProjectorKind>();
            foreach (TowerLayout layout in Enum.GetValues<TowerLayout>())
                foreach (bool gelu in (bool[])[false, true])
                    foreach (ProjectorKind projector in Enum.GetValues<ProjectorKind>()) data.Add(layout, gelu, projector);
            return data;
        }
    }

    [Theory, MemberData(nameof(Files))]
    public void Features_attention_and_visual_tokens_equal_the_reference(TowerLayout layout, bool gelu, ProjectorKind projector)
    {
        using var tiny = new TinyTower(
            new() { VisionType = GgmlType.F32, Layout = layout, UseGelu = gelu, Projector = projector, Seed = 3 });
        using ClipVisionTower tower = tiny.Load();
        float[] pixels = tiny.Pixels(11);
        NaiveClip.Result expected = tiny.Naive().Run(pixels);

        using EncodedView view = tower.View(pixels);
        Assert.InRange(Compare.Max(expected.ClsAttention, view.ClsAttention), 0, Tolerance / tiny.PatchCount);
        Assert.InRange(Compare.Max(expected.Features, tower.Features(view, tiny.AllPatches)), 0, Tolerance);
        Assert.InRange(Compare.Max(expected.VisualTokens, tower.Tokens(view, tiny.AllTokens)), 0, Tolerance);

        float[] reference = [.. expected.ClsAttention.Select(static a => (float)a)];
        for (int k = 0; k <= tiny.PatchCount; k++) Assert.Equal(Kept(reference, k), Kept(view.ClsAttention, k));
    }

    // Heads narrower than a vector register, an odd grid, rows that no block of 32 divides.
    [Fact]
    public void Odd_sizes_equal_the_reference()
    {
        var odd = new VisionGeometry(ImageSize: 35, PatchSize: 7, Width: 36, FeedForward: 52, Heads: 3, Layers: 2);
        using var tiny = new TinyTower(vision: odd);
        using ClipVisionTower tower = tiny.Load();
        float[] pixels = tiny.Pixels(5);
        NaiveClip.Result expected = tiny.Naive().Run(pixels);
        using EncodedView view = tower.View(pixels);
        Assert.InRange(Compare.Max(expected.ClsAttention, view.ClsAttention), 0, Tolerance / tiny.PatchCount);
        Assert.InRange(Compare.Max(expected.Features, tower.Features(view, tiny.AllPatches)), 0, Tolerance);
        Assert.InRange(Compare.Max(expected.VisualTokens, tower.Tokens(view, tiny.AllPatches)), 0, Tolerance);
    }

    [Fact]
    public void A_single_block_is_enough()
    {
        using var tiny = new TinyTower(vision: ModelGeometry.Tiny.Vision with { Layers = 1 });
        using ClipVisionTower tower = tiny.Load();
        float[] pixels = tiny.Pixels(6);
        using EncodedView view = tower.View(pixels);
        Assert.InRange(Compare.Max(tiny.Naive().Run(pixels).Features, tower.Features(view, tiny.AllPatches)), 0, Tolerance);
    }

    /// <summary>The mistakes a tower can make and still give plausible numbers: each must be far outside the tolerance.</summary>
    [Theory]
    [InlineData("[CLS] behind the patches")]
    [InlineData("one block too few")]
    [InlineData("one block too many")]
    [InlineData("feed-forward names swapped")]
    [InlineData("attention of the first patch")]
    [InlineData("patches column by column")]
    [InlineData("no LayerNorm before the first block")]
    public void Mistakes_are_far_outside_the_tolerance(string mistake)
    {
        using var tiny = new TinyTower(new() { VisionType = GgmlType.F32, Layout = TowerLayout.FeatureLayer, Seed = 3 });
        using ClipVisionTower tower = tiny.Load();
        float[] pixels = tiny.Pixels(11);
        int layers = tiny.Model.Vision.Layers;
        NaiveClip wrong = mistake switch
        {
            "[CLS] behind the patches" => tiny.Naive(clsLast: true),
            "one block too few" => tiny.Naive(layers: layers - 1),
            "one block too many" => tiny.Naive(layers: layers + 1),
            "feed-forward names swapped" => tiny.Naive(swap: true),
            "attention of the first patch" => tiny.Naive(attentionRow: 1),
            "patches column by column" => tiny.Naive(transposed: true),
            _ => tiny.Naive(noPreNorm: true),
        };
        NaiveClip.Result expected = wrong.Run(pixels);
        using EncodedView view = tower.View(pixels);

        double attention = Compare.Max(expected.ClsAttention, view.ClsAttention);
        Assert.True(attention > 100 * Tolerance / tiny.PatchCount, "the [CLS] attention hides it");
        if (mistake == "attention of the first patch") return;
        Assert.True(Compare.Max(expected.Features, tower.Features(view, tiny.AllPatches)) > 100 * Tolerance, "the features hide it");
        Assert.True(Compare.Max(expected.VisualTokens, tower.Tokens(view, tiny.AllPatches)) > 10 * Tolerance, "the visual tokens hide it");
    }

    [Theory]
    [InlineData(TowerPrecision.F32)]
    [InlineData(TowerPrecision.F16)]
    [InlineData(TowerPrecision.Q8_0)]
    public void Kept_rows_are_the_rows_of_the_full_run(TowerPrecision precision)
    {
        using var tiny = new TinyTower();
        using ClipVisionTower tower = tiny.Load(precision);
        using EncodedView view = tower.View(tiny.Pixels(2));
        int width = tiny.Model.Language.Width;
        float[] all = tower.Tokens(view, tiny.AllPatches);
        for (int k = 1; k <= tiny.PatchCount; k += 5)
        {
            int[] kept = Kept(view.ClsAttention, k);
            float[] expected = [.. kept.SelectMany(i => all[(i * width)..((i + 1) * width)])];
            Assert.InRange(Compare.Max(expected, tower.Tokens(view, kept)), 0, 1e-5);
        }
    }

    [Fact]
    public void Rows_come_in_the_order_they_are_asked_for()
    {
        using var tiny = new TinyTower();
        using ClipVisionTower tower = tiny.Load();
        using EncodedView view = tower.View(tiny.Pixels(2));
        int width = tiny.Model.Language.Width;
        float[] forward = tower.Tokens(view, [3, 30]), backward = tower.Tokens(view, [30, 3]);
        Assert.InRange(Compare.Max(forward[..width], backward[width..]), 0, 1e-5);
        Assert.InRange(Compare.Max(forward[width..], backward[..width]), 0, 1e-5);
        Assert.True(Compare.Max(forward, backward) > 0.01);
    }

    [Fact]
    public void The_attention_sums_to_what_cls_does_not_keep_for_itself()
    {
        using var tiny = new TinyTower();
        using ClipVisionTower tower = tiny.Load();
        using EncodedView view = tower.View(tiny.Pixels(4));
        Assert.InRange(view.ClsAttention.Sum(), 0.5, 1);
        Assert.All(view.ClsAttention, static a => Assert.InRange(a, 0, 1));
    }

    [Fact]
    public void Wrong_arguments_are_refused_before_native_code()
    {
        using var tiny = new TinyTower();
        using ClipVisionTower tower = tiny.Load();
        Assert.Throws<ArgumentException>(() => tower.View(new float[3 * 84 * 83]));
        using EncodedView view = tower.View(tiny.Pixels(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => tower.Tokens(view, [0, 36]));
        Assert.Throws<ArgumentOutOfRangeException>(() => tower.Tokens(view, [-1]));
        Assert.Empty(tower.Tokens(view, []));
        view.Dispose();
        Assert.Throws<ObjectDisposedException>(() => tower.Tokens(view, [1]));
        tower.Dispose();
        Assert.Throws<ObjectDisposedException>(() => tower.View(tiny.Pixels(1)));
    }

    [Fact]
    public void F9_Weights_that_are_not_numbers_are_an_error_and_not_an_answer()
    {
        using var tiny = new TinyTower(damage: "v.blk.1.attn_out.weight");
        using ClipVisionTower tower = tiny.Load();
        Assert.Throws<ModelFormatException>(() => tower.View(tiny.Pixels(1)));

        using var late = new TinyTower(damage: "mm.2.weight");
        using ClipVisionTower lateTower = late.Load();
        using EncodedView view = lateTower.View(late.Pixels(1));
        Assert.Throws<ModelFormatException>(() => lateTower.Tokens(view, [1]));
    }

    static int[] Kept(float[] attention, int k)
    {
        int side = (int)Math.Sqrt(attention.Length);
        return new ClsAttentionSelector().Select(new VisualTokenContext(attention, side, side), k);
    }
}
