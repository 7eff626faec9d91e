namespace SK.FasterVlm.Vision;

/// <summary>
/// [CLS] attention of visual tokens that stand for several patches.
/// <para>
/// MobileVLM's projectors halve the grid: <c>ldpv2</c> averages 2 x 2 patches, <c>ldp</c> convolves with stride 2 around the first of
/// them. A token's score is the sum over its 2 x 2 patches: every patch counts once, so the attention a view gets is the same before
/// and after, and a budget by attention mass keeps its meaning. (The mean would rank alike.)
/// </para>
/// </summary>
static class PatchPooling
{
    /// <summary>[grid * grid] -> [tokens * tokens], both in raster order.</summary>
    /// <param name="attention">Per patch.</param>
    /// <param name="grid">Patches per row and column, a multiple of <paramref name="tokens"/>.</param>
    /// <param name="tokens">Visual tokens per row and column.</param>
    public static float[] Sum(float[] attention, int grid, int tokens)
    {
        if (grid == tokens) return attention;
        int block = grid / tokens;
        float[] pooled = new float[tokens * tokens];
        for (int patch = 0; patch < attention.Length; patch++)
            pooled[patch / grid / block * tokens + patch % grid / block] += attention[patch];
        return pooled;
    }
}
