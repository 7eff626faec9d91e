using SK.FasterVlm.Evaluation.Formats;

namespace SK.FasterVlm.Evaluation.Running;

/// <summary>Which questions a limited run asks.</summary>
static class QuestionSample
{
    /// <summary>
    /// Whole images, evenly spread over the file: benchmarks that score by image (MME) or by group of rotations (MMBench) stay
    /// whole, and files sorted by category (POPE) are covered. About <paramref name="limit"/> questions, at least one image.
    /// </summary>
    internal static HashSet<string> Images(IReadOnlyList<EvaluationQuestion> questions, int? limit)
    {
        string[] images = [.. questions.Select(ImageOf).Distinct()];
        if (limit is not int wanted || wanted >= questions.Count) return [.. images];
        int count = Math.Clamp((int)Math.Round((double)wanted * images.Length / questions.Count), 1, images.Length);
        return [.. Enumerable.Range(0, count).Select(i => images[(int)((long)i * images.Length / count)])];
    }

    /// <summary>The image of a question; a question without one stands alone.</summary>
    internal static string ImageOf(EvaluationQuestion question) => question.HasImage ? question.ImageKey : "?" + question.Id.Text;
}
