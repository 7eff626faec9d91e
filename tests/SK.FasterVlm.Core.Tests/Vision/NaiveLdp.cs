using SK.FasterVlm.Gguf;

namespace SK.FasterVlm.Core.Tests.Vision;

/// <summary>
/// MobileVLM's projectors in plain loops and doubles, on [channel][y][x] as the authors' PyTorch modules work (arXiv 2312.16886
/// section 3.3, arXiv 2402.03766 section 3.3; torchvision's InvertedResidual, timm's LayerNormAct2d with epsilon 1e-5). It shares
/// nothing with the graph but the file. The mutations are mistakes that still give plausible numbers.
/// </summary>
sealed class NaiveLdp(GgufFile file)
{
    /// <summary>Mutation: kernels turned by 90 degrees.</summary>
    public bool TurnedKernels { get; init; }

    /// <summary>Mutation: rows and columns of the grid exchanged.</summary>
    public bool TransposedGrid { get; init; }

    /// <summary>Mutation: no squeeze and excitation (ldp).</summary>
    public bool NoExcitation { get; init; }

    /// <summary>Mutation: no residual.</summary>
    public bool NoResidual { get; init; }

    /// <summary>Features of all patches [n][w] to visual tokens [n / 4][e].</summary>
    public double[][] Run(double[][] features)
    {
        bool v2 = file.TryGetTensor("mm.model.peg.0.weight", out _);
        (string one, string two) = v2 ? ("mm.model.mlp.0", "mm.model.mlp.2") : ("mm.model.mlp.1", "mm.model.mlp.3");
        double[][] tokens = [.. features.Select(f => Linear([.. Linear(f, one).Select(Gelu)], two))];
        int side = (int)Math.Round(Math.Sqrt(tokens.Length));
        double[,,] x = new double[tokens[0].Length, side, side];
        for (int i = 0; i < tokens.Length; i++)
            for (int c = 0; c < tokens[i].Length; c++) x[c, TransposedGrid ? i % side : i / side, TransposedGrid ? i / side : i % side] = tokens[i][c];

        if (v2)
        {
            double[,,] pooled = new double[x.GetLength(0), side / 2, side / 2];
            Each(x, (c, y, z) => pooled[c, y / 2, z / 2] += x[c, y, z] / 4);
            float[] bias = Weight("mm.model.peg.0.bias");
            x = Convolve(pooled, "mm.model.peg.0.weight", stride: 1);
            Each(x, (c, y, z) => x[c, y, z] += bias[c] + (NoResidual ? 0 : pooled[c, y, z]));
        }
        else
        {
            double[,,] first = Block(x, "mm.model.mb_block.1.block.", stride: 1);
            if (!NoResidual) Each(x, (c, y, z) => first[c, y, z] += x[c, y, z]);
            x = Block(first, "mm.model.mb_block.2.block.", stride: 2);
        }
        List<double[]> result = [];
        for (int y = 0; y < x.GetLength(1); y++)
            for (int z = 0; z < x.GetLength(2); z++)
                result.Add([.. Enumerable.Range(0, x.GetLength(0)).Select(c => TransposedGrid ? x[c, z, y] : x[c, y, z])]);
        return [.. result];
    }

    double[,,] Block(double[,,] x, string name, int stride)
    {
        double[,,] y = Norm(Convolve(x, name + "0.0.weight", stride), name + "0.1");
        Each(y, (c, i, j) => y[c, i, j] *= Hard(y[c, i, j]));
        double[] mean = new double[y.GetLength(0)];
        Each(y, (c, i, j) => mean[c] += y[c, i, j] / (y.GetLength(1) * y.GetLength(2)));
        double[] factor = [.. Linear([.. Linear(mean, name + "1.fc1").Select(static v => Math.Max(0, v))], name + "1.fc2").Select(Hard)];
        if (!NoExcitation) Each(y, (c, i, j) => y[c, i, j] *= factor[c]);

        float[] pointwise = Weight(name + "2.0.weight");
        double[,,] mixed = new double[y.GetLength(0), y.GetLength(1), y.GetLength(2)];
        int channels = y.GetLength(0);
        Each(mixed, (o, i, j) =>
        {
            for (int c = 0; c < channels; c++) mixed[o, i, j] += (double)pointwise[o * channels + c] * y[c, i, j];
        });
        return Norm(mixed, name + "2.1");
    }

    // Weights lie as [channel][y][x]; zeros around the picture.
    double[,,] Convolve(double[,,] x, string name, int stride)
    {
        float[] kernel = Weight(name);
        int side = x.GetLength(1);
        double[,,] result = new double[x.GetLength(0), (side - 1) / stride + 1, (side - 1) / stride + 1];
        Each(result, (c, y, z) =>
        {
            for (int dy = -1; dy <= 1; dy++)
                for (int dz = -1; dz <= 1; dz++)
                {
                    (int sy, int sz) = (y * stride + dy, z * stride + dz);
                    if (sy < 0 || sz < 0 || sy >= side || sz >= side) continue;
                    int tap = TurnedKernels ? (dz + 1) * 3 + dy + 1 : (dy + 1) * 3 + dz + 1;
                    result[c, y, z] += (double)kernel[c * 9 + tap] * x[c, sy, sz];
                }
        });
        return result;
    }

    // Over the channels of each position.
    double[,,] Norm(double[,,] x, string name)
    {
        float[] w = Weight(name + ".weight"), b = Weight(name + ".bias");
        int channels = x.GetLength(0);
        double[,,] result = new double[channels, x.GetLength(1), x.GetLength(2)];
        for (int y = 0; y < x.GetLength(1); y++)
            for (int z = 0; z < x.GetLength(2); z++)
            {
                double[] column = [.. Enumerable.Range(0, channels).Select(c => x[c, y, z])];
                double mean = column.Average(), variance = column.Average(v => (v - mean) * (v - mean));
                for (int c = 0; c < channels; c++) result[c, y, z] = (column[c] - mean) / Math.Sqrt(variance + 1e-5) * w[c] + b[c];
            }
        return result;
    }

    double[] Linear(double[] x, string name)
    {
        float[] w = Weight(name + ".weight"), b = Weight(name + ".bias");
        double[] y = new double[b.Length];
        for (int o = 0; o < y.Length; o++)
        {
            y[o] = b[o];
            for (int i = 0; i < x.Length; i++) y[o] += (double)w[o * x.Length + i] * x[i];
        }
        return y;
    }

    float[] Weight(string name) => file.ReadFloats(file.GetTensor(name));

    static void Each(double[,,] x, Action<int, int, int> visit)
    {
        for (int c = 0; c < x.GetLength(0); c++)
            for (int y = 0; y < x.GetLength(1); y++)
                for (int z = 0; z < x.GetLength(2); z++) visit(c, y, z);
    }

    static double Hard(double x) => Math.Clamp((x + 3) / 6, 0, 1);

    static double Gelu(double x) => NaiveClip.Gelu(x);
}
