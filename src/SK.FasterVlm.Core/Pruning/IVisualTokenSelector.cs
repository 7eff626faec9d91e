namespace SK.FasterVlm.Pruning;

/// <summary>What a selector may look at: one view of one image, as the encoder saw it.</summary>
/// <param name="clsAttention">
/// [CLS] attention of the last executed layer, one value per patch in raster order: softmax over all keys, [CLS] column dropped,
/// mean over heads (FasterVLM, arXiv 2412.01818, section 3). Not renormalised.
/// </param>
/// <param name="gridWidth">Patches per row.</param>
/// <param name="gridHeight">Patches per column.</param>
/// <param name="seed">Seed for selectors that draw at random.</param>
public readonly ref struct VisualTokenContext(ReadOnlySpan<float> clsAttention, int gridWidth, int gridHeight, int seed = 0)
{
    /// <summary>[CLS] attention per patch, raster order, length <see cref="PatchCount"/>.</summary>
    public ReadOnlySpan<float> ClsAttention { get; } = clsAttention;

    /// <summary>Patches per row.</summary>
    public int GridWidth { get; } = gridWidth;

    /// <summary>Patches per column.</summary>
    public int GridHeight { get; } = gridHeight;

    /// <summary>Patches in the view.</summary>
    public int PatchCount => GridWidth * GridHeight;

    /// <summary>Seed for selectors that draw at random; the same seed and view give the same choice.</summary>
    public int Seed { get; } = seed;
}

/// <summary>Decides which visual tokens the language model gets to see. Stateless and thread-safe.</summary>
public interface IVisualTokenSelector
{
    /// <summary>Short lower-case name for options and reports, for example <c>cls</c>.</summary>
    string Name { get; }

    /// <summary>Chooses patches.</summary>
    /// <param name="context">What the encoder knows of the view.</param>
    /// <param name="budget">How many patches to keep, 0 to <see cref="VisualTokenContext.PatchCount"/>.</param>
    /// <returns>Exactly <paramref name="budget"/> distinct patch indices in ascending (raster) order.</returns>
    int[] Select(in VisualTokenContext context, int budget);
}
