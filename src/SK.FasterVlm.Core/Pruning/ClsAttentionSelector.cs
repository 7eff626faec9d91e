namespace SK.FasterVlm.Pruning;

/// <summary>
/// FasterVLM (arXiv 2412.01818): keep the patches the tower's own [CLS] token looks at most.
/// <code>
/// s    = mean over heads of softmax(q_cls K^T / sqrt(d))[patches]     the encoder hands this in, see <see cref="VisualTokenContext"/>
/// kept = the k patches with the largest s, in raster order
/// </code>
/// Nothing is trained, and nothing of the language model is looked at: the [CLS] token was trained to summarise the picture, so what it
/// attends to is what the picture is about. Raster order is kept because the language model learnt where a patch lies from its place in
/// the sequence; the rows then get consecutive positions, as in the authors' code.
/// </summary>
public sealed class ClsAttentionSelector : IVisualTokenSelector
{
    /// <inheritdoc/>
    public string Name => "cls";

    /// <inheritdoc/>
    /// <remarks>Equal scores go to the lower index, so that the choice is the same on every machine.</remarks>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="budget"/> is negative or above the number of patches.</exception>
    public int[] Select(in VisualTokenContext context, int budget)
    {
        VisualTokenSelectors.Check(context, budget);
        float[] scores = context.ClsAttention.ToArray();
        int[] byScore = new int[scores.Length];
        for (int i = 0; i < byScore.Length; i++) byScore[i] = i;
        Array.Sort(byScore, (a, b) => scores[b].CompareTo(scores[a]) is int order and not 0 ? order : a.CompareTo(b));

        int[] kept = byScore[..budget];
        Array.Sort(kept);
        return kept;
    }
}
