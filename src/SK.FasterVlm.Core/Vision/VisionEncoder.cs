using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using SK.FasterVlm.Gguf;
using SK.FasterVlm.Imaging;
using SK.FasterVlm.Native;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Vision;

/// <summary>
/// Bytes of a picture to visual tokens: decode, cut into views, run the tower over each to its [CLS] attention, choose tokens, finish
/// those. Weights are shared; at most <see cref="FasterVlmOptions.MaxConcurrentEncodes"/> calls compute at once and the others wait.
/// </summary>
public sealed class VisionEncoder : IVisionEncoder
{
    readonly ClipVisionTower _tower;
    readonly ClipHeader _header;
    readonly ViewPreprocessor _preprocessor;
    readonly float[]? _newline;
    readonly ViewSettings _views;
    readonly ImageLimits _limits;
    readonly SemaphoreSlim _slots;

    VisionEncoder(ClipVisionTower tower, VisionInfo info, ClipHeader header, float[]? newline, FasterVlmOptions options)
    {
        (_tower, Info, _header, _newline, _limits, _views) = (tower, info, header, newline, options.ImageLimits, options.Views);
        var settings = new ClipPreprocessorSettings { ImageSize = header.ImageSize, Mean = header.ImageMean, Std = header.ImageStd };
        _preprocessor = new ViewPreprocessor(new ClipPreprocessor(settings));
        _slots = new SemaphoreSlim(options.MaxConcurrentEncodes);
    }

    /// <inheritdoc/>
    public VisionInfo Info { get; }

    /// <summary>Loads a projector file ("mmproj").</summary>
    /// <param name="projectorPath">A GGUF file with a CLIP tower and a projector of the LLaVA family.</param>
    /// <param name="options">Precision, threads, concurrency, views and image limits are taken from here.</param>
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
        CheckNewline(options.Views, header.ImageNewline is not null);
        int threads = HostMachine.Threads(options.Threads, file.Length);

        VisionWeights weights = LoadWeights(file, header, options, threads, logger);
        var info = new VisionInfo(
            header.ImageSize, header.PatchSize, header.GridSide, header.Width, header.LayerCount, header.HeadCount,
            header.ProjectorType, header.OutputWidth, weights.Precision, weights.Device.Name, weights.Bytes)
        {
            TokenGridSide = header.TokenGridSide,
            GridPinpoints = header.GridPinpoints,
            HasNewline = header.ImageNewline is not null,
        };
        if (logger.IsEnabled(LogLevel.Information))
            logger.LogInformation("The vision tower runs on {Backend} in {Precision}.", info.Backend, info.Precision);
        float[]? newline = header.ImageNewline is { } tensor ? file.ReadFloats(tensor) : null;
        return new VisionEncoder(new ClipVisionTower(weights, threads), info, header, newline, options);
    }

    /// <inheritdoc/>
    public Task<EncodedImage> EncodeAsync(ReadOnlyMemory<byte> image, CancellationToken cancellationToken = default) =>
        EncodeAsync(image, null, null, cancellationToken);

    /// <inheritdoc/>
    public Task<EncodedImage> EncodeAsync(
        ReadOnlyMemory<byte> image, ViewSettings? views, IProgress<ViewProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ViewSettings settings = Checked(views);
        return RunAsync<EncodedImage>(() => Encode(image, settings, progress, cancellationToken), cancellationToken);
    }

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

    /// <inheritdoc/>
    public Task<VisualTokens> EncodeAndSelectAsync(
        ReadOnlyMemory<byte> image, ViewSettings? views, IVisualTokenSelector selector, VisualTokenBudget budget, int seed = 0,
        IProgress<ViewProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(selector);
        ArgumentNullException.ThrowIfNull(budget);
        ViewSettings settings = Checked(views);
        return RunAsync(() =>
        {
            using Encoded encoded = Encode(image, settings, progress, cancellationToken);
            return Select(encoded, selector, budget, seed, cancellationToken) with { ClsAttention = encoded.ClsAttention };
        }, cancellationToken);
    }

    /// <summary>Releases the tower. Calls that are running end first in their own time; later ones are refused.</summary>
    public void Dispose() => _tower.Dispose();

    /// <summary>
    /// Refuses a tower whose weights and intermediate results would push the process out of memory: the system may kill it instead of
    /// saying no, and a small file with absurd widths, or a sparse one, is enough for that.
    /// </summary>
    /// <param name="header">Sizes.</param>
    /// <param name="weights">Bytes of weights that memory is taken for; mapped ones cost none.</param>
    /// <param name="threads">Threads of an encode.</param>
    /// <param name="available">Bytes.</param>
    /// <exception cref="NativeRuntimeException">More is needed than there is.</exception>
    internal static void CheckMemory(ClipHeader header, long weights, int threads, long available)
    {
        long rows = header.PatchCount + 1;
        long widest = Math.Max(header.FeedForwardWidth, Math.Max(header.Projector1.Weight.Ne(1), header.OutputWidth));
        long needed = rows * (2 * widest + 8L * header.Width) * sizeof(float); // a layer's input and output beside the residual, q, k and v
        if (HeadAttention.IsSupported) needed += threads * HeadAttention.ScratchFloats(header.HeadWidth, rows) * sizeof(float);
        if (weights > 0 && weights + needed > available)
        {
            throw new NativeRuntimeException(
                $"The vision tower takes about {(weights + needed) / 1_000_000} MB ({weights / 1_000_000} MB weights) but {available / 1_000_000} MB are free.");
        }
        CheckMemory(needed, available);
    }

    static void CheckMemory(long needed, long available)
    {
        if (needed <= available) return;
        throw new NativeRuntimeException(
            $"Encoding one image with this projector takes about {needed / 1_000_000} MB but {available / 1_000_000} MB are free.");
    }

    ViewSettings Checked(ViewSettings? views)
    {
        views ??= _views;
        views.Validate();
        CheckNewline(views, _newline is not null);
        return views;
    }

    static void CheckNewline(ViewSettings views, bool hasNewline)
    {
        if (views.Merge != ViewMerge.SpatialUnpad || hasNewline) return;
        throw new ModelFormatException(
            "Merging views by spatial_unpad needs the newline embedding (image_newline), which this projector file lacks; use spatial.",
            "image_newline");
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

    Encoded Encode(
        ReadOnlyMemory<byte> bytes, ViewSettings settings, IProgress<ViewProgress>? progress, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        RgbImage picture = ImageDecoder.Decode(bytes, _limits);
        double decode = Lap(ref start), preprocess = 0, encode = 0;
        ViewPlan plan = ViewPlan.For(
            picture.Width, picture.Height, _header.ImageSize, _header.GridPinpoints, settings.Views, settings.Resolution);
        if (plan.ViewCount > 1) CheckMemory(plan.ViewCount * EncodedView.BytesOf(_header), HostMachine.AvailableMemory());
        var views = new List<EncodedView>(plan.ViewCount);
        try
        {
            foreach (float[] pixels in _preprocessor.Process(picture, plan))
            {
                cancellationToken.ThrowIfCancellationRequested();
                preprocess += Lap(ref start);
                views.Add(_tower.Encode(pixels, cancellationToken));
                encode += Lap(ref start);
                progress?.Report(new ViewProgress(views.Count, plan.ViewCount));
            }
            return new Encoded(_tower, [.. views])
            {
                ImageWidth = picture.Width,
                ImageHeight = picture.Height,
                Plan = plan,
                Settings = settings,
                ClsAttention = [.. views.Select(view => PatchPooling.Sum(view.ClsAttention, _header.GridSide, _header.TokenGridSide))],
                Timings = new VisionTimings(decode, preprocess, encode, 0, 0),
            };
        }
        catch
        {
            foreach (EncodedView view in views) view.Dispose();
            throw;
        }
    }

    VisualTokens Select(
        Encoded image, IVisualTokenSelector selector, VisualTokenBudget budget, int seed, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        int side = Info.TokenGridSide, perView = Info.TokenCount, width = Info.OutputWidth;
        int[][] kept = ViewSelection.Choose(image.ClsAttention, side, selector, budget, image.Settings.Budget, seed);
        List<int> sequence = TokenSequence.Build(image.Plan, side, kept, image.Settings);
        double select = Lap(ref start);

        // Where each token goes; tokens without a place were cut away with the padding.
        var places = new Dictionary<int, int>(sequence.Count);
        float[] rows = new float[checked(sequence.Count * width)];
        int newlines = 0;
        for (int place = 0; place < sequence.Count; place++)
        {
            if (sequence[place] != TokenSequence.Newline) places.Add(sequence[place], place);
            else
            {
                _newline!.CopyTo(rows, place * width);
                newlines++;
            }
        }
        for (int view = 0; view < kept.Length; view++)
        {
            int first = view * perView;
            kept[view] = [.. kept[view].Where(token => places.ContainsKey(first + token))];
            float[] finished = _tower.Finish(image.Views[view], kept[view], project: true, cancellationToken);
            for (int i = 0; i < kept[view].Length; i++)
                finished.AsSpan(i * width, width).CopyTo(rows.AsSpan(places[first + kept[view][i]] * width));
        }
        VisionTimings timings = image.Timings with { Select = select, Project = Lap(ref start) };
        int full = TokenSequence.FullLength(image.Plan, side, image.Settings);
        return new VisualTokens(rows, sequence.Count, width, kept, full, timings, image.ImageWidth, image.ImageHeight)
        {
            Newlines = newlines,
            Plan = image.Plan,
        };
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
