namespace SK.FasterVlm.Gguf;

/// <summary>The non-linearity in a tower's MLP.</summary>
public enum ClipActivation
{
    /// <summary>x * sigmoid(1.702 x), as OpenAI's CLIP.</summary>
    QuickGelu,

    /// <summary>GELU.</summary>
    Gelu,
}

/// <summary>A weight and its bias: a linear layer or a norm.</summary>
/// <param name="Weight">[in, out] of a linear layer, [width] of a norm.</param>
/// <param name="Bias">[out] or [width], F32.</param>
public sealed record ClipTensors(GgufTensorInfo Weight, GgufTensorInfo Bias);

/// <summary>The tensors of one layer, under the names they have in the mathematics, whatever the file calls them.</summary>
/// <param name="Norm1">Before attention, [width].</param>
/// <param name="Query">[width, width].</param>
/// <param name="Key">[width, width].</param>
/// <param name="Value">[width, width].</param>
/// <param name="Output">[width, width].</param>
/// <param name="Norm2">Before the MLP, [width].</param>
/// <param name="Up">First matrix of the MLP, [width, feed-forward].</param>
/// <param name="Down">Second matrix of the MLP, [feed-forward, width].</param>
public sealed record ClipLayer(
    ClipTensors Norm1, ClipTensors Query, ClipTensors Key, ClipTensors Value, ClipTensors Output,
    ClipTensors Norm2, ClipTensors Up, ClipTensors Down);

/// <summary>
/// What a projector file ("mmproj") says of its CLIP tower and projector. Made only by <see cref="Read"/>, which checks every size and
/// every tensor that will be used, so that whoever builds a graph from it need not check again. Immutable.
/// </summary>
public sealed record ClipHeader
{
    internal ClipHeader() { }

    /// <summary>Reads and checks the description in a projector file.</summary>
    /// <param name="file">Need not stay open for the header's sake.</param>
    /// <exception cref="ModelFormatException">
    /// Not a projector, a kind this library does not run, an impossible size, or a tensor that is missing or of the wrong shape or type.
    /// </exception>
    public static ClipHeader Read(GgufFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        return new ClipHeaderReader(file).Read();
    }

    /// <summary>Side of the square input in pixels, a multiple of <see cref="PatchSize"/>.</summary>
    public required int ImageSize { get; init; }

    /// <summary>Side of a patch in pixels.</summary>
    public required int PatchSize { get; init; }

    /// <summary>Width of the hidden state, a multiple of <see cref="HeadCount"/>.</summary>
    public required int Width { get; init; }

    /// <summary>Width between the two matrices of a layer's MLP.</summary>
    public required int FeedForwardWidth { get; init; }

    /// <summary>Attention heads.</summary>
    public required int HeadCount { get; init; }

    /// <summary>Added to the variance in norms.</summary>
    public required float Epsilon { get; init; }

    /// <summary>The non-linearity.</summary>
    public required ClipActivation Activation { get; init; }

    /// <summary>True when the file calls the MLP's first matrix <c>ffn_down</c>, as the published LLaVA files do.</summary>
    public required bool SwappedFeedForwardNames { get; init; }

    /// <summary>Layers the file has.</summary>
    public required int BlockCount { get; init; }

    /// <summary><c>mlp</c>, <c>mlp_norm</c>, <c>ldp</c> or <c>ldpv2</c>.</summary>
    public required string ProjectorType { get; init; }

    /// <summary>Width of a visual token.</summary>
    public required int OutputWidth { get; init; }

    /// <summary>Mean of red, green and blue, of 0 to 1.</summary>
    public required IReadOnlyList<float> ImageMean { get; init; }

    /// <summary>Deviation of red, green and blue; each above 0.</summary>
    public required IReadOnlyList<float> ImageStd { get; init; }

    /// <summary>Sizes of the tiled picture a LLaVA-1.6 file offers, multiples of <see cref="ImageSize"/>; empty for LLaVA-1.5.</summary>
    public required IReadOnlyList<(int Width, int Height)> GridPinpoints { get; init; }

    /// <summary>[p, p, 3, width]: F32, F16 or BF16.</summary>
    public required GgufTensorInfo PatchEmbedding { get; init; }

    /// <summary>[width], or null as in every CLIP tower.</summary>
    public required GgufTensorInfo? PatchBias { get; init; }

    /// <summary>[width], F32.</summary>
    public required GgufTensorInfo ClassEmbedding { get; init; }

    /// <summary>[width, 1 + patches]; row 0 belongs to [CLS]. F32, F16 or BF16.</summary>
    public required GgufTensorInfo PositionEmbedding { get; init; }

    /// <summary>Before the first layer.</summary>
    public required ClipTensors PreNorm { get; init; }

    /// <summary>The layers that are run, in order; the output of the last is the feature. At most <see cref="BlockCount"/>.</summary>
    public required IReadOnlyList<ClipLayer> Layers { get; init; }

    /// <summary>First matrix of the projector, [width, n].</summary>
    public required ClipTensors Projector1 { get; init; }

    /// <summary>Norm after it, [n]; null unless <see cref="ProjectorType"/> is <c>mlp_norm</c>.</summary>
    public required ClipTensors? ProjectorNorm1 { get; init; }

    /// <summary>Second matrix, [n, output width].</summary>
    public required ClipTensors Projector2 { get; init; }

    /// <summary>Norm after it; null unless <see cref="ProjectorType"/> is <c>mlp_norm</c>.</summary>
    public required ClipTensors? ProjectorNorm2 { get; init; }

    /// <summary>What <c>ldp</c> and <c>ldpv2</c> have behind the two matrices; null for the others.</summary>
    public ClipMobileProjector? Mobile { get; init; }

    /// <summary>[output width], put at the end of each row of tiles by LLaVA-1.6; null when the file lacks it.</summary>
    public required GgufTensorInfo? ImageNewline { get; init; }

    /// <summary>Layers that are run.</summary>
    public int LayerCount => Layers.Count;

    /// <summary>Patches per row and column.</summary>
    public int GridSide => ImageSize / PatchSize;

    /// <summary>Patches of a view.</summary>
    public int PatchCount => GridSide * GridSide;

    /// <summary>Visual tokens per row and column of a view: <see cref="GridSide"/>, or half of it for <c>ldp</c> and <c>ldpv2</c>.</summary>
    public int TokenGridSide => Mobile is null ? GridSide : GridSide / ClipMobileProjector.Stride;

    /// <summary>Width of a head.</summary>
    public int HeadWidth => Width / HeadCount;
}
