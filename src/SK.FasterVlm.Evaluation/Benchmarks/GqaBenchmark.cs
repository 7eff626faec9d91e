using System.Text.Json;
using SK.FasterVlm.Evaluation.Formats;
using SK.FasterVlm.Evaluation.Scoring;

namespace SK.FasterVlm.Evaluation.Benchmarks;

/// <summary>GQA (Hudson and Manning, 2019), testdev-balanced: exact match with one answer.</summary>
public sealed class GqaBenchmark : Benchmark
{
    /// <inheritdoc/>
    public override string Name => "gqa";

    /// <inheritdoc/>
    public override string Title => "GQA";

    /// <inheritdoc/>
    public override string Files => "questions llava_gqa_testdev_balanced.jsonl, labels testdev_balanced_questions.json (which also serves as question file).";

    /// <inheritdoc/>
    public override IReadOnlyList<EvaluationQuestion> ReadQuestions(string path, ReadOptions? options = null) =>
        LlavaQuestions.IsSingleDocument(path)
            ? JsonLines.ReadDocument(path, static root => root.EnumerateObject().Select(static entry => new EvaluationQuestion
            {
                Id = QuestionId.FromText(entry.Name),
                Image = entry.Value.GetProperty("imageId").GetString() + ".jpg",
                Text = Instructions.AskShort(entry.Value.GetProperty("question").GetString()!),
            }).ToList())
            : LlavaQuestions.Read(path);

    /// <summary>The prediction of an answer: trailing full stops removed, lower case.</summary>
    public static string Prediction(string answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        return answer.TrimEnd('.').ToLowerInvariant();
    }

    /// <inheritdoc/>
    public override BenchmarkScore Score(AnswerSheet sheet, string? labelsPath)
    {
        ArgumentNullException.ThrowIfNull(sheet);
        string path = Require(labelsPath);
        var labels = JsonLines.ReadDocument(path, static root => root.EnumerateObject().ToDictionary(
            static e => e.Name, static e => (Answer: e.Value.GetProperty("answer").GetString()!, Kind: Kind(e.Value))));
        var credits = new List<Credit>();
        foreach (int i in sheet.AskedIndices())
        {
            EvaluationQuestion question = sheet.Questions[i];
            if (!labels.TryGetValue(question.Id.Text, out var label)) throw new EvaluationException($"{path}: no label for question {question.Id}.");
            credits.Add(new(question.ImageKey, label.Kind, sheet.Text(i) is string text && Prediction(text) == label.Answer ? 1 : 0));
        }
        return ScoreBuilder.MeanCredit(Name, "accuracy", sheet, credits);
    }

    static string Kind(JsonElement question) =>
        question.TryGetProperty("types", out JsonElement types) && types.ValueKind == JsonValueKind.Object
            && types.TryGetProperty("structural", out JsonElement kind) ? kind.GetString() ?? "other" : "other";

    /// <inheritdoc/>
    public override string? UploadExtension => ".json";

    /// <summary>Writes the file of GQA's own <c>eval.py</c>: <c>[{"questionId", "prediction"}]</c>.</summary>
    public override void WriteUpload(AnswerSheet sheet, string path) => UploadFile.Write(path, sheet, static (writer, question, answer) =>
    {
        writer.WriteString("questionId", question.Id.Text);
        writer.WriteString("prediction", Prediction(answer));
    });
}
