using SK.FasterVlm.Imaging;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Vision;

/// <summary>How the tower's matrices are held in memory.</summary>
public enum TowerPrecision
{
    /// <summary>
    /// Q8_0 on a CPU backend, F16 on a GPU; files quantised otherwise stay as they are. Against F16 at LLaVA-1.5's size (random weights): visual
    /// tokens with cosine 0.9999, 98.9 % of the patches kept at 10 % the same, 0.6 of the memory. On processors with
    /// AVX-VNNI the products are this library's own and the tower takes 0.3 of F16's time; elsewhere they are ggml's (0.89 with AVX-512).
    /// </summary>
    Auto,

    /// <summary>As stored in the file, mapped without a copy where the backend allows.</summary>
    AsStored,

    /// <summary>32-bit floats, converted at load.</summary>
    F32,

    /// <summary>16-bit floats, converted at load unless stored so.</summary>
    F16,

    /// <summary>8-bit blocks of 32 with one scale, converted at load unless stored so.</summary>
    Q8_0,
}

/// <summary>What is known of a vision tower and its projector.</summary>
/// <param name="ImageSize">Side of the square input in pixels.</param>
/// <param name="PatchSize">Side of a patch in pixels.</param>
/// <param name="GridSide">Patches per row and column.</param>
/// <param name="FeatureWidth">Width of the tower's hidden state.</param>
/// <param name="LayerCount">Layers that are run (the feature layer is the last of them).</param>
/// <param name="HeadCount">Attention heads.</param>
/// <param name="ProjectorType"><c>mlp</c>, <c>mlp_norm</c>, <c>ldp</c> or <c>ldpv2</c>.</param>
/// <param name="OutputWidth">Width of a visual token; equals the language model's embedding width.</param>
/// <param name="Precision">How the matrices are held.</param>
/// <param name="Backend">Name of the ggml device that runs the tower.</param>
/// <param name="WeightBytes">Bytes of weights in memory.</param>
public sealed record VisionInfo(
    int ImageSize, int PatchSize, int GridSide, int FeatureWidth, int LayerCount, int HeadCount,
    string ProjectorType, int OutputWidth, TowerPrecision Precision, string Backend, long WeightBytes)
{
    /// <summary>Patches of one view.</summary>
    public int PatchCount => GridSide * GridSide;

    /// <summary>
    /// Visual tokens per row and column of a view: <see cref="GridSide"/>, or half of it when the projector joins 2 x 2 patches
    /// (<c>ldp</c>, <c>ldpv2</c>).
    /// </summary>
    public int TokenGridSide { get; init; } = GridSide;

    /// <summary>Visual tokens of one view without pruning.</summary>
    public int TokenCount => TokenGridSide * TokenGridSide;

    /// <summary>Resolutions of the tiled picture the model was trained with (LLaVA-NeXT); empty for models of one view.</summary>
    public IReadOnlyList<(int Width, int Height)> GridPinpoints { get; init; } = [];

    /// <summary>Whether the file has the newline embedding that <see cref="ViewMerge.SpatialUnpad"/> needs.</summary>
    public bool HasNewline { get; init; }
}

/// <summary>Milliseconds spent on one image before the language model sees it.</summary>
/// <param name="Decode">Decoding the file.</param>
/// <param name="Preprocess">Padding, resizing, normalising, of all views.</param>
/// <param name="Encode">The tower up to the [CLS] attention of the last executed layer, for all views.</param>
/// <param name="Select">The budget and the selector.</param>
/// <param name="Project">The rest of the last layer and the projector, for the kept rows.</param>
public readonly record struct VisionTimings(double Decode, double Preprocess, double Encode, double Select, double Project)
{
    /// <summary>Sum of all parts.</summary>
    public double Total => Decode + Preprocess + Encode + Select + Project;
}

/// <summary>
/// An image after the encode graph: [CLS] attention known, nothing selected yet. Can be finished several times with different
/// selections, which is how a sweep encodes each image once. Holds memory until disposed.
/// </summary>
public abstract class EncodedImage : IDisposable
{
    /// <summary>Width of the decoded picture in pixels.</summary>
    public required int ImageWidth { get; init; }

    /// <summary>Height of the decoded picture in pixels.</summary>
    public required int ImageHeight { get; init; }

    /// <summary>The views. LLaVA-1.5 has one.</summary>
    public required ViewPlan Plan { get; init; }

    /// <summary>What the views were made by, and their tokens will be put together by.</summary>
    public ViewSettings Settings { get; init; } = ViewSettings.Default;

    /// <summary>
    /// [CLS] attention per visual token of every view, each [TokenGridSide * TokenGridSide] in raster order. For projectors that join
    /// patches, the sum over the patches of a token.
    /// </summary>
    public required IReadOnlyList<float[]> ClsAttention { get; init; }

    /// <summary>Time spent so far; Select and Project are 0.</summary>
    public required VisionTimings Timings { get; init; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases what the encoder holds for this image.</summary>
    protected abstract void Dispose(bool disposing);
}

/// <summary>Visual tokens ready for the language model.</summary>
/// <param name="Embeddings">[Count, Width] in the order of the image's <see cref="ViewSettings"/>, newlines included.</param>
/// <param name="Count">Number of rows: kept visual tokens and newlines.</param>
/// <param name="Width">Width of a row.</param>
/// <param name="Kept">Kept visual tokens of every view, ascending; those cut away with padding are not among them.</param>
/// <param name="PatchCount">Visual tokens there would be without pruning.</param>
/// <param name="Timings">Milliseconds by stage.</param>
/// <param name="ImageWidth">Width of the decoded picture in pixels.</param>
/// <param name="ImageHeight">Height of the decoded picture in pixels.</param>
public sealed record VisualTokens(
    ReadOnlyMemory<float> Embeddings, int Count, int Width, IReadOnlyList<int[]> Kept, int PatchCount,
    VisionTimings Timings, int ImageWidth, int ImageHeight)
{
    /// <summary>Rows that are newline embeddings.</summary>
    public int Newlines { get; init; }

    /// <summary>The views; null when the encoder does not say, which means one padded view.</summary>
    public ViewPlan? Plan { get; init; }

    /// <summary>[CLS] attention of every view, as in <see cref="EncodedImage.ClsAttention"/>; may be left empty.</summary>
    public IReadOnlyList<float[]> ClsAttention { get; init; } = [];
}

/// <summary>
/// From image bytes to visual tokens. Thread-safe; the number of images in work at once is bounded by the implementation.
/// </summary>
public interface IVisionEncoder : IDisposable
{
    /// <summary>Facts of the tower.</summary>
    VisionInfo Info { get; }

    /// <summary>Decodes, preprocesses and encodes an image up to its [CLS] attention, with the encoder's own view settings.</summary>
    /// <exception cref="ImageFormatException">Not an image, damaged, or over the limits.</exception>
    Task<EncodedImage> EncodeAsync(ReadOnlyMemory<byte> image, CancellationToken cancellationToken = default) =>
        EncodeAsync(image, null, null, cancellationToken);

    /// <summary>Decodes, preprocesses and encodes an image up to its [CLS] attention, one view after the other.</summary>
    /// <param name="image">The file's bytes.</param>
    /// <param name="views">Null takes the encoder's own settings, those it was loaded with.</param>
    /// <param name="progress">Told after every view, from a thread of the encoder.</param>
    /// <param name="cancellationToken">Checked between views and, on a CPU, within one.</param>
    /// <exception cref="ImageFormatException">Not an image, damaged, or over the limits.</exception>
    /// <exception cref="ArgumentException">The settings contradict themselves.</exception>
    /// <exception cref="ModelFormatException">They ask for newlines and the projector file has none.</exception>
    /// <exception cref="NativeRuntimeException">There is not enough memory for so many views.</exception>
    Task<EncodedImage> EncodeAsync(
        ReadOnlyMemory<byte> image, ViewSettings? views, IProgress<ViewProgress>? progress = null,
        CancellationToken cancellationToken = default);

    /// <summary>Selects visual tokens and projects them.</summary>
    /// <param name="image">From <c>EncodeAsync</c> of the same encoder; stays usable.</param>
    /// <param name="selector">Who is kept.</param>
    /// <param name="budget">How many are kept of a view.</param>
    /// <param name="seed">For selectors that draw at random.</param>
    /// <param name="cancellationToken">Checked between views.</param>
    Task<VisualTokens> SelectAsync(
        EncodedImage image, IVisualTokenSelector selector, VisualTokenBudget budget, int seed = 0,
        CancellationToken cancellationToken = default);

    /// <summary>
    /// From an image's bytes to its visual tokens in one go, for whoever wants one selection only. An encoder that bounds the images in
    /// work does both parts in one turn: an image whose selection had to wait for the encoding of later ones would keep its
    /// intermediate results in memory meanwhile, and its request waiting.
    /// </summary>
    /// <param name="image">The file's bytes.</param>
    /// <param name="views">Null takes the encoder's own settings.</param>
    /// <param name="selector">Who is kept.</param>
    /// <param name="budget">How many are kept of a view.</param>
    /// <param name="seed">For selectors that draw at random.</param>
    /// <param name="progress">Told after every view.</param>
    /// <param name="cancellationToken">Checked as by the two methods this stands for.</param>
    /// <returns>The tokens, with the [CLS] attention they were selected by.</returns>
    /// <inheritdoc cref="EncodeAsync(ReadOnlyMemory{byte}, ViewSettings?, IProgress{ViewProgress}?, CancellationToken)" path="/exception"/>
    async Task<VisualTokens> EncodeAndSelectAsync(
        ReadOnlyMemory<byte> image, ViewSettings? views, IVisualTokenSelector selector, VisualTokenBudget budget, int seed = 0,
        IProgress<ViewProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using EncodedImage encoded = await EncodeAsync(image, views, progress, cancellationToken).ConfigureAwait(false);
        VisualTokens tokens = await SelectAsync(encoded, selector, budget, seed, cancellationToken).ConfigureAwait(false);
        return tokens.ClsAttention.Count > 0 ? tokens : tokens with { ClsAttention = encoded.ClsAttention };
    }
}
