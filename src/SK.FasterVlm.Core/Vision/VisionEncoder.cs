using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using SK.FasterVlm.Gguf;
using SK.FasterVlm.Imaging;
using SK.FasterVlm.Native;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Vision;

/// <summary>
/// Bytes of a picture to visual tokens: decode, pad and resize, run the tower to its [CLS] attention, choose patches, finish those.
/// Weights are shared; at most <see cref="FasterVlmOptions.MaxConcurrentEncodes"/> calls compute at once and the others wait.
/// </summary>
public sealed class VisionEncoder : IVisionEncoder
{
    readonly ClipVisionTower _tower;
    readonly ClipPreprocessor _preprocessor;
    readonly ImageLimits _limits;
    readonly SemaphoreSlim _slots;

    VisionEncoder(ClipVisionTower tower, VisionInfo info, ClipPreprocessor preprocessor, FasterVlmOptions options)
    {
        (_tower, Info, _preprocessor, _limits) = (tower, info, preprocessor, options.ImageLimits);
        _slots = new SemaphoreSlim(options.MaxConcurrentEncodes);
    }

    /// <inheritdoc/>
    public VisionInfo Info { get; }

    /// <summary>Loads a projector file ("mmproj").</summary>
    /// <param name="projectorPath">A GGUF file with a CLIP tower and an <c>mlp</c> or <c>mlp_norm</c> projector.</param>
    /// <param name="options">Precision, threads, concurrency and image limits are taken from here.</param>
    /// <param name="runtime">The loaded libraries.</param>
    /// <param name="logger">Told where the tower runs.</param>
    /// <exception cref="ModelFormatException">The file is damaged or of an unsupported kind; the message names the field.</exception>
    /// <exception cref="NativeRuntimeException">There is not enough memory.</exception>
    public static VisionEncoder Load(string projectorPath, FasterVlmOptions options, NativeRuntime runtime, ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(runtime); // without it no native function below can be called
        options.Validate();
        logger ??= NullLogger.Instance;
        using GgufFile file = GgufFile.Open(projectorPath);
        ClipHeader header = ClipHeader.Read(file);
        CheckMemory(header, HostMachine.AvailableMemory());
        int threads = options.Threads > 0 ? options.Threads : HostMachine.PhysicalCores;

        VisionWeights weights = LoadWeights(file, header, options, threads, logger);
        var info = new VisionInfo(
            header.ImageSize, header.PatchSize, header.GridSide, header.Width, header.LayerCount, header.HeadCount,
            header.ProjectorType, header.OutputWidth, weights.Precision, weights.Device.Name, weights.Bytes);
        if (logger.IsEnabled(LogLevel.Information))
            logger.LogInformation("The vision tower runs on {Backend} in {Precision}.", info.Backend, info.Precision);
        var preprocessor = new ClipPreprocessor(new() { ImageSize = header.ImageSize, Mean = header.ImageMean, Std = header.ImageStd });
        return new VisionEncoder(new ClipVisionTower(weights, threads), info, preprocessor, options);
    }

    /// <inheritdoc/>
    public Task<EncodedImage> EncodeAsync(ReadOnlyMemory<byte> image, CancellationToken cancellationToken = default) =>
        RunAsync<EncodedImage>(() => Encode(image, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The image was encoded by another encoder.</exception>
    /// <exception cref="InvalidOperationException">The selector did not keep to its contract.</exception>
    public Task<VisualTokens> SelectAsync(
        EncodedImage image, IVisualTokenSelector selector, VisualTokenBudget budget, int seed = 0,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(selector);
        ArgumentNullException.ThrowIfNull(budget);
        if (image is not Encoded encoded || encoded.Tower != _tower)
            throw new ArgumentException("The image was encoded by another encoder.", nameof(image));
        return RunAsync(() => Select(encoded, selector, budget, seed, cancellationToken), cancellationToken);
    }

    /// <summary>Releases the tower. Calls that are running end first in their own time; later ones are refused.</summary>
    public void Dispose() => _tower.Dispose();

    /// <summary>
    /// Refuses a tower whose intermediate results would push the process out of memory: the system may kill it instead of saying no, and
    /// a small file with absurd widths is enough for that.
    /// </summary>
    /// <exception cref="NativeRuntimeException">More is needed than there is.</exception>
    internal static void CheckMemory(ClipHeader header, long available)
    {
        long rows = header.PatchCount + 1;
        long widest = Math.Max(header.FeedForwardWidth, Math.Max(header.Projector1.Weight.Ne(1), header.OutputWidth));
        long needed = rows * (2 * widest + 8L * header.Width) * sizeof(float); // a layer's input and output beside the residual, q, k and v
        if (needed <= available) return;
        throw new NativeRuntimeException(
            $"Encoding one image with this projector takes about {needed / 1_000_000} MB but {available / 1_000_000} MB are free.");
    }

    static VisionWeights LoadWeights(GgufFile file, ClipHeader header, FasterVlmOptions options, int threads, ILogger logger)
    {
        TowerDevice device = TowerDevice.Best(options.Native.Backend);
        try
        {
            return VisionWeights.Load(file, header, device, options.TowerPrecision, threads);
        }
        catch (NativeRuntimeException e) when (!device.IsCpu)
        {
            logger.LogWarning(e, "The vision tower does not fit {Device}; the CPU runs it.", device.Name);
            return VisionWeights.Load(file, header, TowerDevice.OnCpu(), options.TowerPrecision, threads);
        }
    }

    // Decoding counts as work too: a decoded picture is up to fifteen times the size of its tower input.
    async Task<T> RunAsync<T>(Func<T> work, CancellationToken cancellationToken)
    {
        await _slots.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await Task.Run(work, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _slots.Release();
        }
    }

    Encoded Encode(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        RgbImage picture = ImageDecoder.Decode(bytes, _limits);
        double decode = Lap(ref start);
        cancellationToken.ThrowIfCancellationRequested();
        PreprocessedImage input = _preprocessor.Process(picture);
        double preprocess = Lap(ref start);
        EncodedView view = _tower.Encode(input.Pixels, cancellationToken);
        double encode = Lap(ref start);
        return new Encoded(_tower, [view])
        {
            ImageWidth = picture.Width,
            ImageHeight = picture.Height,
            ClsAttention = [view.ClsAttention],
            Timings = new VisionTimings(decode, preprocess, encode, 0, 0),
        };
    }

    VisualTokens Select(
        Encoded image, IVisualTokenSelector selector, VisualTokenBudget budget, int seed, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        int[][] kept = [.. image.Views.Select((view, i) => Choose(view.ClsAttention, selector, budget, seed + i))];
        double select = Lap(ref start);

        int count = kept.Sum(static k => k.Length), width = Info.OutputWidth;
        float[] rows = new float[checked(count * width)];
        int next = 0;
        for (int i = 0; i < kept.Length; i++)
        {
            float[] finished = _tower.Finish(image.Views[i], kept[i], project: true, cancellationToken);
            finished.CopyTo(rows, next);
            next += finished.Length;
        }
        VisionTimings timings = image.Timings with { Select = select, Project = Lap(ref start) };
        return new VisualTokens(rows, count, width, kept, kept.Length * Info.PatchCount, timings, image.ImageWidth, image.ImageHeight);
    }

    int[] Choose(float[] attention, IVisualTokenSelector selector, VisualTokenBudget budget, int seed)
    {
        int count = budget.Resolve(attention);
        int[] kept = selector.Select(new VisualTokenContext(attention, Info.GridSide, Info.GridSide, seed), count);
        bool ascending = kept.Length == 0 || kept[0] >= 0 && kept[^1] < attention.Length;
        for (int i = 1; i < kept.Length; i++) ascending &= kept[i - 1] < kept[i];
        if (kept.Length != count || !ascending)
        {
            throw new InvalidOperationException(
                $"The selector \"{selector.Name}\" must return {count} distinct patches in ascending order.");
        }
        return kept;
    }

    static double Lap(ref long start)
    {
        long now = Stopwatch.GetTimestamp();
        double elapsed = Stopwatch.GetElapsedTime(start, now).TotalMilliseconds;
        start = now;
        return elapsed;
    }

    sealed class Encoded(ClipVisionTower tower, EncodedView[] views) : EncodedImage
    {
        public ClipVisionTower Tower { get; } = tower;

        public EncodedView[] Views { get; } = views;

        protected override void Dispose(bool disposing)
        {
            // Views left to the garbage collector end by their own finalisers.
            if (!disposing) return;
            foreach (EncodedView view in Views) view.Dispose();
        }
    }
}
