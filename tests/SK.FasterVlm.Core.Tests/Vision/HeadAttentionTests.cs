using System.Runtime.Intrinsics;
using SK.FasterVlm.Gguf;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Core.Tests.Vision;

/// <summary>The tower's own attention against plain loops in 64-bit floats, and e to the x against the framework's.</summary>
public unsafe class HeadAttentionTests
{
    const string NotHere = "This processor has no fast vectors of 512 bits, so ggml's attention is used and there is nothing to test.";

    [Theory]
    [InlineData(1, 8, 1)]
    [InlineData(7, 16, 5)]
    [InlineData(32, 64, 8)]
    [InlineData(37, 24, 100)]
    [InlineData(65, 64, 65)]
    public void It_equals_softmax_over_all_keys(int queries, int width, int keys)
    {
        Assert.SkipUnless(HeadAttention.IsSupported, NotHere);
        var random = new Random(queries);
        float[] q = Floats(random, queries * width), k = Floats(random, keys * width), v = Floats(random, keys * width);
        foreach (float scale in new[] { 0.2f, 50f }) // scores near each other, and far apart
            Assert.InRange(Compare.Max(Naive(q, k, v, width, scale), Run(q, k, v, width, scale)), 0, scale > 1 ? 1e-3 : 1e-5);
    }

    // The largest score is subtracted wherever it is: without that its exponential, or its product with a large value, overflows.
    [Fact]
    public void Any_key_can_be_the_only_one_that_counts()
    {
        Assert.SkipUnless(HeadAttention.IsSupported, NotHere);
        const int keys = 17, width = 8;
        float[] q = new float[keys * width], k = new float[keys * width], v = Floats(new Random(4), keys * width);
        for (int i = 0; i < v.Length; i++) v[i] *= 1000;
        // Query i likes key i alone: each key has a length and a direction of its own.
        for (int i = 0; i < keys; i++)
        {
            (k[i * width], k[i * width + 1]) = (MathF.Cos(i * 0.3f), MathF.Sin(i * 0.3f));
            (q[i * width], q[i * width + 1]) = (k[i * width], k[i * width + 1]);
        }
        float[] result = Run(q, k, v, width, 10_000);
        for (int i = 0; i < result.Length; i++) Assert.Equal(v[i], result[i], 1e-2);
    }

    [Theory]
    [InlineData(8, true)]
    [InlineData(64, true)]
    [InlineData(12, false)]
    [InlineData(4, false)]
    public void Heads_of_whole_groups_of_eight_fit(int width, bool fits) => Assert.Equal(fits, HeadAttention.Fits(width));

    [Fact]
    public void A_share_of_the_queries_computes_those_only()
    {
        Assert.SkipUnless(HeadAttention.IsSupported, NotHere);
        var random = new Random(1);
        float[] q = Floats(random, 70 * 8), k = Floats(random, 9 * 8), v = Floats(random, 9 * 8);
        float[] whole = Run(q, k, v, 8, 1), part = Run(q, k, v, 8, 1, from: 32, to: 64);
        for (int i = 0; i < part.Length; i++) Assert.Equal(i / 8 is >= 32 and < 64 ? whole[i] : 0, part[i]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void What_is_not_a_number_shows(int where)
    {
        Assert.SkipUnless(HeadAttention.IsSupported, NotHere);
        var random = new Random(2);
        float[][] x = [Floats(random, 3 * 8), Floats(random, 5 * 8), Floats(random, 5 * 8)];
        x[where][2] = float.NaN;
        Assert.True(float.IsNaN(Run(x[0], x[1], x[2], 8, 1)[2]));
    }

    [Fact]
    public void Exponentials_are_right_to_seven_digits_and_bounded()
    {
        for (float x = -85; x < 85; x += 0.37f)
        {
            double exact = Math.Exp(x);
            Assert.InRange(VectorExp.Exp(Vector512.Create(x))[7], exact * (1 - 2e-5), exact * (1 + 2e-5)); // x itself is rounded
            Assert.InRange(VectorExp.Exp(Vector256.Create(x))[3], exact * (1 - 2e-5), exact * (1 + 2e-5));
            if (Math.Abs(x) >= 1) continue;
            Assert.InRange(VectorExp.Exp(Vector512.Create(x))[7], exact * (1 - 4e-7), exact * (1 + 4e-7));
            Assert.InRange(VectorExp.Exp(Vector256.Create(x))[3], exact * (1 - 4e-7), exact * (1 + 4e-7));
        }
        foreach (float x in new[] { -88f, -100f, -1000f, float.NegativeInfinity })
        {
            Assert.InRange(VectorExp.Exp(Vector256.Create(x))[0], 0, 1e-37f);
            Assert.InRange(VectorExp.Exp(Vector512.Create(x))[0], 0, 1e-37f);
        }
        foreach (float x in new[] { 88f, 100f, 1000f, float.PositiveInfinity })
        {
            Assert.InRange(VectorExp.Exp(Vector256.Create(x))[0], 1e37f, float.MaxValue);
            Assert.InRange(VectorExp.Exp(Vector512.Create(x))[0], 1e37f, float.MaxValue);
        }
    }

    // On more threads than heads, so that heads are cut.
    [Fact]
    public void A_tower_in_floats_is_the_same_with_ggmls_attention()
    {
        Assert.SkipUnless(HeadAttention.IsSupported, NotHere);
        using var tiny = new TinyTower(new() { VisionType = GgmlType.F32 });
        using ClipVisionTower own = tiny.Load(threads: 5), ggml = tiny.Load(ownKernels: false);
        using EncodedView a = own.View(tiny.Pixels(1)), b = ggml.View(tiny.Pixels(1));
        Assert.InRange(Compare.Max(ggml.Tokens(b, tiny.AllPatches), own.Tokens(a, tiny.AllPatches)), 0, 1e-4);
        Assert.InRange(Compare.Max(b.ClsAttention, a.ClsAttention), 0, 1e-6);
    }

    static float[] Run(float[] q, float[] k, float[] v, int width, float scale, int from = 0, int? to = null)
    {
        int keys = k.Length / width;
        float[] result = new float[q.Length], scratch = new float[HeadAttention.ScratchFloats(width, keys)];
        Array.Fill(scratch, float.NaN); // nothing may be read that was not written
        fixed (float* a = q, b = k, c = v, r = result, s = scratch)
            HeadAttention.Run(Rows(a), Rows(b), Rows(c), keys, width, scale, from, to ?? q.Length / width, Rows(r), s);
        return result;

        HeadAttention.Rows Rows(float* first) => new((byte*)first, width * sizeof(float));
    }

    static double[] Naive(float[] q, float[] k, float[] v, int width, float scale)
    {
        int keys = k.Length / width;
        double[] result = new double[q.Length];
        for (int row = 0; row < q.Length / width; row++)
        {
            double[] scores = new double[keys];
            for (int key = 0; key < keys; key++)
                for (int i = 0; i < width; i++) scores[key] += (double)q[row * width + i] * k[key * width + i] * scale;
            double most = scores.Max(), sum = scores.Sum(s => Math.Exp(s - most));
            for (int key = 0; key < keys; key++)
                for (int i = 0; i < width; i++) result[row * width + i] += Math.Exp(scores[key] - most) / sum * v[key * width + i];
        }
        return result;
    }

    static float[] Floats(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];
}
