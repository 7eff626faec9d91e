using SK.FasterVlm.Imaging;

namespace SK.FasterVlm.Vision;

/// <summary>Order of the visual tokens of tiles. The whole picture's tokens always come first.</summary>
public enum ViewOrder
{
    /// <summary>The tiles stitched together again, row by row across all of them (default; LLaVA's and FasterVLM's order).</summary>
    Raster,

    /// <summary>Tile by tile, each in its own raster order (llama.cpp's order).</summary>
    Tiles,
}

/// <summary>What becomes of the tiles' padding and line ends.</summary>
public enum ViewMerge
{
    /// <summary>Every tile's tokens and nothing else (default): FasterVLM's.</summary>
    Spatial,

    /// <summary>
    /// Tokens that show only padding are cut away and every row of the stitched tiles ends with the model's newline embedding
    /// (<c>image_newline</c>), as LLaVA-NeXT was trained. Cut after pruning, as the authors' code does it, so that fewer tokens may
    /// remain than the budget says; newlines are never pruned and come on top of it.
    /// </summary>
    SpatialUnpad,
}

/// <summary>What the views of a picture share the budget by.</summary>
public enum ViewBudget
{
    /// <summary>Every view keeps the budget's number of its own tokens (default; FasterVLM's).</summary>
    PerView,

    /// <summary>
    /// One ranking over the tokens of all views, for as many as the views would keep together: a view where [CLS] attention is
    /// concentrated keeps more.
    /// </summary>
    AcrossViews,
}

/// <summary>
/// How a picture becomes views, and the views' tokens one sequence. The defaults are FasterVLM's for LLaVA-NeXT; for models of one
/// view (LLaVA-1.5) they change nothing. Equal settings of equal pictures give equal visual tokens.
/// </summary>
public sealed partial record ViewSettings
{
    /// <summary>The defaults.</summary>
    public static ViewSettings Default { get; } = new();

    /// <summary>Which views.</summary>
    public ImageViews Views { get; init; } = ImageViews.Auto;

    /// <summary>How <see cref="ImageViews.Auto"/> chooses among the model's resolutions.</summary>
    public ResolutionRule Resolution { get; init; }

    /// <summary>Order of the tiles' tokens.</summary>
    public ViewOrder Order { get; init; }

    /// <summary>Padding and line ends.</summary>
    public ViewMerge Merge { get; init; }

    /// <summary>How the budget is shared out.</summary>
    public ViewBudget Budget { get; init; }

    /// <summary>Checks what can be checked without a model.</summary>
    /// <exception cref="ArgumentException">A value is unknown, or two contradict each other.</exception>
    public void Validate()
    {
        if (Views is null) throw new ArgumentException("Views must not be null; ImageViews.Auto is the default.");
        if (!Enum.IsDefined(Resolution)) throw new ArgumentException($"There is no resolution rule {Resolution}.");
        if (!Enum.IsDefined(Order)) throw new ArgumentException($"There is no order of views {Order}.");
        if (!Enum.IsDefined(Merge)) throw new ArgumentException($"There is no way to merge views called {Merge}.");
        if (!Enum.IsDefined(Budget)) throw new ArgumentException($"There is no budget of views {Budget}.");
        if (Merge == ViewMerge.SpatialUnpad && Order == ViewOrder.Tiles)
            throw new ArgumentException("SpatialUnpad ends the rows of the stitched tiles, which the order Tiles does not have; use Raster.");
    }
}

/// <summary>How far the tower is with an image.</summary>
/// <param name="View">Views encoded so far.</param>
/// <param name="Views">Views of the image.</param>
public readonly record struct ViewProgress(int View, int Views);
