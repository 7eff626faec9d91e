namespace SK.FasterVlm.Vision;

/// <summary>Cuts a view into the rows that the patch embedding multiplies.</summary>
internal static class Patches
{
    /// <summary>
    /// [3, S, S] planar -> [n, 3, p, p], patches in raster order: the order in which a convolution's weights of one output channel lie.
    /// </summary>
    public static float[] Flatten(ReadOnlySpan<float> pixels, int imageSize, int patchSize)
    {
        int side = imageSize / patchSize;
        float[] rows = new float[pixels.Length];
        int next = 0;
        for (int patchY = 0; patchY < side; patchY++)
            for (int patchX = 0; patchX < side; patchX++)
                for (int channel = 0; channel < 3; channel++)
                    for (int y = 0; y < patchSize; y++, next += patchSize)
                    {
                        int line = channel * imageSize + patchY * patchSize + y;
                        pixels.Slice(line * imageSize + patchX * patchSize, patchSize).CopyTo(rows.AsSpan(next));
                    }
        return rows;
    }
}
