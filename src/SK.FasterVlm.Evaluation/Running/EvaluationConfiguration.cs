using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace SK.FasterVlm.Evaluation.Running;

/// <summary>One point of a sweep.</summary>
/// <param name="Selector">Name of the selector; <see cref="AllSelector"/> where nothing is left out.</param>
/// <param name="Keep">Share of the visual tokens kept, 0 to 1.</param>
/// <param name="Seed">Seed of a selector that draws at random; 0 otherwise.</param>
public sealed record EvaluationConfiguration(string Selector, double Keep, int Seed = 0)
{
    /// <summary>The selector's name when every token is kept: all selectors then agree, so it is run once.</summary>
    public const string AllSelector = "all";

    /// <summary>Whether every visual token is kept.</summary>
    public bool KeepsAll => Keep >= 1;

    /// <summary>Name for files: <c>all</c>, <c>cls-keep0.25</c>, <c>random-keep0.1-seed2</c>.</summary>
    public string Name => KeepsAll ? AllSelector : string.Create(CultureInfo.InvariantCulture, $"{Selector}-keep{Keep}{(Seed == 0 ? "" : $"-seed{Seed}")}");

    /// <summary>
    /// Every selector at every budget, full first, then by falling budget; <c>random</c> once per seed.
    /// </summary>
    /// <param name="selectors">Names of selectors.</param>
    /// <param name="keeps">Shares, 0 to 1.</param>
    /// <param name="seeds">Seeds for <c>random</c>; empty means 0.</param>
    /// <exception cref="ArgumentException">A share is out of range, or a list is empty.</exception>
    public static IReadOnlyList<EvaluationConfiguration> Sweep(IReadOnlyList<string> selectors, IReadOnlyList<double> keeps, IReadOnlyList<int>? seeds = null)
    {
        ArgumentNullException.ThrowIfNull(selectors);
        ArgumentNullException.ThrowIfNull(keeps);
        if (selectors.Count == 0 || keeps.Count == 0) throw new ArgumentException("A sweep needs at least one selector and one share to keep.");
        if (keeps.Any(static k => !(k >= 0 && k <= 1))) throw new ArgumentException("A share to keep must lie between 0 and 1.", nameof(keeps));
        var sweep = new List<EvaluationConfiguration>();
        foreach (double keep in keeps.Distinct().OrderDescending())
        {
            if (keep >= 1) sweep.Add(new(AllSelector, 1));
            else
                foreach (string selector in selectors.Distinct())
                    foreach (int seed in selector == "random" && seeds is { Count: > 0 } ? seeds.Distinct() : [0]) sweep.Add(new(selector, keep, seed));
        }
        return sweep;
    }

    /// <summary>
    /// Seed for one image: random selection with one seed for all would keep the same places of every picture, and the run would
    /// measure that one draw.
    /// </summary>
    internal int ImageSeed(string imageKey)
    {
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Seed}\n{imageKey}")));
        return BitConverter.ToInt32(hash) & int.MaxValue;
    }
}
