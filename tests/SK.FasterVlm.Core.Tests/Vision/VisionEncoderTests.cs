using SK.FasterVlm.Gguf;
using SK.FasterVlm.Native;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;
using SkiaSharp;

namespace SK.FasterVlm.Core.Tests.Vision;

/// <summary>From the bytes of a file to visual tokens.</summary>
public sealed class VisionEncoderTests : IDisposable
{
    static readonly ClsAttentionSelector s_cls = new();

    readonly TinyTower _tiny = new(new() { VisionType = GgmlType.F16 });
    readonly VisionEncoder _encoder;

    public VisionEncoderTests() => _encoder = Load();

    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void Info_tells_what_the_file_holds()
    {
        VisionInfo info = _encoder.Info;
        Assert.Equal((84, 14, 6, 36), (info.ImageSize, info.PatchSize, info.GridSide, info.PatchCount));
        Assert.Equal((64, 3, 2, "mlp", 64), (info.FeatureWidth, info.LayerCount, info.HeadCount, info.ProjectorType, info.OutputWidth));
        Assert.Equal((TowerPrecision.Q8_0, "CPU"), (info.Precision, info.Backend));
        Assert.InRange(info.WeightBytes, 100_000, 400_000);
    }

    [Fact]
    public async Task A_picture_becomes_as_many_visual_tokens_as_the_budget_says()
    {
        using EncodedImage image = await _encoder.EncodeAsync(Picture(1), Token);
        Assert.Equal((120, 80), (image.ImageWidth, image.ImageHeight));
        Assert.Equal(36, Assert.Single(image.ClsAttention).Length);
        foreach ((VisualTokenBudget budget, int expected) in new[]
                 {
                     (VisualTokenBudget.All, 36), (VisualTokenBudget.Keep(0.25), 9), (VisualTokenBudget.Count(1), 1),
                     (VisualTokenBudget.Count(0), 0), (VisualTokenBudget.Count(999), 36), (VisualTokenBudget.Mass(0), 0),
                 })
        {
            VisualTokens tokens = await _encoder.SelectAsync(image, new ClsAttentionSelector(), budget, cancellationToken: Token);
            Assert.Equal((expected, 64, 36), (tokens.Count, tokens.Width, tokens.PatchCount));
            Assert.Equal(expected * 64, tokens.Embeddings.Length);
            Assert.Equal(expected, Assert.Single(tokens.Kept).Length);
            Assert.Equal((120, 80), (tokens.ImageWidth, tokens.ImageHeight));
        }
    }

    [Fact]
    public async Task Fewer_tokens_are_the_same_rows_of_all_tokens()
    {
        using EncodedImage image = await _encoder.EncodeAsync(Picture(2), Token);
        VisualTokens all = await _encoder.SelectAsync(image, new ClsAttentionSelector(), VisualTokenBudget.All, cancellationToken: Token);
        foreach (string name in VisualTokenSelectors.Names)
        {
            IVisualTokenSelector selector = VisualTokenSelectors.ByName(name);
            VisualTokens few = await _encoder.SelectAsync(image, selector, VisualTokenBudget.Count(7), seed: 3, Token);
            for (int i = 0; i < 7; i++)
            {
                float[] expected = all.Embeddings.Slice(few.Kept[0][i] * 64, 64).ToArray();
                float[] actual = few.Embeddings.Slice(i * 64, 64).ToArray();
                Assert.InRange(Compare.Max(expected, actual), 0, 1e-5);
            }
        }
    }

    [Fact]
    public async Task Every_stage_is_timed()
    {
        using EncodedImage image = await _encoder.EncodeAsync(Picture(3), Token);
        VisualTokens tokens = await _encoder.SelectAsync(image, s_cls, VisualTokenBudget.All, 0, Token);
        VisionTimings t = tokens.Timings;
        Assert.All((double[])[t.Decode, t.Preprocess, t.Encode, t.Select, t.Project], static ms => Assert.True(ms > 0));
        Assert.Equal(t.Total, t.Decode + t.Preprocess + t.Encode + t.Select + t.Project);
        Assert.Equal((0, 0), (image.Timings.Select, image.Timings.Project));
    }

    [Fact]
    public async Task Eight_at_once_on_two_slots_give_what_one_gives()
    {
        using VisionEncoder encoder = Load(new FasterVlmOptions { MaxConcurrentEncodes = 2, Threads = 1 });
        float[][] alone = new float[8][];
        for (int i = 0; i < 8; i++) alone[i] = await Tokens(encoder, i);
        float[][] together = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Tokens(encoder, i)));
        Assert.Equal(alone, together);
    }

    [Fact]
    public async Task An_image_is_finished_before_those_that_wait_are_begun()
    {
        using VisionEncoder encoder = Load(new FasterVlmOptions { MaxConcurrentEncodes = 1, Threads = 1 });
        List<string> steps = [];
        using SemaphoreSlim open = new(0);
        Task<VisualTokens> StartAsync(int image) => encoder.EncodeAndSelectAsync(
            Picture(image), null, new Noted(() => steps.Add($"select {image}")), VisualTokenBudget.Count(3),
            progress: new Told(() =>
            {
                if (image == 0) open.Wait(Token);
                steps.Add($"encode {image}");
            }), cancellationToken: Token);
        // The first stands in its encoding while the others come.
        Task<VisualTokens>[] all = [.. Enumerable.Range(0, 4).Select(StartAsync)];
        open.Release();
        Assert.All(await Task.WhenAll(all), static t => Assert.Equal((3, 36), (t.Count, Assert.Single(t.ClsAttention).Length)));
        Assert.Equal(Enumerable.Range(0, 4).SelectMany(static i => new[] { $"encode {i}", $"select {i}" }), steps);
    }

    [Fact]
    public async Task Bytes_that_are_no_picture_are_refused()
    {
        await Assert.ThrowsAsync<ImageFormatException>(() => _encoder.EncodeAsync("hello, I am a photo"u8.ToArray(), Token));
        await Assert.ThrowsAsync<ImageFormatException>(() => _encoder.EncodeAsync(default, Token));
    }

    [Fact]
    public async Task Cancellation_comes_before_work()
    {
        var cancelled = new CancellationToken(canceled: true);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _encoder.EncodeAsync(Picture(1), cancelled));
        using EncodedImage image = await _encoder.EncodeAsync(Picture(1), Token); // the slot is free again
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => _encoder.SelectAsync(image, new ClsAttentionSelector(), VisualTokenBudget.All, 0, cancelled));
    }

    [Fact]
    public async Task Selectors_that_break_their_contract_are_caught()
    {
        using EncodedImage image = await _encoder.EncodeAsync(Picture(1), Token);
        foreach (int[] wrong in (int[][])[[1], [2, 1], [1, 1], [0, 36], [-1, 3], [1, 2, 3]])
        {
            var error = await Assert.ThrowsAsync<InvalidOperationException>(
                () => _encoder.SelectAsync(image, new Fixed(wrong), VisualTokenBudget.Count(2), 0, Token));
            Assert.Contains("\"fixed\"", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Images_belong_to_their_encoder_and_to_their_life()
    {
        EncodedImage image = await _encoder.EncodeAsync(Picture(1), Token);
        using VisionEncoder other = Load();
        await Assert.ThrowsAsync<ArgumentException>(() => other.SelectAsync(image, s_cls, VisualTokenBudget.All, 0, Token));
        image.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => _encoder.SelectAsync(image, s_cls, VisualTokenBudget.All, 0, Token));
        other.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => other.EncodeAsync(Picture(1), Token));
    }

    [Fact]
    public void A_missing_or_foreign_file_is_a_format_error()
    {
        NativeRuntime runtime = NativeRuntime.Load(new NativeOptions());
        Assert.Throws<ModelFormatException>(() => VisionEncoder.Load("/nowhere/mmproj.gguf", new FasterVlmOptions(), runtime));
        string text = Path.Combine(Path.GetDirectoryName(_tiny.Path)!, "text.gguf");
        File.WriteAllText(text, "not a model");
        Assert.Throws<ModelFormatException>(() => VisionEncoder.Load(text, new FasterVlmOptions(), runtime));
    }

    // LLaVA-1.5 takes 38 MB in truth (the scheduler's compute buffer); the check must neither refuse it nor wave absurd widths through.
    [Theory]
    [InlineData(336, 1024, 4096, 20_000_000, true)]
    [InlineData(336, 1024, 4096, 100_000_000, false)]
    [InlineData(1792, 32, 100_000, 10_000_000_000, true)]
    public void L4_Towers_that_do_not_fit_into_memory_are_refused(int imageSize, int width, int feedForward, long available, bool refused)
    {
        ClipHeader header = ClipHeader.Read(_tiny.Projector) with { ImageSize = imageSize, Width = width, FeedForwardWidth = feedForward };
        if (refused) Assert.Throws<NativeRuntimeException>(() => VisionEncoder.CheckMemory(header, weights: 0, threads: 1, available));
        else VisionEncoder.CheckMemory(header, weights: 0, threads: 1, available);
    }

    [Fact]
    public void L4_Weights_and_threads_count_for_the_memory_of_a_tower()
    {
        ClipHeader header = ClipHeader.Read(_tiny.Projector);
        using (VisionWeights weights = VisionWeights.Load(_tiny.Projector, header, TowerDevice.OnCpu(), TowerPrecision.F32, threads: 1))
            Assert.Equal(weights.Bytes, weights.CopiedBytes);
        using (VisionWeights weights = VisionWeights.Load(_tiny.Projector, header, TowerDevice.OnCpu(), TowerPrecision.AsStored, threads: 1))
            Assert.InRange(weights.CopiedBytes, 1, weights.Bytes / 2); // the matrices lie in the file
        VisionEncoder.CheckMemory(header, 60_000_000_000, threads: 1, available: 61_000_000_000);
        var error = Assert.Throws<NativeRuntimeException>(() => VisionEncoder.CheckMemory(header, 60_000_000_000, threads: 1, available: 60_000_000_000));
        Assert.Contains("60000 MB weights", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void L4_A_sparse_projector_larger_than_memory_is_refused_before_it_is_read()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs a file system with sparse files");
        // Three thousand million weights in each of 48 blocks, and hardly a byte on the disk.
        var huge = new VisionGeometry(ImageSize: 28, PatchSize: 14, Width: 16_384, FeedForward: 65_536, Heads: 256, Layers: 48);
        GgufWriter writer = SyntheticProjector.Build(ModelGeometry.Tiny with { Vision = huge }, new SyntheticModelOptions());
        using var header = new HeaderOnly();
        Assert.Throws<OperationCanceledException>(() => writer.Write(header, cancellationToken: Token));
        string path = Path.Combine(Path.GetDirectoryName(_tiny.Path)!, "sparse.gguf");
        try
        {
            using FileStream stream = File.Create(path);
            stream.Write(header.ToArray());
            stream.SetLength(header.Length + writer.DataBytes + 100_000);
        }
        catch (IOException)
        {
            Assert.Skip("this file system has no files of that size");
        }
        var error = Assert.Throws<NativeRuntimeException>(
            () => VisionEncoder.Load(path, new FasterVlmOptions { TowerPrecision = TowerPrecision.F32 }, NativeRuntime.Load(new NativeOptions())));
        Assert.Contains("MB weights", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Takes the first piece that is written, which is a file's header, and no more.</summary>
    sealed class HeaderOnly : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer)
        {
            base.Write(buffer);
            throw new OperationCanceledException();
        }
    }

    public void Dispose()
    {
        _encoder.Dispose();
        _tiny.Dispose();
    }

    VisionEncoder Load(FasterVlmOptions? options = null) =>
        VisionEncoder.Load(_tiny.Path, options ?? new FasterVlmOptions { Threads = 1 }, NativeRuntime.Load(new NativeOptions()));

    static async Task<float[]> Tokens(VisionEncoder encoder, int seed)
    {
        using EncodedImage image = await encoder.EncodeAsync(Picture(seed), Token);
        float[] apart = (await encoder.SelectAsync(image, s_cls, VisualTokenBudget.Keep(0.5), 0, Token)).Embeddings.ToArray();
        Assert.Equal(apart, (await encoder.EncodeAndSelectAsync(Picture(seed), null, s_cls, VisualTokenBudget.Keep(0.5), cancellationToken: Token)).Embeddings.ToArray());
        return apart;
    }

    static byte[] Picture(int seed)
    {
        var random = new Random(seed);
        using var bitmap = new SKBitmap(120, 80);
        using (var canvas = new SKCanvas(bitmap))
        {
            canvas.Clear(new SKColor((uint)random.Next() | 0xFF000000));
            for (int i = 0; i < 12; i++)
            {
                using var paint = new SKPaint { Color = new SKColor((uint)random.Next() | 0xFF000000) };
                canvas.DrawRect(random.Next(120), random.Next(80), random.Next(60), random.Next(40), paint);
            }
        }
        using SKData data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return data.ToArray();
    }

    sealed class Noted(Action selected) : IVisualTokenSelector
    {
        public string Name => "noted";

        public int[] Select(in VisualTokenContext context, int budget)
        {
            selected();
            return s_cls.Select(context, budget);
        }
    }

    sealed class Told(Action reported) : IProgress<ViewProgress>
    {
        public void Report(ViewProgress value) => reported();
    }

    sealed class Fixed(int[] kept) : IVisualTokenSelector
    {
        public string Name => "fixed";

        public int[] Select(in VisualTokenContext context, int budget) => kept;
    }
}
