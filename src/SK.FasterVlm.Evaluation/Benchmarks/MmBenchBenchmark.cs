using System.Globalization;
using SK.FasterVlm.Evaluation.Formats;
using SK.FasterVlm.Evaluation.Scoring;

namespace SK.FasterVlm.Evaluation.Benchmarks;

/// <summary>
/// MMBench (Liu et al., arXiv 2307.06281) in English or Chinese: questions with two to four choices, images inside the table. With
/// circular evaluation every rotation of the choices is asked, and a question counts when all rotations are answered rightly, which
/// takes away what is won by preferring a letter. Only the dev table has answers; for the others write the upload file.
/// </summary>
/// <remarks>
/// The organiser's tables hold the rotations already, as rows of their own: rotation r of question i has the index i + r · 10^6, its
/// choices and its answer turned. Such a table is asked as it stands and scored by question. A table of single questions is rotated
/// here when circular evaluation is asked for.
/// </remarks>
public sealed class MmBenchBenchmark(bool chinese) : Benchmark
{
    const long RotationStep = 1_000_000;

    static readonly string[] s_letters = ["A", "B", "C", "D"];

    // What pandas reads as a missing value; LLaVA takes its words for "no hint" and "no further choice".
    static readonly HashSet<string> s_missing = new(StringComparer.OrdinalIgnoreCase)
        { "", "nan", "-nan", "none", "na", "n/a", "null", "<na>", "#n/a", "#na", "#n/a n/a" };

    /// <inheritdoc/>
    public override string Name => chinese ? "mmbench-cn" : "mmbench";

    /// <inheritdoc/>
    public override string Title => chinese ? "MMBench-CN" : "MMBench";

    /// <inheritdoc/>
    public override string Files => "questions and, for the dev split, labels: mmbench_dev_*.tsv (images inside).";

    /// <inheritdoc/>
    public override int MaxOutputTokens => 1024;

    /// <summary>The table itself where it has answers (the dev split), otherwise none.</summary>
    public override string? DefaultLabels(string questionsPath) =>
        TabSeparated.Read(questionsPath).FirstOrDefault()?.GetValueOrDefault("answer") is string answer && s_letters.Contains(answer) ? questionsPath : null;

    /// <inheritdoc/>
    public override IReadOnlyList<EvaluationQuestion> ReadQuestions(string path, ReadOptions? options = null)
    {
        var questions = new List<EvaluationQuestion>();
        bool rotated = TabSeparated.Read(path).Any(row => Base(Column(path, row, "index")) != row["index"]);
        if (rotated && options?.Circular == true)
            throw new EvaluationException($"{path} holds the rotations of circular evaluation already; ask it without --circular, its score is circular.");
        var images = new Dictionary<string, byte[]>();
        foreach (Dictionary<string, string> row in TabSeparated.Read(path))
        {
            string[] choices = [.. s_letters.Select(letter => row.GetValueOrDefault(letter, "")).TakeWhile(static c => !s_missing.Contains(c))];
            var id = new QuestionId(Column(path, row, "index"), true);
            string stem = Column(path, row, "question");
            string? hint = row.TryGetValue("hint", out string? text) && !s_missing.Contains(text) ? text : null;
            if (hint is not null) stem = $"{hint}\n{stem}";
            // A row may name the row before it whose picture it shares, instead of carrying it again.
            string picture = Column(path, row, "image");
            byte[] image = images[id.Text] = images.GetValueOrDefault(picture) ?? Decode(path, id, picture);
            for (int round = 0; round < (options?.Circular == true ? choices.Length : 1); round++)
            {
                string[] shown = [.. choices.Skip(round), .. choices.Take(round)];
                string recorded = stem + string.Concat(shown.Select(static (choice, j) => $"\n{s_letters[j]}. {choice}"));
                questions.Add(new()
                {
                    Id = id,
                    Text = $"{recorded}\n{(chinese ? Instructions.OptionLetterChinese : Instructions.OptionLetter)}",
                    RecordedPrompt = recorded,
                    ImageBytes = image,
                    ImageName = rotated ? Base(id.Text) : null,
                    Hint = hint,
                    Options = shown,
                    Round = round,
                    Category = row.GetValueOrDefault("category", "default"),
                });
            }
        }
        return questions;
    }

    /// <summary>
    /// Understands an answer. First by letter: with the marks <c>.()[],:;!*#{}</c> taken as spaces, exactly one of the choices' letters
    /// stands as a word (an <c>A</c> in a text of more than three words is taken for the article). Then by wording: exactly one choice's text is
    /// contained in the answer, without regard to case. Otherwise the answer fails (the organiser asks a language model then).
    /// </summary>
    /// <returns>Index of the choice shown, or -1.</returns>
    public static int Parse(string answer, IReadOnlyList<string> shown)
    {
        ArgumentNullException.ThrowIfNull(answer);
        ArgumentNullException.ThrowIfNull(shown);
        string[] words = answer.Split([' ', '\n', '\t', '\r', .. ".()[],:;!*#{}。：，（）"], StringSplitOptions.RemoveEmptyEntries);
        int[] letters = [.. Enumerable.Range(0, Math.Min(shown.Count, s_letters.Length)).Where(j => words.Contains(s_letters[j]))];
        if (letters.Length == 1 && !(letters[0] == 0 && words.Length > 3)) return letters[0];
        int[] contained = [.. Enumerable.Range(0, shown.Count).Where(j => answer.Contains(shown[j], StringComparison.OrdinalIgnoreCase))];
        return contained.Length == 1 ? contained[0] : -1;
    }

    /// <inheritdoc/>
    public override BenchmarkScore Score(AnswerSheet sheet, string? labelsPath)
    {
        ArgumentNullException.ThrowIfNull(sheet);
        string path = Require(labelsPath);
        var labels = new Dictionary<string, int>();
        foreach (Dictionary<string, string> row in TabSeparated.Read(path))
        {
            if (!row.TryGetValue("answer", out string? letter) || Array.IndexOf(s_letters, letter) is var answer && answer < 0)
                throw new EvaluationException($"{path}: question {row.GetValueOrDefault("index")} has no answer; only the dev split can be scored here.");
            labels[Column(path, row, "index")] = answer;
        }

        var credits = new List<Credit>();
        double single = 0;
        foreach (IGrouping<string, int> rounds in sheet.AskedIndices().GroupBy(i => Base(sheet.Questions[i].Id.Text)))
        {
            // The question as it was written: the row of the smallest index, in round 0.
            int first = rounds.MinBy(i => (Number(sheet.Questions[i].Id.Text), sheet.Questions[i].Round));
            EvaluationQuestion question = sheet.Questions[first];
            credits.Add(new(question.ImageKey, question.Category, rounds.All(i => IsRight(sheet, i, Label(i))) ? 1 : 0));
            if (IsRight(sheet, first, Label(first))) single++;
        }
        bool circular = IsCircular(sheet);
        BenchmarkScore score = ScoreBuilder.MeanCredit(Name, circular ? "circular accuracy" : "accuracy", sheet, credits);
        return circular ? score with { Measures = [new("single-pass accuracy", 100 * single / credits.Count, credits.Count), .. score.Measures] } : score;

        int Label(int i) => labels.TryGetValue(sheet.Questions[i].Id.Text, out int label)
            ? label
            : throw new EvaluationException($"{path}: no label for question {sheet.Questions[i].Id}.");
    }

    /// <inheritdoc/>
    public override string? DiffersFromPublished(AnswerSheet sheet)
    {
        ArgumentNullException.ThrowIfNull(sheet);
        return IsCircular(sheet) ? base.DiffersFromPublished(sheet) : "every question was asked once, the published numbers are of circular evaluation";
    }

    static bool IsCircular(AnswerSheet sheet) =>
        sheet.Questions.Any(static q => q.Round > 0 || Base(q.Id.Text) != q.Id.Text);

    // The question that a row asks, whatever its rotation.
    static string Base(string index) =>
        Number(index) is >= RotationStep and long number ? (number % RotationStep).ToString(CultureInfo.InvariantCulture) : index;

    static long Number(string index) => long.TryParse(index, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : -1;

    static bool IsRight(AnswerSheet sheet, int index, int label)
    {
        EvaluationQuestion question = sheet.Questions[index];
        if (sheet.Text(index) is not string text || Parse(text, question.Options) is var shown && shown < 0) return false;
        // The j-th choice shown in round r is the original one j + r further on.
        return (shown + question.Round!.Value) % question.Options.Count == label;
    }

    /// <inheritdoc/>
    public override string? UploadExtension => ".xlsx";

    /// <summary>
    /// Writes the server's workbook: index (a number), question (without the hint), choices and prediction, for every row of the table.
    /// </summary>
    public override void WriteUpload(AnswerSheet sheet, string path)
    {
        ArgumentNullException.ThrowIfNull(sheet);
        IEnumerable<IReadOnlyList<SpreadsheetCell>> rows = Enumerable.Range(0, sheet.Questions.Count).Where(i => sheet.Questions[i].Round is null or 0).Select(i =>
        {
            EvaluationQuestion q = sheet.Questions[i];
            string prompt = (q.RecordedPrompt ?? q.Text)[(q.Hint is null ? 0 : q.Hint.Length + 1)..];
            int choices = prompt.LastIndexOf($"\nA. {(q.Options.Count > 0 ? q.Options[0] : "")}", StringComparison.Ordinal);
            return (IReadOnlyList<SpreadsheetCell>)[new(q.Id.Text, IsNumber: true), choices < 0 ? prompt : prompt[..choices],
                .. s_letters.Select((_, j) => (SpreadsheetCell)(j < q.Options.Count ? q.Options[j] : "")), sheet.Text(i) ?? ""];
        });
        SpreadsheetWriter.Write(path, rows.Prepend(["index", "question", .. s_letters.Select(static l => (SpreadsheetCell)l), "prediction"]));
    }

    static string Column(string path, Dictionary<string, string> row, string name) =>
        row.TryGetValue(name, out string? value) ? value : throw new EvaluationException($"{path}: the table has no column '{name}'.");

    static byte[] Decode(string path, QuestionId id, string base64)
    {
        try { return Convert.FromBase64String(base64); }
        catch (FormatException e) { throw new EvaluationException($"{path}: the image of question {id} is not base64.", e); }
    }
}
