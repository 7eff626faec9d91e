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
            CachedImage made = await EncodeAsync(request, index, cancellationToken).ConfigureAwait(false);
            return (made, Statistics(made.Tokens, fromCache: false));
        }
        VisionKey key = VisionKey.Of(image.Bytes.Span, request);
        VisionCache.Lease lease = await cache.GetAsync(key, token => EncodeAsync(request, index, token), cancellationToken).ConfigureAwait(false);
        leases.Add(lease);
        return (lease.Image, Statistics(lease.Image.Tokens, lease.Hit));
    }

    async Task<CachedImage> EncodeAsync(GenerationRequest request, int index, CancellationToken cancellationToken)
    {
        ImageInput image = request.Images[index];
        EncodedImage encoded = image.Encoded ?? await vision!.EncodeAsync(
            image.Bytes, request.Views, ViewReport.For(request, index), cancellationToken).ConfigureAwait(false);
        try
        {
            VisualTokens tokens = await vision!.SelectAsync(
                encoded, request.Selector, request.Budget, request.SelectorSeed, cancellationToken).ConfigureAwait(false);
            if (tokens.ClsAttention.Count == 0) tokens = tokens with { ClsAttention = encoded.ClsAttention };
            return new CachedImage(tokens, RowKey.OfImage(tokens.Embeddings.Span));
        }
        finally
        {
            if (image.Encoded is null) encoded.Dispose();
        }
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
}
