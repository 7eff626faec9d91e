namespace SK.FasterVlm.Imaging;

/// <summary>
/// The views of a plan as a tower takes them, one after the other: only the picture at its final resolution is held, never the
/// floats of more than one view. As LLaVA 1.6 (process_anyres_image): Pillow's bicubic filter, black padding around the tiles.
/// </summary>
sealed class ViewPreprocessor(ClipPreprocessor preprocessor)
{
    /// <summary>Normalised pixels [3, S, S] of every view in order; each is computed when it is asked for.</summary>
    public IEnumerable<float[]> Process(RgbImage image, ViewPlan plan)
    {
        int size = plan.ViewSize;
        yield return plan.IsPadded
            ? preprocessor.Process(image).Pixels
            : preprocessor.Normalize(BicubicResampler.Resize(image, size, size), size, left: 0, top: 0);
        if (plan.TileCount == 0) yield break;
        RgbImage tiled = Tiled(image, plan);
        for (int row = 0; row < plan.Rows; row++)
            for (int column = 0; column < plan.Columns; column++)
                yield return preprocessor.Normalize(tiled.Pixels, tiled.Width, column * size, row * size);
    }

    /// <summary>The picture that is cut into tiles: fitted into the resolution and centred on black.</summary>
    public static RgbImage Tiled(RgbImage image, ViewPlan plan)
    {
        int width = plan.Columns * plan.ViewSize, height = plan.Rows * plan.ViewSize;
        byte[] fitted = BicubicResampler.Resize(image, plan.FittedWidth, plan.FittedHeight);
        if ((plan.FittedWidth, plan.FittedHeight) == (width, height)) return new RgbImage(width, height, fitted);
        byte[] canvas = new byte[width * height * 3];
        int left = (width - plan.FittedWidth) / 2, top = (height - plan.FittedHeight) / 2, line = plan.FittedWidth * 3;
        for (int y = 0; y < plan.FittedHeight; y++)
            fitted.AsSpan(y * line, line).CopyTo(canvas.AsSpan(((top + y) * width + left) * 3));
        return new RgbImage(width, height, canvas);
    }
}
