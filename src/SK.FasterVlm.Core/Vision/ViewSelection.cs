using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Vision;

/// <summary>Asks a selector for the tokens to keep, view by view or over all views at once, and checks what it answers.</summary>
static class ViewSelection
{
    /// <summary>Chooses tokens.</summary>
    /// <param name="attention">[CLS] attention per token of every view, each [side * side].</param>
    /// <param name="side">Visual tokens per row and column of a view.</param>
    /// <param name="selector">Who is kept.</param>
    /// <param name="budget">How many, of every view.</param>
    /// <param name="scope">Whether the views compete.</param>
    /// <param name="seed">For selectors that draw at random; every view has its own.</param>
    /// <returns>Kept tokens of every view, ascending.</returns>
    /// <exception cref="InvalidOperationException">The selector did not keep to its contract.</exception>
    public static int[][] Choose(
        IReadOnlyList<float[]> attention, int side, IVisualTokenSelector selector, VisualTokenBudget budget, ViewBudget scope, int seed)
    {
        int[] counts = [.. attention.Select(view => budget.Resolve(view))];
        if (scope == ViewBudget.PerView || attention.Count == 1)
            return [.. attention.Select((view, i) => Ask(selector, new VisualTokenContext(view, side, side, seed + i), counts[i]))];

        // The views below each other are one tall grid.
        float[] all = [.. attention.SelectMany(static view => view)];
        int[] kept = Ask(selector, new VisualTokenContext(all, side, side * attention.Count, seed), counts.Sum());
        int perView = side * side;
        return [.. attention.Select((_, i) =>
            kept.Where(token => token / perView == i).Select(token => token % perView).ToArray())];
    }

    static int[] Ask(IVisualTokenSelector selector, in VisualTokenContext context, int count)
    {
        int[] kept = selector.Select(context, count);
        bool ascending = kept.Length == 0 || kept[0] >= 0 && kept[^1] < context.PatchCount;
        for (int i = 1; i < kept.Length; i++) ascending &= kept[i - 1] < kept[i];
        if (kept.Length == count && ascending) return kept;
        throw new InvalidOperationException(
            $"The selector \"{selector.Name}\" must return {count} distinct patches in ascending order.");
    }
}
