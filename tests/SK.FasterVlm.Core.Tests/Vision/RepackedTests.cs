using SK.FasterVlm.Gguf;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Core.Tests.Vision;

/// <summary>The tower's own 8-bit product against plain loops over the same rounded numbers, and against the exact product.</summary>
public unsafe class RepackedTests
{
    const string NotHere = "This processor lacks AVX-VNNI, so ggml's kernels are used and there is nothing to test.";

    [Theory]
    [InlineData(1, 32, 16)]
    [InlineData(6, 64, 48)]
    [InlineData(7, 96, 32)]
    [InlineData(37, 160, 80)]
    public void Numbers_of_8_bits_are_multiplied_exactly_and_others_closely(int count, int width, int outputs)
    {
        Assert.SkipUnless(RepackedMatrix.IsSupported, NotHere);
        var random = new Random(count);
        float[] rows = Steps(random, count * width), matrix = Steps(random, outputs * width);
        Assert.InRange(Compare.Max(Naive(rows, matrix, width), Run(rows, matrix, width)), 0, 1e-4);
        (rows, matrix) = (Floats(random, count * width), Floats(random, outputs * width));
        Assert.True(Compare.Cosine(Naive(rows, matrix, width), Run(rows, matrix, width)) > 0.9998);
    }

    [Fact]
    public void Bias_activation_and_residual_come_in_this_order()
    {
        Assert.SkipUnless(RepackedMatrix.IsSupported, NotHere);
        var random = new Random(3);
        float[] rows = Floats(random, 8 * 64), matrix = Floats(random, 32 * 64), bias = Floats(random, 32), residual = Floats(random, 8 * 32);
        float[] plain = Run(rows, matrix, 64);
        float[] all = Run(rows, matrix, 64, bias, ProductActivation.QuickGelu, residual);
        for (int i = 0; i < all.Length; i++)
        {
            double x = plain[i] + bias[i % 32];
            Assert.Equal(x / (1 + Math.Exp(-1.702 * x)) + residual[i], all[i], 1e-5);
        }
    }

    [Fact]
    public void Every_share_of_the_panels_computes_its_own_outputs_only()
    {
        Assert.SkipUnless(RepackedMatrix.IsSupported, NotHere);
        var random = new Random(4);
        float[] rows = Floats(random, 9 * 32), matrix = Floats(random, 80 * 32);
        float[] whole = Run(rows, matrix, 32);
        foreach ((int from, int to) in new[] { (0, 1), (1, 4), (4, 5), (2, 2) })
        {
            float[] part = Run(rows, matrix, 32, from: from, to: to);
            for (int i = 0; i < part.Length; i++) Assert.Equal(i % 80 / 16 >= from && i % 80 / 16 < to ? whole[i] : 0, part[i]);
        }
    }

    [Fact]
    public void A_norm_before_rounding_is_a_layer_norm()
    {
        Assert.SkipUnless(RepackedMatrix.IsSupported, NotHere);
        const float epsilon = 0.01f;
        var random = new Random(5);
        float[] rows = Floats(random, 5 * 64), matrix = Floats(random, 16 * 64), weight = Floats(random, 64), bias = Floats(random, 64);
        float[] normed = new float[rows.Length];
        for (int row = 0; row < 5; row++)
        {
            float[] x = rows[(row * 64)..((row + 1) * 64)];
            double mean = x.Average(), variance = x.Average(v => (v - mean) * (v - mean));
            for (int i = 0; i < 64; i++) normed[row * 64 + i] = (float)((x[i] - mean) / Math.Sqrt(variance + epsilon) * weight[i] + bias[i]);
        }
        Assert.InRange(Compare.Max(Run(normed, matrix, 64), Run(rows, matrix, 64, norm: (weight, bias, epsilon))), 0, 0.02);
        Assert.True(Compare.Max(Run(rows, matrix, 64), Run(rows, matrix, 64, norm: (weight, bias, epsilon))) > 0.5);
    }

    [Fact]
    public void Rows_that_a_tile_lacks_are_zeros()
    {
        Assert.SkipUnless(RepackedMatrix.IsSupported, NotHere);
        const int width = 64;
        float[] rows = Floats(new Random(8), 4 * width);
        byte[] tile = new byte[RepackedRows.TileBytes(width)];
        Array.Fill<byte>(tile, 0xFF);
        fixed (float* r = rows)
        fixed (byte* t = tile) RepackedRows.Quantize((byte*)r, width * sizeof(float), 4, width, default, t);
        for (int i = 0; i < width * RepackedRows.Tile; i++) Assert.True(i / 4 % RepackedRows.Tile < 4 || tile[i] == 0);
        for (int block = 0; block < width / 32; block++)
            for (int row = 4; row < RepackedRows.Tile; row++)
                Assert.Equal(0, BitConverter.ToSingle(tile, width * RepackedRows.Tile + (block * RepackedRows.Tile + row) * sizeof(float)));
    }

    [Theory]
    [InlineData(32, 16, true)]
    [InlineData(96, 80, true)]
    [InlineData(48, 16, false)]
    [InlineData(16, 16, false)]
    [InlineData(32, 24, false)]
    [InlineData(33, 17, false)]
    public void Whole_blocks_of_inputs_and_whole_panels_of_outputs_fit(int inputs, int outputs, bool fits) =>
        Assert.Equal(fits, RepackedMatrix.Fits(inputs, outputs));

    // Inputs of half a block; a feed-forward layer of half a panel; heads that are no groups of eight.
    [Theory]
    [InlineData(48, 128, 2)]
    [InlineData(64, 72, 2)]
    [InlineData(96, 128, 8)]
    public void A_tower_whose_sizes_do_not_fit_is_computed_all_the_same(int width, int feedForward, int heads)
    {
        using var tiny = new TinyTower(new() { VisionType = GgmlType.F32 }, new VisionGeometry(84, 14, width, feedForward, heads, 3));
        using ClipVisionTower own = tiny.Load(TowerPrecision.Q8_0, threads: 3), ggml = tiny.Load(TowerPrecision.Q8_0, ownKernels: false);
        using EncodedView a = own.View(tiny.Pixels(1)), b = ggml.View(tiny.Pixels(1));
        Assert.True(Compare.Cosine(own.Tokens(a, tiny.AllPatches), ggml.Tokens(b, tiny.AllPatches)) > 0.9998);
        Assert.True(Compare.Cosine(Flat(tiny.Naive().Run(tiny.Pixels(1)).Features), own.Features(a, tiny.AllPatches)) > 0.9995);
    }

    [Theory]
    [InlineData(float.NaN, true)]
    [InlineData(float.NaN, false)]
    [InlineData(float.PositiveInfinity, true)]
    [InlineData(float.PositiveInfinity, false)]
    public void F9_What_is_not_a_number_is_not_rounded_away(float damage, bool inRows)
    {
        Assert.SkipUnless(RepackedMatrix.IsSupported, NotHere);
        var random = new Random(6);
        float[] rows = Floats(random, 64), matrix = Floats(random, 16 * 64);
        (inRows ? rows : matrix)[45] = damage;
        float[] result = Run(rows, matrix, 64);
        Assert.False(float.IsFinite(result[0]));
    }

    [Fact]
    public void Zeros_stay_zeros()
    {
        Assert.SkipUnless(RepackedMatrix.IsSupported, NotHere);
        Assert.All(Run(new float[64], Floats(new Random(7), 16 * 64), 64), static v => Assert.Equal(0, v));
        Assert.All(Run(Floats(new Random(7), 64), new float[16 * 64], 64), static v => Assert.Equal(0, v));
    }

    // A tower with both GELUs, on more threads than it has panels to share, against the exact reference and against ggml's kernels.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_tower_on_own_kernels_agrees_with_one_on_ggmls(bool gelu)
    {
        Assert.SkipUnless(RepackedMatrix.IsSupported, NotHere);
        using var tiny = new TinyTower(new() { VisionType = GgmlType.F32, UseGelu = gelu });
        using ClipVisionTower own = tiny.Load(TowerPrecision.Q8_0, threads: 7), ggml = tiny.Load(TowerPrecision.Q8_0, ownKernels: false);
        Assert.NotEqual(ggml.WeightBytes, own.WeightBytes);
        Assert.Equal(TowerPrecision.Q8_0, own.Precision);
        using EncodedView a = own.View(tiny.Pixels(1)), b = ggml.View(tiny.Pixels(1));
        Assert.True(Compare.Cosine(own.Tokens(a, tiny.AllPatches), ggml.Tokens(b, tiny.AllPatches)) > 0.9998);
        Assert.True(Compare.Cosine(a.ClsAttention, b.ClsAttention) > 0.9999);
        Assert.True(Compare.Cosine(Flat(tiny.Naive().Run(tiny.Pixels(1)).Features), own.Features(a, tiny.AllPatches)) > 0.9995);
    }

    static float[] Run(
        float[] rows, float[] matrix, int width, float[]? bias = null, ProductActivation activation = ProductActivation.None,
        float[]? residual = null, int from = 0, int? to = null, (float[] Weight, float[] Bias, float Epsilon)? norm = null)
    {
        int count = rows.Length / width, outputs = matrix.Length / width, panels = outputs / RepackedMatrix.Panel;
        byte[] packed = new byte[panels * RepackedMatrix.PanelBytes(width)];
        for (int i = 0; i < panels; i++)
        {
            RepackedMatrix.Pack(
                matrix.AsSpan(i * RepackedMatrix.Panel * width, RepackedMatrix.Panel * width),
                packed.AsSpan(i * (int)RepackedMatrix.PanelBytes(width), (int)RepackedMatrix.PanelBytes(width)));
        }
        // Filled first: what a tile lacks must not be read from memory that happens to be zero.
        byte[] tiles = new byte[RepackedRows.TileCount(count) * RepackedRows.TileBytes(width)];
        Array.Fill<byte>(tiles, 0xFF);
        float[] result = new float[count * outputs];
        fixed (float* r = rows, b = bias, s = residual, y = result, nw = norm?.Weight, nb = norm?.Bias)
        fixed (byte* t = tiles, p = packed)
        {
            for (int row = 0; row < count; row += RepackedRows.Tile)
            {
                RepackedRows.Quantize(
                    (byte*)(r + row * width), width * sizeof(float), Math.Min(RepackedRows.Tile, count - row), width,
                    new(nw, nb, norm?.Epsilon ?? 0), t + row / RepackedRows.Tile * RepackedRows.TileBytes(width));
            }
            RepackedProduct.Run(t, count, width, p, from, to ?? panels, new(b, activation, s), y, outputs);
        }
        return result;
    }

    // Blocks of 32 that have 127 steps to their largest value, each with a step of its own.
    static float[] Steps(Random random, int count) => [.. Enumerable.Range(0, count / 32).SelectMany(_ =>
    {
        float step = random.NextSingle() / 100;
        return Enumerable.Range(0, 32).Select(i => step * (i == 5 ? -127 : random.Next(-127, 128)));
    })];

    static float[] Naive(float[] rows, float[] matrix, int width)
    {
        int count = rows.Length / width, outputs = matrix.Length / width;
        float[] result = new float[count * outputs];
        for (int i = 0; i < count; i++)
            for (int j = 0; j < outputs; j++)
            {
                double sum = 0;
                for (int k = 0; k < width; k++) sum += (double)rows[i * width + k] * matrix[j * width + k];
                result[i * outputs + j] = (float)sum;
            }
        return result;
    }

    static float[] Floats(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];

    static float[] Flat(double[][] rows) => [.. rows.SelectMany(static r => r).Select(static v => (float)v)];
}
