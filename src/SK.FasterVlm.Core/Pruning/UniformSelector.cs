namespace SK.FasterVlm.Pruning;

/// <summary>
/// The other honest baseline: patches spread over the grid as evenly as the budget allows, whatever the picture shows. It is what
/// lowering the resolution of the picture would leave.
/// </summary>
public sealed class UniformSelector : IVisualTokenSelector
{
    /// <inheritdoc/>
    public string Name => "uniform";

    /// <inheritdoc/>
    /// <remarks>
    /// Rows are chosen first, as many as make the spacing the same down as across; the budget is then dealt out over them, and within a
    /// row over the columns. Rows differ by at most one patch.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="budget"/> is negative or above the number of patches.</exception>
    public int[] Select(in VisualTokenContext context, int budget)
    {
        VisualTokenSelectors.Check(context, budget);
        if (budget == 0) return [];
        int width = context.GridWidth, height = context.GridHeight;

        int square = (int)Math.Round(Math.Sqrt((double)budget * height / width));
        int fewest = (budget + width - 1) / width; // a row holds at most `width`
        int rows = Math.Clamp(square, fewest, Math.Min(height, budget));

        int[] kept = new int[budget];
        int next = 0;
        for (int row = 0; row < rows; row++)
        {
            int inRow = Share(row + 1) - Share(row);
            int y = Middle(row, rows, height);
            for (int column = 0; column < inRow; column++) kept[next++] = y * width + Middle(column, inRow, width);
        }
        return kept;

        int Share(int row) => (int)((long)row * budget / rows);

        // The middle of part `index` of `parts` equal parts of `length` cells; distinct and ascending while parts <= length.
        static int Middle(int index, int parts, int length) => (int)((2L * index + 1) * length / (2L * parts));
    }
}
