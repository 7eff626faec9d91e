using SK.FasterVlm.Gguf;
using SK.FasterVlm.Native;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Core.Tests.Vision;

/// <summary>A small random projector file on disk, removed when disposed, and what the tests make of it.</summary>
sealed class TinyTower : IDisposable
{
    readonly string _directory = Directory.CreateTempSubdirectory("fastervlm-tower-").FullName;

    /// <param name="options">Default: 32-bit floats.</param>
    /// <param name="vision">Default: 36 patches, 64 wide, 3 blocks.</param>
    /// <param name="damage">A tensor of floats that gets a value that is not a number.</param>
    /// <param name="model">Geometry the tower is of; default: tiny.</param>
    public TinyTower(
        SyntheticModelOptions? options = null, VisionGeometry? vision = null, string? damage = null, ModelGeometry? model = null)
    {
        Options = options ?? new SyntheticModelOptions { VisionType = GgmlType.F32 };
        model ??= ModelGeometry.Tiny;
        Model = model with { Vision = vision ?? model.Vision };
        Path = System.IO.Path.Combine(_directory, "mmproj.gguf");
        using (FileStream stream = File.Create(Path)) SyntheticProjector.Build(Model, Options).Write(stream);
        if (damage is not null) Damage(damage);
        Projector = GgufFile.Open(Path);
    }

    /// <summary>Brings ggml into the process. The tests of another binding, which are compiled with this class, put its copy here.</summary>
    public static Func<NativeRuntime> Runtime { get; set; } = static () => NativeRuntime.Load(new NativeOptions());

    public SyntheticModelOptions Options { get; }

    public ModelGeometry Model { get; }

    public string Path { get; }

    public GgufFile Projector { get; }

    public int PatchCount => Model.Vision.PatchCount;

    public int[] AllPatches => [.. Enumerable.Range(0, PatchCount)];

    /// <summary>Visual tokens of a view, fewer than patches for MobileVLM's projectors.</summary>
    public int[] AllTokens
    {
        get
        {
            ClipHeader header = ClipHeader.Read(Projector);
            return [.. Enumerable.Range(0, header.TokenGridSide * header.TokenGridSide)];
        }
    }

    public ClipVisionTower Load(TowerPrecision precision = TowerPrecision.F32, int threads = 1, bool ownKernels = true)
    {
        Runtime();
        ClipHeader header = ClipHeader.Read(Projector);
        return new ClipVisionTower(VisionWeights.Load(Projector, header, TowerDevice.OnCpu(), precision, threads, ownKernels), threads, ownKernels);
    }

    /// <summary>
    /// The reference, told what the file holds by the options that made it. Arguments other than the defaults are mutations.
    /// </summary>
    public NaiveClip Naive(
        int? layers = null, bool swap = false, bool clsLast = false, int attentionRow = 0, bool transposed = false, bool noPreNorm = false)
    {
        bool swapped = Options.Layout == TowerLayout.Legacy != swap;
        return new NaiveClip(Projector)
        {
            Layers = layers ?? Model.Vision.Layers,
            Heads = Model.Vision.Heads,
            QuickGelu = !Options.UseGelu,
            Fc1 = swapped ? "ffn_down" : "ffn_up",
            Fc2 = swapped ? "ffn_up" : "ffn_down",
            ClsLast = clsLast,
            AttentionRow = attentionRow,
            TransposedPatches = transposed,
            NoPreNorm = noPreNorm,
        };
    }

    /// <summary>Normalised pixels of a random picture: waves and noise, so that patches differ.</summary>
    public float[] Pixels(int seed)
    {
        var random = new Random(seed);
        int size = Model.Vision.ImageSize;
        float[] pixels = new float[3 * size * size];
        for (int c = 0; c < 3; c++)
        {
            double a = random.NextDouble() * 0.3, b = random.NextDouble() * 0.3, phase = random.NextDouble() * 6;
            for (int y = 0; y < size; y++)
                for (int x = 0; x < size; x++)
                    pixels[(c * size + y) * size + x] = (float)(Math.Sin(a * x + b * y + phase) * 1.5 + random.NextDouble() - 0.5);
        }
        return pixels;
    }

    void Damage(string tensor)
    {
        long offset;
        using (GgufFile file = GgufFile.Open(Path)) offset = file.GetTensor(tensor).Offset;
        using FileStream stream = File.OpenWrite(Path);
        stream.Position = offset;
        stream.Write(BitConverter.GetBytes(float.NaN));
    }

    public void Dispose()
    {
        Projector.Dispose();
        Directory.Delete(_directory, recursive: true);
    }
}

/// <summary>The tower's calls under the token of the running test.</summary>
static class TowerCalls
{
    public static EncodedView View(this ClipVisionTower tower, float[] pixels) =>
        tower.Encode(pixels, TestContext.Current.CancellationToken);

    public static float[] Features(this ClipVisionTower tower, EncodedView view, int[] kept) =>
        tower.Finish(view, kept, project: false, TestContext.Current.CancellationToken);

    public static float[] Tokens(this ClipVisionTower tower, EncodedView view, int[] kept) =>
        tower.Finish(view, kept, project: true, TestContext.Current.CancellationToken);
}

/// <summary>Distances between results.</summary>
static class Compare
{
    public static double Max(double[][] expected, float[] actual) => Max([.. expected.SelectMany(static r => r)], actual);

    public static double Max(float[] expected, float[] actual) => Max([.. expected.Select(static e => (double)e)], actual);

    public static double Max(double[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        // Math.Max keeps a NaN, which Enumerable.Max would lose.
        return expected.Zip(actual, static (e, a) => Math.Abs(e - a)).Aggregate(0.0, Math.Max);
    }

    public static double Cosine(float[] a, float[] b)
    {
        double dot = 0, aa = 0, bb = 0;
        for (int i = 0; i < a.Length; i++) (dot, aa, bb) = (dot + (double)a[i] * b[i], aa + (double)a[i] * a[i], bb + (double)b[i] * b[i]);
        return dot / Math.Sqrt(aa * bb);
    }
}
