namespace SK.FasterVlm.Imaging;

/// <summary>A rectangle in pixels; empty when <paramref name="Width"/> or <paramref name="Height"/> is 0.</summary>
/// <param name="X">Left edge.</param>
/// <param name="Y">Top edge.</param>
/// <param name="Width">0 or more.</param>
/// <param name="Height">0 or more.</param>
public readonly record struct PixelRectangle(double X, double Y, double Width, double Height)
{
    /// <summary>Whether it covers nothing.</summary>
    public bool IsEmpty => Width <= 0 || Height <= 0;
}

/// <summary>
/// Where a picture lies in the square that the tower sees, and so which pixels of the picture a patch shows. As LLaVA's
/// expand2square: the longer side fills the square, the shorter one is centred, the odd pixel of padding goes right or below.
/// </summary>
/// <param name="Width">Width of the picture in pixels.</param>
/// <param name="Height">Height of the picture in pixels.</param>
/// <param name="ImageSize">Side of the square after resizing.</param>
public readonly record struct PicturePlacement(int Width, int Height, int ImageSize)
{
    /// <summary>Side of the padded square before resizing, in pixels of the picture.</summary>
    public int Side => Math.Max(Width, Height);

    /// <summary>Padding left of the picture.</summary>
    public int OffsetX => (Side - Width) / 2;

    /// <summary>Padding above the picture.</summary>
    public int OffsetY => (Side - Height) / 2;

    /// <summary>The part of the picture that a patch shows.</summary>
    /// <param name="patch">Raster index, 0 to gridSide * gridSide - 1.</param>
    /// <param name="gridSide">Patches per row and column.</param>
    /// <returns>In pixels of the picture; empty when the patch shows padding only.</returns>
    public PixelRectangle PatchInPicture(int patch, int gridSide)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(gridSide, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(patch);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(patch, gridSide * gridSide);
        double step = (double)Side / gridSide;
        (double left, double width) = Clip(patch % gridSide * step - OffsetX, step, Width);
        (double top, double height) = Clip(patch / gridSide * step - OffsetY, step, Height);
        return new PixelRectangle(left, top, width, height);
    }

    static (double Start, double Length) Clip(double start, double length, int limit)
    {
        double from = Math.Clamp(start, 0, limit), to = Math.Clamp(start + length, 0, limit);
        return (from, to - from);
    }
}
