using SK.FasterVlm.Imaging;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Core.Tests.Fakes;

/// <summary>
/// A tower of 4 x 4 patches and width 4. An image is any text; its patch p embeds as rows of 100 * (first byte) + p, and the patches'
/// [CLS] attention falls from the last patch to the first.
/// </summary>
sealed class FakeVisionEncoder : IVisionEncoder
{
    public const int Patches = 16;

    int _alive;

    public VisionInfo Info { get; set; } = new(56, 14, 4, 8, 1, 1, "mlp", 4, TowerPrecision.F32, "fake", 100);

    public Func<CancellationToken, Task>? OnEncode { get; set; }

    public int Encoded { get; private set; }

    /// <summary>Encoded images not yet disposed.</summary>
    public int Alive => _alive;

    public bool Disposed { get; private set; }

    /// <summary>View settings of the requests so far.</summary>
    public List<ViewSettings?> Views { get; } = [];

    public async Task<EncodedImage> EncodeAsync(
        ReadOnlyMemory<byte> image, ViewSettings? views, IProgress<ViewProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(Disposed, this);
        if (OnEncode is { } hook) await hook(cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        if (image.IsEmpty) throw new ImageFormatException("The image is empty.");
        Encoded++;
        Views.Add(views);
        progress?.Report(new ViewProgress(1, 1));
        Interlocked.Increment(ref _alive);
        return new Image(this, image.Span[0])
        {
            ImageWidth = 56,
            ImageHeight = 56,
            Plan = ViewPlan.For(56, 56, 56, [], ImageViews.Auto),
            ClsAttention = [[.. Enumerable.Range(0, Patches).Select(static p => p / 1000f)]],
            Timings = new(1, 1, 1, 0, 0),
        };
    }

    public Task<VisualTokens> SelectAsync(
        EncodedImage image, IVisualTokenSelector selector, VisualTokenBudget budget, int seed = 0, CancellationToken cancellationToken = default)
    {
        int keep = budget.Resolve(image.ClsAttention[0]);
        int[] kept = selector.Select(new VisualTokenContext(image.ClsAttention[0], 4, 4, seed), keep);
        float[] rows = [.. kept.SelectMany(p => Enumerable.Repeat(100f * ((Image)image).Tag + p, Info.OutputWidth))];
        return Task.FromResult(new VisualTokens(rows, keep, Info.OutputWidth, [kept], Patches, image.Timings with { Select = 1, Project = 1 }, 56, 56));
    }

    public void Dispose() => Disposed = true;

    sealed class Image(FakeVisionEncoder owner, byte tag) : EncodedImage
    {
        public byte Tag => tag;

        protected override void Dispose(bool disposing) => Interlocked.Decrement(ref owner._alive);
    }
}
