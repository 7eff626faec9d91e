namespace SK.FasterVlm.Scenes;

/// <summary>Which scenes a seed stands for: those of training and those held out never meet, nor do two seeds of either.</summary>
internal static class SceneSeeds
{
    /// <summary>Seeds below are for training, this one and those above are held out.</summary>
    public const int FirstHeldOut = 900;

    public const int Last = 2000;

    /// <summary>Most scenes of one seed.</summary>
    public const int ScenesPerSeed = 1_000_000;

    public static bool IsHeldOut(int seed) => seed >= FirstHeldOut;

    /// <summary>The number a scene is drawn from: every pair of seed and index has its own.</summary>
    public static int Of(int seed, int index) => seed * ScenesPerSeed + index;

    /// <summary>The rule's name when none is given.</summary>
    public static string DefaultRule(int seed) => IsHeldOut(seed) ? "mixed" : "training";

    /// <summary>Whether a seed may draw by a rule: training seeds must not show held-out combinations.</summary>
    public static bool Allows(int seed, string rule) => IsHeldOut(seed) || rule == "training";

    public static SceneRule Rule(string rule, int index) => rule switch
    {
        "training" => SceneRule.TrainingCombinations,
        "any" => SceneRule.AnyCombination,
        "heldout" => SceneRule.HeldOutCombination,
        _ => index % 3 == 2 ? SceneRule.HeldOutCombination : SceneRule.TrainingCombinations,
    };
}
