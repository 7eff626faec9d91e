using System.Runtime.ExceptionServices;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Generation;

/// <summary>From the images of a request to visual tokens: by the cache where it is on, by the encoder otherwise.</summary>
sealed class ImageSource(IVisionEncoder? vision, VisionCache cache)
{
    /// <summary>Encodes an image, or finds it.</summary>
    /// <param name="request">Whose selector and budget count.</param>
    /// <param name="index">Which of its images.</param>
    /// <param name="leases">Gets the lease of an image from the cache, for the caller to dispose.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<(CachedImage Image, ImageStatistics Statistics)> GetAsync(
        GenerationRequest request, int index, List<VisionCache.Lease> leases, CancellationToken cancellationToken)
    {
        ImageInput image = request.Images[index];
        if (image.Encoded is not null || !cache.IsOn)
        {
            CachedImage made = await EncodeAsync(request, index, ViewReport.For(request, index), cancellationToken).ConfigureAwait(false);
            return (made, Statistics(made.Tokens, fromCache: false));
        }
        VisionKey key = VisionKey.Of(image.Bytes.Span, request);
        using SharedReport? report = request.ImageProgress is null ? null : new SharedReport(ViewReport.For(request, index)!, cancellationToken);
        VisionCache.Lease lease;
        try
        {
            lease = await cache.GetAsync(
                key, token => EncodeAsync(request, index, report, token), report?.Token ?? cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (report?.Error is not null)
        {
            report.Error.Throw();
            throw;
        }
        leases.Add(lease);
        report?.Error?.Throw();
        return (lease.Image, Statistics(lease.Image.Tokens, lease.Hit));
    }

    async Task<CachedImage> EncodeAsync(
        GenerationRequest request, int index, IProgress<ViewProgress>? progress, CancellationToken cancellationToken)
    {
        ImageInput image = request.Images[index];
        VisualTokens tokens;
        if (image.Encoded is not { } encoded)
        {
            tokens = await vision!.EncodeAndSelectAsync(
                image.Bytes, request.Views, request.Selector, request.Budget, request.SelectorSeed, progress, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            tokens = await vision!.SelectAsync(
                encoded, request.Selector, request.Budget, request.SelectorSeed, cancellationToken).ConfigureAwait(false);
            if (tokens.ClsAttention.Count == 0) tokens = tokens with { ClsAttention = encoded.ClsAttention };
        }
        return new CachedImage(tokens, RowKey.OfImage(tokens.Embeddings.Span));
    }

    // An image from the cache has cost this request nothing.
    static ImageStatistics Statistics(VisualTokens tokens, bool fromCache) =>
        new(tokens.ImageWidth, tokens.ImageHeight, tokens.PatchCount, tokens.Kept, fromCache ? default : tokens.Timings)
        {
            Newlines = tokens.Newlines,
            FromCache = fromCache,
            ClsAttention = tokens.ClsAttention,
            Plan = tokens.Plan,
        };

    /// <summary>Tells the request's listener which image a view belongs to.</summary>
    sealed class ViewReport(GenerationRequest request, int image) : IProgress<ViewProgress>
    {
        public static ViewReport? For(GenerationRequest request, int image) =>
            request.ImageProgress is null ? null : new ViewReport(request, image);

        public void Report(ViewProgress value) =>
            request.ImageProgress!.Report(new ImageProgress(image, request.Images.Count, value.View, value.Views));
    }

    /// <summary>
    /// The listener of the request that encodes an image others may be waiting for too. What it throws ends its own request, as it would
    /// alone; the encoding goes on for the others. A request that has ended hears nothing more.
    /// </summary>
    sealed class SharedReport(ViewReport listener, CancellationToken request) : IProgress<ViewProgress>, IDisposable
    {
        readonly CancellationTokenSource _ended = CancellationTokenSource.CreateLinkedTokenSource(request);
        volatile bool _left;

        /// <summary>Ends the request's waiting: cancelled by itself or by its listener's error.</summary>
        public CancellationToken Token => _ended.Token;

        /// <summary>What the listener threw, or null.</summary>
        public ExceptionDispatchInfo? Error { get; private set; }

        public void Report(ViewProgress value)
        {
            if (_left || Error is not null || _ended.IsCancellationRequested) return;
            try
            {
                listener.Report(value);
            }
            catch (Exception e)
            {
                Error = ExceptionDispatchInfo.Capture(e);
                _ = EndAsync();
            }
        }

        public void Dispose()
        {
            _left = true;
            _ended.Dispose();
        }

        // Not on the encoding thread, which would run what the request does next.
        async Task EndAsync()
        {
            try
            {
                await _ended.CancelAsync().ConfigureAwait(false);
            }
            catch (ObjectDisposedException)
            {
                // The request has ended for another reason.
            }
        }
    }
}
