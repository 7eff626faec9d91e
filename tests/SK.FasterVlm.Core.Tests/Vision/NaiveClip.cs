using SK.FasterVlm.Gguf;

namespace SK.FasterVlm.Core.Tests.Vision;

/// <summary>
/// CLIP's vision tower and LLaVA's projector in plain loops and doubles, written from the papers (ViT arXiv 2010.11929 section 3.1, CLIP
/// arXiv 2103.00020 section 2.4, LLaVA-1.5 arXiv 2310.03744) and the order of layers in Hugging Face's CLIPVisionTransformer. It shares
/// nothing with the graph but the file. The mutations are the mistakes a tower can make and still give plausible numbers.
/// </summary>
sealed class NaiveClip(GgufFile file)
{
    readonly Dictionary<string, float[]> _weights = [];

    /// <summary>Blocks to run.</summary>
    public required int Layers { get; init; }

    /// <summary>Attention heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Quick GELU or the exact one.</summary>
    public bool QuickGelu { get; init; } = true;

    /// <summary>Name of the first feed-forward layer.</summary>
    public string Fc1 { get; init; } = "ffn_up";

    /// <summary>Name of the second feed-forward layer.</summary>
    public string Fc2 { get; init; } = "ffn_down";

    /// <summary>Mutation: [CLS] behind the patches, as stock llama.cpp puts it, positions counted from the front.</summary>
    public bool ClsLast { get; init; }

    /// <summary>Row whose attention is reported; any but 0 is a mutation.</summary>
    public int AttentionRow { get; init; }

    /// <summary>Mutation: patches column by column.</summary>
    public bool TransposedPatches { get; init; }

    /// <summary>Mutation: no LayerNorm before the first block.</summary>
    public bool NoPreNorm { get; init; }

    /// <summary>Runs everything for one view [3, S, S].</summary>
    public Result Run(float[] pixels)
    {
        double[][] x = Embed(pixels);
        double[] attention = [];
        for (int layer = 0; layer < Layers; layer++) (x, attention) = Block(x, $"v.blk.{layer}.");
        double[][] features = ClsLast ? x[..^1] : x[1..];
        bool joined = !file.TryGetTensor("mm.0.weight", out _); // MobileVLM's projectors need the whole grid
        return new Result(features, attention, joined ? new NaiveLdp(file).Run(features) : [.. features.Select(Project)]);
    }

    double[][] Embed(float[] pixels)
    {
        GgufTensorInfo info = file.GetTensor("v.patch_embd.weight");
        int p = (int)info.Ne(0), width = (int)info.Ne(3), size = (int)Math.Round(Math.Sqrt(pixels.Length / 3.0)), side = size / p;
        var rows = new List<double[]>();
        for (int py = 0; py < side; py++)
            for (int px = 0; px < side; px++)
                rows.Add(TransposedPatches ? Convolve(pixels, size, p, width, py, px) : Convolve(pixels, size, p, width, px, py));
        double[] cls = [.. Weight("v.class_embd").Select(static v => (double)v)];
        rows.Insert(ClsLast ? rows.Count : 0, cls);

        float[] positions = Weight("v.position_embd.weight");
        for (int r = 0; r < rows.Count; r++)
            for (int i = 0; i < width; i++) rows[r][i] += positions[r * width + i];
        return NoPreNorm ? [.. rows] : [.. rows.Select(r => LayerNorm(r, "v.pre_ln"))];
    }

    // The weights lie as [output][channel][y][x].
    double[] Convolve(float[] pixels, int size, int p, int width, int px, int py)
    {
        float[] kernel = Weight("v.patch_embd.weight");
        double[] row = new double[width];
        for (int o = 0; o < width; o++)
            for (int c = 0; c < 3; c++)
                for (int y = 0; y < p; y++)
                    for (int x = 0; x < p; x++)
                        row[o] += (double)kernel[((o * 3 + c) * p + y) * p + x] * pixels[(c * size + py * p + y) * size + px * p + x];
        return row;
    }

    (double[][] X, double[] ClsAttention) Block(double[][] x, string block)
    {
        double[][] y = [.. x.Select(r => LayerNorm(r, block + "ln1"))];
        double[][] q = [.. y.Select(r => Linear(r, block + "attn_q"))];
        double[][] k = [.. y.Select(r => Linear(r, block + "attn_k"))];
        double[][] v = [.. y.Select(r => Linear(r, block + "attn_v"))];

        double[] reported = new double[x.Length];
        double[][] result = new double[x.Length][];
        for (int i = 0; i < x.Length; i++)
        {
            double[] mixed = Attend(q[i], k, v, i == AttentionRow ? reported : null);
            double[] r = Add(x[i], Linear(mixed, block + "attn_out"));
            double[] hidden = Linear(LayerNorm(r, block + "ln2"), block + Fc1);
            for (int j = 0; j < hidden.Length; j++) hidden[j] = Activation(hidden[j]);
            result[i] = Add(r, Linear(hidden, block + Fc2));
        }
        return (result, reported[1..]);
    }

    double[] Attend(double[] q, double[][] k, double[][] v, double[]? meanWeights)
    {
        int n = k.Length, d = q.Length / Heads;
        double[] mixed = new double[q.Length];
        for (int h = 0; h < Heads; h++)
        {
            double[] weights = new double[n];
            for (int j = 0; j < n; j++)
            {
                double score = 0;
                for (int t = h * d; t < (h + 1) * d; t++) score += q[t] * k[j][t];
                weights[j] = Math.Exp(score / Math.Sqrt(d));
            }
            double sum = weights.Sum();
            for (int j = 0; j < n; j++)
            {
                if (meanWeights is not null) meanWeights[j] += weights[j] / sum / Heads;
                for (int t = h * d; t < (h + 1) * d; t++) mixed[t] += weights[j] / sum * v[j][t];
            }
        }
        return mixed;
    }

    double[] Project(double[] feature)
    {
        bool norms = file.TryGetTensor("mm.3.weight", out _);
        double[] y = Linear(feature, "mm.0");
        if (norms) y = LayerNorm(y, "mm.1");
        for (int i = 0; i < y.Length; i++) y[i] = Gelu(y[i]);
        return norms ? LayerNorm(Linear(y, "mm.3"), "mm.4") : Linear(y, "mm.2");
    }

    float[] Weight(string name)
    {
        if (!_weights.TryGetValue(name, out float[]? values)) _weights[name] = values = file.ReadFloats(file.GetTensor(name));
        return values;
    }

    double[] Linear(double[] x, string name)
    {
        float[] w = Weight(name + ".weight"), b = Weight(name + ".bias");
        // With the names swapped, a matrix of the right size is read with rows and columns exchanged: a mistake that does not crash.
        double[] y = new double[w.Length / x.Length];
        for (int o = 0; o < y.Length; o++)
        {
            y[o] = b[o % b.Length];
            for (int i = 0; i < x.Length; i++) y[o] += (double)w[o * x.Length + i] * x[i];
        }
        return y;
    }

    double[] LayerNorm(double[] x, string name)
    {
        float[] w = Weight(name + ".weight"), b = Weight(name + ".bias");
        double mean = x.Average(), variance = x.Average(v => (v - mean) * (v - mean));
        return [.. x.Select((v, i) => (v - mean) / Math.Sqrt(variance + 1e-5) * w[i] + b[i])];
    }

    static double[] Add(double[] a, double[] b) => [.. a.Select((v, i) => v + b[i])];

    double Activation(double x) => QuickGelu ? x / (1 + Math.Exp(-1.702 * x)) : Gelu(x);

    internal static double Gelu(double x) => 0.5 * x * (1 + Erf(x / Math.Sqrt(2)));

    // The Taylor series converges everywhere; up to 4 its terms cancel to far better than a float's precision.
    static double Erf(double x)
    {
        if (Math.Abs(x) > 4) return Math.Sign(x);
        double term = x, sum = x;
        for (int n = 1; Math.Abs(term) > 1e-17; n++)
        {
            term *= -x * x / n;
            sum += term / (2 * n + 1);
        }
        return 2 / Math.Sqrt(Math.PI) * sum;
    }

    /// <summary>Features [n][w] before the projector, [CLS] attention [n], visual tokens [n][e].</summary>
    public sealed record Result(double[][] Features, double[] ClsAttention, double[][] VisualTokens);
}
