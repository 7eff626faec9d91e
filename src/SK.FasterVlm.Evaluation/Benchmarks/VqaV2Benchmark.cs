using System.Globalization;
using SK.FasterVlm.Evaluation.Formats;
using SK.FasterVlm.Evaluation.Scoring;

namespace SK.FasterVlm.Evaluation.Benchmarks;

/// <summary>
/// VQAv2 (Goyal et al., 2017). The labels of test-dev are not public: write the upload file. The validation split can be scored here
/// with the same rule, which is good for comparing configurations, not for comparing with test-dev numbers.
/// </summary>
public sealed class VqaV2Benchmark : Benchmark
{
    /// <inheritdoc/>
    public override string Name => "vqav2";

    /// <inheritdoc/>
    public override string Title => "VQAv2";

    /// <inheritdoc/>
    public override string Files =>
        "questions llava_vqav2_mscoco_test-dev2015.jsonl or v2_OpenEnded_mscoco_val2014_questions.json, labels (validation only) v2_mscoco_val2014_annotations.json.";

    /// <inheritdoc/>
    public override IReadOnlyList<EvaluationQuestion> ReadQuestions(string path, ReadOptions? options = null)
    {
        if (!LlavaQuestions.IsSingleDocument(path)) return LlavaQuestions.Read(path);
        return JsonLines.ReadDocument(path, static root =>
        {
            string split = root.TryGetProperty("data_subtype", out var subtype) ? subtype.GetString()! : "val2014";
            return root.GetProperty("questions").EnumerateArray().Select(entry => new EvaluationQuestion
            {
                Id = QuestionId.FromNumber(entry.GetProperty("question_id").GetInt64()),
                Image = string.Create(CultureInfo.InvariantCulture, $"COCO_{split}_{entry.GetProperty("image_id").GetInt64():D12}.jpg"),
                Text = Instructions.AskShort(entry.GetProperty("question").GetString()!),
            }).ToList();
        });
    }

    /// <inheritdoc/>
    public override BenchmarkScore Score(AnswerSheet sheet, string? labelsPath)
    {
        ArgumentNullException.ThrowIfNull(sheet);
        string path = Require(labelsPath);
        var labels = JsonLines.ReadDocument(path, static root => root.GetProperty("annotations").EnumerateArray().ToDictionary(
            static e => e.GetProperty("question_id").GetRawText(),
            static e => (Kind: e.TryGetProperty("answer_type", out var kind) ? kind.GetString()! : "other", References: References(e))));
        var credits = new List<Credit>();
        foreach (int i in sheet.AskedIndices())
        {
            EvaluationQuestion question = sheet.Questions[i];
            if (!labels.TryGetValue(question.Id.Text, out var label)) throw new EvaluationException($"{path}: no label for question {question.Id}.");
            credits.Add(new(question.ImageKey, label.Kind, VqaAccuracy.Credit(sheet.Text(i), label.References)));
        }
        return ScoreBuilder.MeanCredit(Name, "accuracy", sheet, credits);
    }

    /// <inheritdoc/>
    public override string? DiffersFromPublished(AnswerSheet sheet)
    {
        ArgumentNullException.ThrowIfNull(sheet);
        return sheet.Questions.All(static q => q.Image?.Contains("test2015", StringComparison.Ordinal) == true)
            ? base.DiffersFromPublished(sheet)
            : "these are not the questions of test-dev, on which the published numbers were made";
    }

    /// <summary>The reference answers of a VQAv2 or VizWiz annotation.</summary>
    internal static string[] References(System.Text.Json.JsonElement annotation) =>
        [.. annotation.GetProperty("answers").EnumerateArray().Select(static a => a.GetProperty("answer").GetString()!)];

    /// <inheritdoc/>
    public override string? UploadExtension => ".json";

    /// <summary>Writes the file of the EvalAI server: <c>[{"question_id", "answer"}]</c>, answers normalised.</summary>
    public override void WriteUpload(AnswerSheet sheet, string path) => UploadFile.Write(path, sheet, static (writer, question, answer) =>
    {
        question.Id.WriteTo(writer, "question_id");
        writer.WriteString("answer", VqaNormalizer.Normalize(answer));
    });
}
