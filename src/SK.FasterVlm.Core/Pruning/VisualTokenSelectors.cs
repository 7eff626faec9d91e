namespace SK.FasterVlm.Pruning;

/// <summary>The selectors that come with the library, by name.</summary>
public static class VisualTokenSelectors
{
    static readonly IVisualTokenSelector[] s_all = [new ClsAttentionSelector(), new RandomSelector(), new UniformSelector()];

    /// <summary>The names <see cref="ByName"/> knows: <c>cls</c>, <c>random</c>, <c>uniform</c>.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. s_all.Select(static s => s.Name)];

    /// <summary>Finds a selector.</summary>
    /// <param name="name">One of <see cref="Names"/>, in any case.</param>
    /// <exception cref="ArgumentException">No selector has that name; the message lists those there are.</exception>
    public static IVisualTokenSelector ByName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return Array.Find(s_all, s => string.Equals(s.Name, name, StringComparison.OrdinalIgnoreCase))
            ?? throw new ArgumentException($"There is no selector \"{name}\"; choose one of: {string.Join(", ", Names)}.", nameof(name));
    }

    /// <summary>What every selector demands of its arguments.</summary>
    internal static void Check(in VisualTokenContext context, int budget)
    {
        (int width, int height, int scores) = (context.GridWidth, context.GridHeight, context.ClsAttention.Length);
        if (width < 1 || height < 1 || scores != context.PatchCount)
            throw new ArgumentException($"A grid of {width} x {height} patches needs as many scores, got {scores}.", nameof(context));
        if (budget < 0 || budget > scores)
            throw new ArgumentOutOfRangeException(nameof(budget), budget, $"The budget must lie between 0 and {scores}, the patches there are.");
    }
}
