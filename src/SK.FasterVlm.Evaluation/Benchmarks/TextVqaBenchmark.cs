using SK.FasterVlm.Evaluation.Formats;
using SK.FasterVlm.Evaluation.Scoring;

namespace SK.FasterVlm.Evaluation.Benchmarks;

/// <summary>
/// TextVQA (Singh et al., 2019), validation: questions that need reading, ten reference answers, soft accuracy. LLaVA's question
/// file puts OCR tokens into the prompt; without them LLaVA-1.5-7B scores far lower, so a report must say which was used.
/// </summary>
public sealed class TextVqaBenchmark : Benchmark
{
    const string OcrLine = "Reference OCR token: ";

    /// <inheritdoc/>
    public override string Name => "textvqa";

    /// <inheritdoc/>
    public override string Title => "TextVQA";

    /// <inheritdoc/>
    public override string Files =>
        "questions llava_textvqa_val_v051_ocr.jsonl (with OCR tokens) or TextVQA_0.5.1_val.json (without), labels TextVQA_0.5.1_val.json.";

    /// <inheritdoc/>
    public override IReadOnlyList<EvaluationQuestion> ReadQuestions(string path, ReadOptions? options = null) =>
        LlavaQuestions.IsSingleDocument(path)
            ? JsonLines.ReadDocument(path, static root => root.GetProperty("data").EnumerateArray().Select(static entry => new EvaluationQuestion
            {
                Id = QuestionId.FromText(entry.GetProperty("image_id").GetString()!),
                Image = entry.GetProperty("image_id").GetString() + ".jpg",
                Text = Instructions.AskShort(entry.GetProperty("question").GetString()!),
            }).ToList())
            : LlavaQuestions.Read(path);

    /// <summary>
    /// The question inside a prompt: of three lines with OCR tokens the first (or the second when the tokens stand first), of two lines
    /// the first, or what stands between <c>Question:</c> and <c>Short answer:</c> in the older form.
    /// </summary>
    protected internal override string QuestionText(string prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        if (prompt.StartsWith("OCR tokens: ", StringComparison.Ordinal))
        {
            int start = prompt.IndexOf("Question: ", StringComparison.Ordinal), end = prompt.IndexOf(" Short answer:", StringComparison.Ordinal);
            if (start >= 0 && end >= start + 10) return prompt[(start + 10)..end].ToLowerInvariant();
        }
        string[] lines = prompt.Split('\n');
        return (lines.Length == 3 && lines[0].StartsWith(OcrLine.TrimEnd(), StringComparison.Ordinal) ? lines[1] : lines[0]).ToLowerInvariant();
    }

    /// <inheritdoc/>
    public override string? DiffersFromPublished(AnswerSheet sheet)
    {
        ArgumentNullException.ThrowIfNull(sheet);
        return sheet.Questions.Any(static q => q.Text.Contains(OcrLine, StringComparison.Ordinal))
            ? base.DiffersFromPublished(sheet)
            : "the prompts carry no OCR tokens, those of the published numbers do";
    }

    /// <inheritdoc/>
    public override BenchmarkScore Score(AnswerSheet sheet, string? labelsPath)
    {
        ArgumentNullException.ThrowIfNull(sheet);
        string path = Require(labelsPath);
        var labels = new Dictionary<(string, string), string[]>();
        foreach (var (image, question, answers) in JsonLines.ReadDocument(path, static root => root.GetProperty("data").EnumerateArray().Select(static e => (
            e.GetProperty("image_id").GetString()!, e.GetProperty("question").GetString()!.ToLowerInvariant(),
            e.GetProperty("answers").EnumerateArray().Select(static a => a.GetString()!).ToArray())).ToList()))
            labels[(image, question)] = answers;

        var credits = new List<Credit>();
        foreach (int i in sheet.AskedIndices())
        {
            EvaluationQuestion question = sheet.Questions[i];
            if (!labels.TryGetValue((question.Id.Text, QuestionText(question.Text)), out string[]? references))
                throw new EvaluationException($"{path}: no label for '{QuestionText(question.Text)}' about image {question.Id}.");
            credits.Add(new(question.ImageKey, "", VqaAccuracy.Credit(sheet.Text(i), references)));
        }
        BenchmarkScore score = ScoreBuilder.MeanCredit(Name, "accuracy", sheet, credits);
        int withOcr = sheet.AskedIndices().Count(i => sheet.Questions[i].Text.Contains(OcrLine, StringComparison.Ordinal));
        return score with { Measures = [new("prompts with OCR tokens", 100.0 * withOcr / credits.Count, credits.Count)] };
    }
}
