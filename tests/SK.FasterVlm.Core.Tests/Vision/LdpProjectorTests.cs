using SK.FasterVlm.Core.Tests.EndToEnd;
using SK.FasterVlm.Gguf;
using SK.FasterVlm.Native;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Core.Tests.Vision;

/// <summary>
/// MobileVLM's projectors. That they equal the naive reference is part of <see cref="ClipVisionTowerTests"/>; here are larger grids,
/// mistakes that must show, and what pruning means on a grid of joined patches.
/// </summary>
public class LdpProjectorTests
{
    const double Tolerance = 1e-4;

    static CancellationToken Token => TestContext.Current.CancellationToken;

    static TinyTower Tiny(ProjectorKind kind, VisionGeometry? vision = null) =>
        new(new() { VisionType = GgmlType.F32, Projector = kind, Seed = 5 }, vision);

    [Theory]
    [InlineData(ProjectorKind.Ldp)]
    [InlineData(ProjectorKind.LdpV2)]
    public void Larger_grids_equal_the_reference(ProjectorKind kind)
    {
        // 10 x 10 patches; one block, since the projector is what is tested.
        using TinyTower tiny = Tiny(kind, new VisionGeometry(ImageSize: 70, PatchSize: 7, Width: 36, FeedForward: 52, Heads: 3, Layers: 1));
        using ClipVisionTower tower = tiny.Load();
        float[] pixels = tiny.Pixels(9);
        using EncodedView view = tower.View(pixels);
        Assert.Equal(25, tiny.AllTokens.Length);
        Assert.InRange(Compare.Max(tiny.Naive().Run(pixels).VisualTokens, tower.Tokens(view, tiny.AllTokens)), 0, Tolerance);
    }

    [Theory]
    [InlineData(ProjectorKind.Ldp, "turned kernels")]
    [InlineData(ProjectorKind.Ldp, "rows for columns")]
    [InlineData(ProjectorKind.Ldp, "no excitation")]
    [InlineData(ProjectorKind.Ldp, "no residual")]
    [InlineData(ProjectorKind.LdpV2, "turned kernels")]
    [InlineData(ProjectorKind.LdpV2, "rows for columns")]
    [InlineData(ProjectorKind.LdpV2, "no residual")]
    public void Mistakes_are_far_outside_the_tolerance(ProjectorKind kind, string mistake)
    {
        using TinyTower tiny = Tiny(kind);
        using ClipVisionTower tower = tiny.Load();
        float[] pixels = tiny.Pixels(9);
        using EncodedView view = tower.View(pixels);
        NaiveLdp wrong = new(tiny.Projector)
        {
            TurnedKernels = mistake == "turned kernels",
            TransposedGrid = mistake == "rows for columns",
            NoExcitation = mistake == "no excitation",
            NoResidual = mistake == "no residual",
        };
        double[][] expected = wrong.Run(tiny.Naive().Run(pixels).Features);
        Assert.True(Compare.Max(expected, tower.Tokens(view, tiny.AllTokens)) > 100 * Tolerance);
    }

    [Theory]
    [InlineData(ProjectorKind.Ldp, TowerPrecision.F32)]
    [InlineData(ProjectorKind.Ldp, TowerPrecision.Q8_0)]
    [InlineData(ProjectorKind.LdpV2, TowerPrecision.F16)]
    public void Kept_tokens_are_rows_of_the_full_run(ProjectorKind kind, TowerPrecision precision)
    {
        using TinyTower tiny = Tiny(kind);
        using ClipVisionTower tower = tiny.Load(precision);
        using EncodedView view = tower.View(tiny.Pixels(2));
        int width = tiny.Model.Language.Width;
        float[] all = tower.Tokens(view, tiny.AllTokens);
        float[] some = tower.Tokens(view, [0, 4, 8]);
        Assert.Equal((float[])[.. all[..width], .. all[(4 * width)..(5 * width)], .. all[(8 * width)..]], some);
        Assert.Throws<ArgumentOutOfRangeException>(() => tower.Tokens(view, [9]));
        Assert.Equal(36 * 64, tower.Features(view, tiny.AllPatches).Length); // the tower's features are per patch as ever
    }

    [Fact]
    public void A_tokens_score_is_the_sum_over_its_patches()
    {
        float[] attention = [.. Enumerable.Range(0, 16).Select(static i => (float)i)];
        // 0 1 2 3 / 4 5 6 7 / ...: the first token has patches 0, 1, 4 and 5.
        Assert.Equal([10, 18, 42, 50], PatchPooling.Sum(attention, grid: 4, tokens: 2));
        Assert.Same(attention, PatchPooling.Sum(attention, 4, 4));
        Assert.Equal(attention.Sum(), PatchPooling.Sum(attention, 4, 2).Sum()); // no attention is lost or counted twice
    }

    // Where the attention of a patch counts, its feature must matter most: of all tokens of ldpv2, the one that averages it.
    [Theory]
    [InlineData(ProjectorKind.LdpV2)]
    [InlineData(ProjectorKind.Ldp)]
    public void Scores_are_booked_where_patches_act(ProjectorKind kind)
    {
        using TinyTower tiny = Tiny(kind);
        var naive = new NaiveLdp(tiny.Projector);
        var random = new Random(4);
        double[][] features = [.. Enumerable.Range(0, 36).Select(_ => Enumerable.Range(0, 64).Select(_ => random.NextDouble() - 0.5).ToArray())];
        double[][] before = naive.Run(features);
        int[] booked = new int[36], acts = new int[36];
        for (int patch = 0; patch < 36; patch++)
        {
            float[] one = new float[36];
            one[patch] = 1;
            booked[patch] = Array.IndexOf(PatchPooling.Sum(one, 6, 3), 1f);
            double[][] changed = [.. features];
            changed[patch] = [.. features[patch].Select(static v => v + 0.5)];
            double[][] after = naive.Run(changed);
            double[] effects = [.. after.Select((row, i) => row.Zip(before[i], static (a, b) => Math.Abs(a - b)).Sum())];
            acts[patch] = Array.IndexOf(effects, effects.Max());
        }
        // ldp's stride-2 convolution reaches one patch further up and left, where random kernels let a neighbour win at times.
        int agreeing = booked.Zip(acts, static (a, b) => a == b).Count(static same => same);
        Assert.InRange(agreeing, kind == ProjectorKind.LdpV2 ? 34 : 22, 36);
    }

    [Theory]
    [InlineData(ProjectorKind.Ldp)]
    [InlineData(ProjectorKind.LdpV2)]
    public async Task Pruning_follows_the_joined_grid(ProjectorKind kind)
    {
        using TinyTower tiny = Tiny(kind);
        using VisionEncoder encoder = VisionEncoder.Load(tiny.Path, new() { Threads = 1, TowerPrecision = TowerPrecision.F32 }, NativeRuntime.Load(new NativeOptions()));
        Assert.Equal((6, 36, 3, 9), (encoder.Info.GridSide, encoder.Info.PatchCount, encoder.Info.TokenGridSide, encoder.Info.TokenCount));
        using EncodedImage image = await encoder.EncodeAsync(TinyPair.Picture(), Token);
        float[] scores = Assert.Single(image.ClsAttention);
        Assert.Equal(9, scores.Length);
        VisualTokens all = await encoder.SelectAsync(image, new ClsAttentionSelector(), VisualTokenBudget.All, cancellationToken: Token);
        VisualTokens kept = await encoder.SelectAsync(image, new ClsAttentionSelector(), VisualTokenBudget.Keep(0.25), cancellationToken: Token);
        Assert.Equal((9, 9, 3, 9), (all.Count, all.PatchCount, kept.Count, kept.PatchCount));
        Assert.Equal(Enumerable.Range(0, 9).OrderByDescending(i => scores[i]).Take(3).Order(), kept.Kept[0]);
        for (int i = 0; i < 3; i++)
            Assert.Equal(all.Embeddings.Slice(kept.Kept[0][i] * 64, 64).ToArray(), kept.Embeddings.Slice(i * 64, 64).ToArray());
    }
}
