using System.Globalization;

namespace SK.FasterVlm.Pruning;

/// <summary>
/// How many visual tokens of a view the language model gets: a ratio, a count, or a share of the [CLS] attention.
/// Immutable; turned into a number per view by <see cref="Resolve"/>.
/// </summary>
public abstract partial record VisualTokenBudget
{
    // Relative slack, far above what sums of doubles lose and far below one patch: a budget must not grow by rounding.
    const double Rounding = 1e-12;

    VisualTokenBudget() { }

    /// <summary>Every visual token: no pruning.</summary>
    public static VisualTokenBudget All { get; } = new KeepRatio(1);

    /// <summary>
    /// A ratio of the patches, for example 0.10 for the paper's 90 % reduction: ceil(ratio * patches), which gives the authors'
    /// counts 432, 288, 144, 58 and 29 of 576 at 0.75, 0.5, 0.25, 0.1 and 0.05.
    /// </summary>
    /// <param name="ratio">0 to 1.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="ratio"/> is outside 0 to 1 or not a number.</exception>
    public static VisualTokenBudget Keep(double ratio)
    {
        if (!(ratio >= 0 && ratio <= 1)) // also catches NaN
            throw new ArgumentOutOfRangeException(nameof(ratio), ratio, "The keep ratio must lie between 0 and 1.");
        return new KeepRatio(ratio);
    }

    /// <summary>A number of visual tokens per view, as the paper's <c>visual_token_num</c>; capped at the number of patches.</summary>
    /// <param name="tokens">0 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="tokens"/> is negative.</exception>
    public static VisualTokenBudget Count(int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        return new TokenCount(tokens);
    }

    /// <summary>The smallest set of patches that holds this share of the [CLS] attention.</summary>
    /// <param name="share">0 to 1.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="share"/> is outside 0 to 1 or not a number.</exception>
    public static VisualTokenBudget Mass(double share)
    {
        if (!(share >= 0 && share <= 1))
            throw new ArgumentOutOfRangeException(nameof(share), share, "The attention share must lie between 0 and 1.");
        return new AttentionMass(share);
    }

    /// <summary>The number of visual tokens to keep of one view.</summary>
    /// <param name="clsAttention">[CLS] attention per patch.</param>
    /// <returns>0 to the number of patches.</returns>
    public abstract int Resolve(ReadOnlySpan<float> clsAttention);

    sealed record KeepRatio(double Ratio) : VisualTokenBudget
    {
        // The last factor keeps 0.07 * 100 = 7.000000000000001 from becoming 8.
        public override int Resolve(ReadOnlySpan<float> clsAttention) =>
            Math.Clamp((int)Math.Ceiling(Ratio * clsAttention.Length * (1 - Rounding)), 0, clsAttention.Length);

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"keep {Ratio * 100:0.##} %");

        public override string ToText() => string.Create(CultureInfo.InvariantCulture, $"{Ratio * 100:R}%");
    }

    sealed record TokenCount(int Tokens) : VisualTokenBudget
    {
        public override int Resolve(ReadOnlySpan<float> clsAttention) => Math.Min(Tokens, clsAttention.Length);

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Tokens} tokens");

        public override string ToText() => Tokens.ToString(CultureInfo.InvariantCulture);
    }

    sealed record AttentionMass(double Share) : VisualTokenBudget
    {
        public override int Resolve(ReadOnlySpan<float> clsAttention)
        {
            if (Share >= 1) return clsAttention.Length; // also when some patches get no attention at all
            float[] sorted = clsAttention.ToArray();
            Array.Sort(sorted);
            double total = 0;
            foreach (float a in sorted) total += a;
            double wanted = Share * total * (1 - Rounding);
            double held = 0;
            int kept = 0;
            while (kept < sorted.Length && held < wanted) held += sorted[^++kept];
            return kept;
        }

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Share * 100:0.##} % of attention");

        public override string ToText() => string.Create(CultureInfo.InvariantCulture, $"mass:{Share:0.################}");
    }
}
