using SK.FasterVlm.Evaluation.Formats;
using SK.FasterVlm.Evaluation.Scoring;

namespace SK.FasterVlm.Evaluation.Benchmarks;

/// <summary>
/// MME (Fu et al., arXiv 2306.13394): two yes/no questions about every image. A task scores acc + acc+ (at most 200), where acc is the
/// share of questions and acc+ the share of images with both right. Perception is the sum of ten tasks (papers' 1506), cognition of four.
/// </summary>
public sealed class MmeBenchmark : Benchmark
{
    const string OfficialEnding = "Please answer yes or no.";

    static readonly string[] s_perception =
        ["existence", "count", "position", "color", "posters", "celebrity", "scene", "landmark", "artwork", "OCR"];

    static readonly string[] s_cognition = ["commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning"];

    /// <inheritdoc/>
    public override string Name => "mme";

    /// <inheritdoc/>
    public override string Title => "MME";

    /// <inheritdoc/>
    public override string Files => "questions llava_mme.jsonl, labels the folder MME_Benchmark_release_version.";

    /// <inheritdoc/>
    protected internal override string QuestionText(string prompt) => Bare(prompt);

    /// <summary>
    /// Understands an answer: lower case; exactly yes or no, or one of them within the first four characters (yes is looked for
    /// first); anything else is neither and so wrong.
    /// </summary>
    /// <returns>True for yes, false for no, null for neither.</returns>
    public static bool? Parse(string answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        string text = answer.ToLowerInvariant();
        string head = text[..Math.Min(4, text.Length)];
        if (head.Contains("yes", StringComparison.Ordinal)) return true;
        return head.Contains("no", StringComparison.Ordinal) ? false : null;
    }

    /// <inheritdoc/>
    public override BenchmarkScore Score(AnswerSheet sheet, string? labelsPath)
    {
        ArgumentNullException.ThrowIfNull(sheet);
        Dictionary<string, bool> labels = Labels(Require(labelsPath));
        int[] asked = [.. sheet.AskedIndices()];
        // MME's own number is a sum over images, so an image is the unit: how many of its questions, how many right.
        Picture[] pictures = [.. asked.GroupBy(i => sheet.Questions[i].ImageKey).Select(g => new Picture(
            g.Key, sheet.Questions[g.First()].Category, g.Count(), g.Count(i => IsRight(sheet, i, labels))))];
        string[] tasks = [.. pictures.Select(static p => p.Task).Distinct()];

        int[] once = ScoreBuilder.Once(pictures.Length);
        var measures = new List<Measure>();
        foreach (string task in s_perception.Concat(s_cognition).Where(tasks.Contains))
        {
            (double acc, double plus, int questions) = Task(pictures, once, task);
            measures.Add(new(task, acc + plus, questions, "points"));
            measures.Add(new($"{task} accuracy", acc, questions));
            measures.Add(new($"{task} accuracy+", plus, questions / 2));
        }
        int perceived = pictures.Where(p => s_perception.Contains(p.Task)).Sum(static p => p.Questions);
        double perception = Sum(pictures, once, s_perception), cognition = Sum(pictures, once, s_cognition);
        measures.Insert(0, new("perception", perception, perceived, "points"));
        measures.Insert(1, new("cognition", cognition, asked.Length - perceived, "points"));
        measures.Insert(2, new("perception + cognition", perception + cognition, asked.Length, "points"));
        // Every task has its own number of images, which no other draw of the benchmark would change: so the bootstrap draws within tasks.
        return ScoreBuilder.Build(Name, "perception", sheet, weights => Sum(pictures, weights, s_perception),
            [.. pictures.Select(static p => p.Image)], measures, "points", [.. pictures.Select(p => Array.IndexOf(tasks, p.Task))]);
    }

    static double Sum(Picture[] pictures, ReadOnlySpan<int> weights, string[] tasks)
    {
        double sum = 0;
        foreach (string task in tasks)
        {
            (double acc, double plus, int questions) = Task(pictures, weights, task);
            if (questions > 0) sum += acc + plus;
        }
        return sum;
    }

    static (double Accuracy, double AccuracyPlus, int Questions) Task(Picture[] pictures, ReadOnlySpan<int> weights, string task)
    {
        int questions = 0, right = 0, images = 0, both = 0;
        for (int i = 0; i < pictures.Length; i++)
        {
            if (pictures[i].Task != task) continue;
            questions += weights[i] * pictures[i].Questions;
            right += weights[i] * pictures[i].Right;
            images += weights[i];
            if (pictures[i].Right == pictures[i].Questions) both += weights[i];
        }
        return questions == 0 ? default : (100.0 * right / questions, 100.0 * both / images, questions);
    }

    bool IsRight(AnswerSheet sheet, int index, Dictionary<string, bool> labels)
    {
        EvaluationQuestion question = sheet.Questions[index];
        if (!labels.TryGetValue(Key(question.Category, Path.GetFileNameWithoutExtension(question.Id.Text), QuestionText(question.Text)), out bool label))
            throw new EvaluationException($"MME: no label for '{FirstLine(question.Text)}' of {question.Id} in task {question.Category}.");
        return sheet.Text(index) is string text && Parse(text) == label;
    }

    // <task>/questions_answers_YN/<image>.txt or <task>/<image>.txt, each line: question, tab, Yes or No.
    static Dictionary<string, bool> Labels(string folder)
    {
        if (!Directory.Exists(folder)) throw new EvaluationException($"The label folder {folder} does not exist.");
        var labels = new Dictionary<string, bool>();
        foreach (string task in Directory.GetDirectories(folder))
        {
            string inner = Path.Combine(task, "questions_answers_YN");
            foreach (string path in Directory.GetFiles(Directory.Exists(inner) ? inner : task, "*.txt"))
            {
                int number = 0;
                foreach (string line in File.ReadLines(path))
                {
                    number++;
                    if (string.IsNullOrWhiteSpace(line)) continue;
                    string[] parts = line.Trim().Split('\t');
                    if (parts.Length != 2) throw EvaluationException.AtLine(path, number, "a label line is a question, a tab and Yes or No.");
                    labels[Key(Path.GetFileName(task), Path.GetFileNameWithoutExtension(path), Bare(parts[0]))] = parts[1].Trim().Equals("yes", StringComparison.OrdinalIgnoreCase);
                }
            }
        }
        return labels;
    }

    // The official files end each question with "Please answer yes or no.", with one or two spaces before it; LLaVA's do not.
    static string Bare(string prompt)
    {
        string text = prompt.Replace(Instructions.ShortAnswer, "", StringComparison.Ordinal).Trim();
        return text.EndsWith(OfficialEnding, StringComparison.Ordinal) ? text[..^OfficialEnding.Length].TrimEnd() : text;
    }

    static string Key(string task, string image, string question) => $"{task}\n{image}\n{question}";

    readonly record struct Picture(string Image, string Task, int Questions, int Right);
}
