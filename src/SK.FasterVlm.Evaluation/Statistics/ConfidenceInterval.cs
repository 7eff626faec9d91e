namespace SK.FasterVlm.Evaluation.Statistics;

/// <summary>A 95 % confidence interval.</summary>
/// <param name="Low">Lower end, in the unit of the value.</param>
/// <param name="High">Upper end.</param>
/// <param name="Method"><c>Wilson</c> or <c>bootstrap over images</c>.</param>
public readonly record struct ConfidenceInterval(double Low, double High, string Method)
{
    /// <summary>Standard normal quantile of 0.975.</summary>
    const double Z = 1.959963984540054;

    /// <summary>
    /// Wilson's score interval of a share, in percent (E. B. Wilson, 1927):
    /// <c>(p + z²/2n ± z·sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)</c>. Unlike p ± z·s it stays inside 0 to 100 and is not empty at the ends.
    /// </summary>
    /// <param name="right">Right answers.</param>
    /// <param name="total">Answers; 0 gives 0 to 100.</param>
    public static ConfidenceInterval Wilson(int right, int total)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(right);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(right, total);
        if (total == 0) return new(0, 100, "Wilson");
        double n = total, p = right / n, z2 = Z * Z;
        double centre = p + z2 / (2 * n);
        double half = Z * Math.Sqrt(p * (1 - p) / n + z2 / (4 * n * n));
        double scale = 100 / (1 + z2 / n);
        return new(Math.Max(0, (centre - half) * scale), Math.Min(100, (centre + half) * scale), "Wilson");
    }
}
