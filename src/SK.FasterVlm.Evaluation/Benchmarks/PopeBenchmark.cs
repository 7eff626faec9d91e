using SK.FasterVlm.Evaluation.Formats;
using SK.FasterVlm.Evaluation.Scoring;

namespace SK.FasterVlm.Evaluation.Benchmarks;

/// <summary>
/// POPE (Li et al., arXiv 2305.10355): is an object in the image? Three ways of choosing absent objects: random, popular,
/// adversarial. The headline is the mean of the three F1 scores (positive class: yes).
/// </summary>
public sealed class PopeBenchmark : Benchmark
{
    /// <inheritdoc/>
    public override string Name => "pope";

    /// <inheritdoc/>
    public override string Title => "POPE";

    /// <inheritdoc/>
    public override string Files =>
        "questions llava_pope_test.jsonl, labels the folder with coco_pope_{adversarial,popular,random}.json (AoiDragon/POPE, commit e3e39262).";

    /// <summary>
    /// Understands an answer: of the text before the first full stop, without commas, split at spaces, any of the words <c>No</c>,
    /// <c>not</c>, <c>no</c> means no; everything else means yes.
    /// </summary>
    public static bool IsYes(string answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        int stop = answer.IndexOf('.', StringComparison.Ordinal);
        string sentence = (stop < 0 ? answer : answer[..stop]).Replace(",", "");
        return !sentence.Split(' ').Any(static word => word is "No" or "not" or "no");
    }

    /// <inheritdoc/>
    public override BenchmarkScore Score(AnswerSheet sheet, string? labelsPath)
    {
        ArgumentNullException.ThrowIfNull(sheet);
        bool[] labels = Labels(sheet.Questions, Require(labelsPath));
        int[] asked = [.. sheet.AskedIndices()];
        string[] categories = [.. asked.Select(i => sheet.Questions[i].Category).Distinct().OrderBy(static c => c, StringComparer.Ordinal)];
        // By image and category: the bootstrap draws whole images.
        IGrouping<string, int>[] images = [.. asked.GroupBy(i => sheet.Questions[i].ImageKey)];
        Confusion[][] counts = [.. images.Select(image => categories.Select(
            category => Confusion.Of(image.Where(i => sheet.Questions[i].Category == category).Select(i => (labels[i], Answer(sheet, i, labels[i]))))).ToArray())];

        int[] once = ScoreBuilder.Once(counts.Length);
        Measure[] measures = [.. categories.SelectMany((name, c) => Describe(name, Confusion.Sum(counts, c, once)))];
        return ScoreBuilder.Build(Name, "mean F1", sheet, weights => MeanF1(counts, weights, categories.Length), [.. images.Select(static g => g.Key)], measures);
    }

    // A question nobody answered counts as answered wrongly: the parsing rule would read an empty text as yes.
    static bool Answer(AnswerSheet sheet, int index, bool label) => sheet.Text(index) is string text ? IsYes(text) : !label;

    static double MeanF1(Confusion[][] counts, ReadOnlySpan<int> weights, int categories)
    {
        double sum = 0;
        for (int c = 0; c < categories; c++) sum += Confusion.Sum(counts, c, weights).F1;
        return sum / categories;
    }

    static IEnumerable<Measure> Describe(string category, Confusion c) =>
    [
        new($"{category} F1", c.F1, c.Total), new($"{category} accuracy", 100.0 * (c.TruePositive + c.TrueNegative) / c.Total, c.Total),
        new($"{category} precision", c.Precision, c.Total), new($"{category} recall", c.Recall, c.Total),
        new($"{category} yes ratio", 100.0 * (c.TruePositive + c.FalsePositive) / c.Total, c.Total),
    ];

    // The label files carry no ids that fit: the n-th label of a category belongs to its n-th question.
    static bool[] Labels(IReadOnlyList<EvaluationQuestion> questions, string folder)
    {
        var labels = new bool[questions.Count];
        foreach (var group in Enumerable.Range(0, questions.Count).GroupBy(i => questions[i].Category))
        {
            string path = Find(folder, group.Key);
            var lines = JsonLines.Read(path, static e => (
                Image: e.GetProperty("image").GetString(), Text: e.GetProperty("text").GetString() ?? "", Yes: e.GetProperty("label").GetString() != "no"));
            int[] indices = [.. group];
            if (lines.Count != indices.Length)
                throw new EvaluationException($"{path} has {lines.Count} labels for {indices.Length} questions; take the labels of AoiDragon/POPE at commit e3e39262, later ones have other questions.");
            for (int n = 0; n < indices.Length; n++)
            {
                EvaluationQuestion question = questions[indices[n]];
                if (lines[n].Image != question.Image || !question.Text.StartsWith(lines[n].Text, StringComparison.Ordinal))
                    throw EvaluationException.AtLine(path, n + 1, $"the label is for '{lines[n].Text}' ({lines[n].Image}) but question {question.Id} is another.");
                labels[indices[n]] = lines[n].Yes;
            }
        }
        return labels;
    }

    static string Find(string folder, string category)
    {
        if (File.Exists(folder)) folder = Path.GetDirectoryName(Path.GetFullPath(folder))!;
        if (!Directory.Exists(folder)) throw new EvaluationException($"The label folder {folder} does not exist.");
        string[] files = Directory.GetFiles(folder, $"*_pope_{category}.json");
        return files.Length == 1 ? files[0] : throw new EvaluationException($"{folder} needs exactly one file *_pope_{category}.json; there are {files.Length}.");
    }

    readonly record struct Confusion(int TruePositive, int FalsePositive, int TrueNegative, int FalseNegative)
    {
        internal int Total => TruePositive + FalsePositive + TrueNegative + FalseNegative;

        internal double Precision => 100.0 * TruePositive / (TruePositive + FalsePositive);

        internal double Recall => 100.0 * TruePositive / (TruePositive + FalseNegative);

        // 2pr / (p + r) written in counts: defined (0) when nothing was found.
        internal double F1 => 200.0 * TruePositive / (2 * TruePositive + FalsePositive + FalseNegative);

        internal static Confusion Of(IEnumerable<(bool Label, bool Answer)> items)
        {
            int tp = 0, fp = 0, tn = 0, fn = 0;
            foreach ((bool label, bool answer) in items)
            {
                if (answer) _ = label ? tp++ : fp++;
                else _ = label ? fn++ : tn++;
            }
            return new(tp, fp, tn, fn);
        }

        internal static Confusion Sum(Confusion[][] counts, int category, ReadOnlySpan<int> weights)
        {
            int tp = 0, fp = 0, tn = 0, fn = 0;
            for (int i = 0; i < counts.Length; i++)
            {
                Confusion c = counts[i][category];
                tp += weights[i] * c.TruePositive;
                fp += weights[i] * c.FalsePositive;
                tn += weights[i] * c.TrueNegative;
                fn += weights[i] * c.FalseNegative;
            }
            return new(tp, fp, tn, fn);
        }
    }
}
