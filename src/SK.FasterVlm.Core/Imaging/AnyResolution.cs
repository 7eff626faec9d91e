namespace SK.FasterVlm.Imaging;

/// <summary>How the resolution of the tiled picture is chosen from those the model offers.</summary>
public enum ResolutionRule
{
    /// <summary>
    /// LLaVA's (default): the resolution that keeps most of the picture's own pixels, and among equals the one with the least left over.
    /// Small pictures therefore get few tiles.
    /// </summary>
    Llava,

    /// <summary>
    /// FasterVLM's: the resolution of which the enlarged picture covers the largest share, whatever its size. A square picture gets
    /// 2 x 2 tiles however small it is.
    /// </summary>
    LeastPadding,
}

/// <summary>
/// LLaVA-NeXT's geometry in pixels (haotian-liu/LLaVA, <c>llava/mm_utils.py</c>: select_best_resolution and resize_and_pad_image;
/// Theia-4869/FasterVLM has its own select_best_resolution). Restated in the same order of floating-point operations, since a
/// picture on the border between two resolutions would otherwise fall to the other one.
/// </summary>
static class AnyResolution
{
    /// <summary>Chooses a resolution.</summary>
    /// <param name="width">Width of the picture in pixels.</param>
    /// <param name="height">Height of the picture in pixels.</param>
    /// <param name="resolutions">At least one; the first of equals wins.</param>
    /// <param name="rule">What makes one the best.</param>
    public static (int Width, int Height) Choose(
        int width, int height, IReadOnlyList<(int Width, int Height)> resolutions, ResolutionRule rule)
    {
        (int, int) best = resolutions[0];
        double bestScore = -1;
        long leastWaste = long.MaxValue;
        foreach ((int w, int h) in resolutions)
        {
            double scale = Math.Min((double)w / width, (double)h / height);
            long covered = (long)(int)(width * scale) * (int)(height * scale), area = (long)w * h;
            long effective = Math.Min(covered, (long)width * height);
            // A picture thinner than a pixel covers nothing of any resolution: then, too, the least waste decides.
            (double score, long waste) = rule == ResolutionRule.Llava || covered == 0
                ? (effective, area - effective)
                : ((double)covered / area, 0L);
            if (score < bestScore || score == bestScore && waste >= leastWaste) continue;
            (best, bestScore, leastWaste) = ((w, h), score, waste);
        }
        return best;
    }

    /// <summary>Size of the picture enlarged or shrunk to fit a resolution, its proportions kept; rounded up.</summary>
    public static (int Width, int Height) Fit(int width, int height, int targetWidth, int targetHeight)
    {
        double across = (double)targetWidth / width, down = (double)targetHeight / height;
        return across < down
            ? (targetWidth, Math.Min((int)Math.Ceiling(height * across), targetHeight))
            : (Math.Min((int)Math.Ceiling(width * down), targetWidth), targetHeight);
    }
}
