namespace SK.FasterVlm.Pruning;

/// <summary>
/// The honest baseline: patches drawn without replacement, every set of the asked size equally likely. A method that does not beat this
/// has learnt nothing from the picture.
/// </summary>
public sealed class RandomSelector : IVisualTokenSelector
{
    /// <inheritdoc/>
    public string Name => "random";

    /// <inheritdoc/>
    /// <remarks>
    /// Depends on the seed, the number of patches and the budget only: give every image its own seed to average over draws.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="budget"/> is negative or above the number of patches.</exception>
    public int[] Select(in VisualTokenContext context, int budget)
    {
        VisualTokenSelectors.Check(context, budget);
        int[] patches = new int[context.PatchCount];
        for (int i = 0; i < patches.Length; i++) patches[i] = i;

        // The first `budget` steps of a Fisher-Yates shuffle. A seeded Random gives the same sequence on every machine.
        var random = new Random(context.Seed);
        for (int i = 0; i < budget; i++)
        {
            int j = random.Next(i, patches.Length);
            (patches[i], patches[j]) = (patches[j], patches[i]);
        }
        int[] kept = patches[..budget];
        Array.Sort(kept);
        return kept;
    }
}
