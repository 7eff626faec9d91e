using SK.FasterVlm.Imaging;

namespace SK.FasterVlm.Vision;

/// <summary>
/// The order in which kept tokens of several views stand in the prompt. The whole picture first, in raster order; then the tiles,
/// stitched to one grid in raster order or tile by tile. Restates FasterVLM's <c>llava_arch.py</c> (prepare_inputs_labels_for_multimodal):
/// its 'spatial' is the default here, its 'spatial_unpad' is <see cref="ViewMerge.SpatialUnpad"/>.
/// </summary>
static class TokenSequence
{
    /// <summary>Stands for the newline embedding.</summary>
    public const int Newline = -1;

    /// <summary>Lays out a sequence.</summary>
    /// <param name="plan">The picture's views.</param>
    /// <param name="tokenSide">Visual tokens per row and column of a view.</param>
    /// <param name="kept">Kept tokens of every view, ascending.</param>
    /// <param name="settings">Order and merging.</param>
    /// <returns>View * tokens per view + token of every position, or <see cref="Newline"/>.</returns>
    public static List<int> Build(ViewPlan plan, int tokenSide, IReadOnlyList<int[]> kept, ViewSettings settings)
    {
        int perView = tokenSide * tokenSide;
        bool newlines = settings.Merge == ViewMerge.SpatialUnpad;
        var sequence = new List<int>(kept.Sum(static k => k.Length) + (newlines ? plan.Rows * tokenSide + 1 : 0));
        sequence.AddRange(kept[0]);
        if (plan.TileCount == 0)
        {
            if (newlines) sequence.Add(Newline);
            return sequence;
        }
        if (settings.Order == ViewOrder.Tiles)
        {
            for (int view = 1; view < kept.Count; view++) sequence.AddRange(kept[view].Select(token => view * perView + token));
            return sequence;
        }

        bool[] isKept = new bool[kept.Count * perView];
        for (int view = 1; view < kept.Count; view++)
            foreach (int token in kept[view]) isKept[view * perView + token] = true;
        (int firstRow, int rows, int firstColumn, int columns) =
            newlines ? plan.Unpad(tokenSide) : (0, plan.Rows * tokenSide, 0, plan.Columns * tokenSide);
        for (int y = firstRow; y < firstRow + rows; y++)
        {
            for (int x = firstColumn; x < firstColumn + columns; x++)
            {
                int view = 1 + y / tokenSide * plan.Columns + x / tokenSide;
                int at = view * perView + y % tokenSide * tokenSide + x % tokenSide;
                if (isKept[at]) sequence.Add(at);
            }
            if (newlines) sequence.Add(Newline);
        }
        return sequence;
    }

    /// <summary>Positions there would be without pruning.</summary>
    public static int FullLength(ViewPlan plan, int tokenSide, ViewSettings settings)
    {
        int perView = tokenSide * tokenSide;
        if (settings.Merge != ViewMerge.SpatialUnpad) return plan.ViewCount * perView;
        (_, int rows, _, int columns) = plan.Unpad(tokenSide);
        return perView + (plan.TileCount == 0 ? 1 : rows * (columns + 1));
    }
}
