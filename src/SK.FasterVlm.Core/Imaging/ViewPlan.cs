namespace SK.FasterVlm.Imaging;

/// <summary>
/// How a picture is cut into views. View 0 shows the whole picture; views 1 and on are the tiles of an enlarged picture in raster
/// order (LLaVA-NeXT). Depends on sizes and settings only, so it can be had before anything is decoded or encoded.
/// </summary>
public sealed record ViewPlan
{
    ViewPlan(int imageWidth, int imageHeight, int viewSize, int columns, int rows, bool padded)
    {
        (ImageWidth, ImageHeight, ViewSize, Columns, Rows, IsPadded) = (imageWidth, imageHeight, viewSize, columns, rows, padded);
        if (TileCount == 0) return;
        (FittedWidth, FittedHeight) = AnyResolution.Fit(imageWidth, imageHeight, columns * viewSize, rows * viewSize);
    }

    /// <summary>Width of the picture in pixels.</summary>
    public int ImageWidth { get; }

    /// <summary>Height of the picture in pixels.</summary>
    public int ImageHeight { get; }

    /// <summary>Side of a view in pixels.</summary>
    public int ViewSize { get; }

    /// <summary>Tiles per row; 0 without tiles.</summary>
    public int Columns { get; }

    /// <summary>Tiles per column; 0 without tiles.</summary>
    public int Rows { get; }

    /// <summary>
    /// Whether view 0 keeps the picture's proportions by padding (LLaVA-1.5) or is stretched to a square (LLaVA-NeXT).
    /// </summary>
    public bool IsPadded { get; }

    /// <summary>Width of the picture within the tiles; 0 without tiles.</summary>
    public int FittedWidth { get; }

    /// <summary>Height of the picture within the tiles; 0 without tiles.</summary>
    public int FittedHeight { get; }

    /// <summary>Tiles.</summary>
    public int TileCount => Columns * Rows;

    /// <summary>Views: the whole picture and the tiles.</summary>
    public int ViewCount => 1 + TileCount;

    /// <summary>Plans the views of a picture.</summary>
    /// <param name="width">Width of the upright picture in pixels, 1 or more.</param>
    /// <param name="height">Height of the upright picture in pixels, 1 or more.</param>
    /// <param name="viewSize">Side of a view in pixels.</param>
    /// <param name="resolutions">What the model offers, multiples of <paramref name="viewSize"/>; empty for LLaVA-1.5.</param>
    /// <param name="views">What is wanted.</param>
    /// <param name="rule">How <see cref="ImageViews.Auto"/> chooses.</param>
    public static ViewPlan For(
        int width, int height, int viewSize, IReadOnlyList<(int Width, int Height)> resolutions, ImageViews views,
        ResolutionRule rule = ResolutionRule.Llava)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(viewSize, 1);
        ArgumentNullException.ThrowIfNull(resolutions);
        ArgumentNullException.ThrowIfNull(views);
        (int columns, int rows) = (views.Columns, views.Rows);
        if (views.IsAuto)
        {
            (columns, rows) = resolutions.Count == 0 ? (0, 0) : AnyResolution.Choose(width, height, resolutions, rule);
            (columns, rows) = (columns / viewSize, rows / viewSize);
        }
        return new ViewPlan(width, height, viewSize, columns, rows, padded: resolutions.Count == 0 && columns == 0);
    }

    /// <summary>
    /// Where a view lies over the picture, in pixels of the picture. Reaches over the picture's edges where the view shows padding.
    /// </summary>
    /// <param name="view">0 is the whole picture, 1 and on are the tiles in raster order.</param>
    public PixelRectangle ViewInPicture(int view)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(view);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(view, ViewCount);
        if (view == 0)
        {
            PicturePlacement placement = new(ImageWidth, ImageHeight, ViewSize);
            return IsPadded
                ? new PixelRectangle(-placement.OffsetX, -placement.OffsetY, placement.Side, placement.Side)
                : new PixelRectangle(0, 0, ImageWidth, ImageHeight);
        }
        // The fitted picture is centred on the stitched tiles, the odd pixel of padding right or below.
        int left = (Columns * ViewSize - FittedWidth) / 2, top = (Rows * ViewSize - FittedHeight) / 2;
        double across = (double)ImageWidth / FittedWidth, down = (double)ImageHeight / FittedHeight;
        return new PixelRectangle(
            ((view - 1) % Columns * ViewSize - left) * across, ((view - 1) / Columns * ViewSize - top) * down, ViewSize * across, ViewSize * down);
    }

    /// <summary>
    /// The part of the stitched tiles that shows the picture and not its padding, in visual tokens, as LLaVA's unpad_image cuts it:
    /// the padded axis loses the same number of rows (or columns) on both sides, half a token or more of padding each.
    /// A picture thinner than one token has no rows (or columns) left.
    /// </summary>
    /// <param name="tokenSide">Visual tokens per row and column of a view.</param>
    public (int FirstRow, int RowCount, int FirstColumn, int ColumnCount) Unpad(int tokenSide)
    {
        int width = Columns * tokenSide, height = Rows * tokenSide;
        if (TileCount == 0) return (0, 0, 0, 0);
        if ((double)ImageWidth / ImageHeight > (double)width / height)
        {
            int padding = (height - (int)(ImageHeight * ((double)width / ImageWidth))) / 2;
            return (padding, height - 2 * padding, 0, width);
        }
        int aside = (width - (int)(ImageWidth * ((double)height / ImageHeight))) / 2;
        return (0, height, aside, width - 2 * aside);
    }
}
