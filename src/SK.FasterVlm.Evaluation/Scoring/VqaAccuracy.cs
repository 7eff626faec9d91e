namespace SK.FasterVlm.Evaluation.Scoring;

/// <summary>
/// The soft accuracy of the VQA challenge (Antol et al., 2015): every reference answer is left out once, and the prediction earns
/// <c>min(1, matches among the others / 3)</c>; the mean over the leave-one-outs is the credit. With ten references the credit for
/// 0, 1, 2, 3 and 4 or more matches is 0, 0.3, 0.6, 0.9 and 1.
/// </summary>
public static class VqaAccuracy
{
    /// <summary>Credit of one answer.</summary>
    /// <param name="prediction">The model's answer; null earns 0.</param>
    /// <param name="references">The people's answers, usually ten.</param>
    public static double Credit(string? prediction, IReadOnlyList<string> references)
    {
        ArgumentNullException.ThrowIfNull(references);
        if (prediction is null || references.Count == 0) return 0;
        string answer = VqaNormalizer.Normalize(prediction);
        int matches = references.Count(reference => VqaNormalizer.Normalize(reference) == answer);
        int others = references.Count - matches;
        // Leaving out a match leaves matches - 1; leaving out another leaves all of them.
        double sum = matches * Math.Min(1.0, (matches - 1) / 3.0) + others * Math.Min(1.0, matches / 3.0);
        return sum / references.Count;
    }
}
