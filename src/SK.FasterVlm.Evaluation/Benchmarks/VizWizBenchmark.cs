using System.Text.Json;
using SK.FasterVlm.Evaluation.Formats;
using SK.FasterVlm.Evaluation.Scoring;

namespace SK.FasterVlm.Evaluation.Benchmarks;

/// <summary>
/// VizWiz-VQA (Gurari et al., 2018): photographs by blind people, many of which do not show the answer; <c>unanswerable</c> is then a
/// right one. Test labels are not public (upload file); validation can be scored here.
/// </summary>
public sealed class VizWizBenchmark : Benchmark
{
    /// <inheritdoc/>
    public override string Name => "vizwiz";

    /// <inheritdoc/>
    public override string Title => "VizWiz";

    /// <inheritdoc/>
    public override string Files => "questions llava_test.jsonl or val.json, labels (validation only) val.json.";

    /// <summary>The prompt of a question.</summary>
    public static string Prompt(string question) => $"{question}\n{Instructions.Unanswerable}\n{Instructions.ShortAnswer}";

    /// <inheritdoc/>
    public override IReadOnlyList<EvaluationQuestion> ReadQuestions(string path, ReadOptions? options = null) =>
        LlavaQuestions.IsSingleDocument(path)
            ? JsonLines.ReadDocument(path, static root => root.EnumerateArray().Select(static (entry, i) => new EvaluationQuestion
            {
                Id = QuestionId.FromNumber(i),
                Image = entry.GetProperty("image").GetString()!,
                Text = Prompt(entry.GetProperty("question").GetString()!),
            }).ToList())
            : LlavaQuestions.Read(path);

    /// <inheritdoc/>
    public override BenchmarkScore Score(AnswerSheet sheet, string? labelsPath)
    {
        ArgumentNullException.ThrowIfNull(sheet);
        string path = Require(labelsPath);
        // Every image has one question.
        var labels = JsonLines.ReadDocument(path, static root => root.EnumerateArray().ToDictionary(
            static e => e.GetProperty("image").GetString()!, static e => (Kind: Kind(e), References: VqaV2Benchmark.References(e))));
        var credits = new List<Credit>();
        foreach (int i in sheet.AskedIndices())
        {
            EvaluationQuestion question = sheet.Questions[i];
            if (!labels.TryGetValue(question.Image ?? "", out var label)) throw new EvaluationException($"{path}: no label for image {question.Image}.");
            credits.Add(new(question.ImageKey, label.Kind, VqaAccuracy.Credit(sheet.Text(i), label.References)));
        }
        return ScoreBuilder.MeanCredit(Name, "accuracy", sheet, credits);
    }

    /// <inheritdoc/>
    public override string? DiffersFromPublished(AnswerSheet sheet)
    {
        ArgumentNullException.ThrowIfNull(sheet);
        return sheet.Questions.All(static q => q.Image?.Contains("_test_", StringComparison.Ordinal) == true)
            ? base.DiffersFromPublished(sheet)
            : "these are not the questions of the test split, on which the published numbers were made";
    }

    static string Kind(JsonElement e) =>
        e.TryGetProperty("answer_type", out JsonElement kind) && kind.ValueKind == JsonValueKind.String ? kind.GetString()! : "other";

    /// <inheritdoc/>
    public override string? UploadExtension => ".json";

    /// <summary>Writes the file of the EvalAI server: <c>[{"image", "answer"}]</c>, answers normalised.</summary>
    public override void WriteUpload(AnswerSheet sheet, string path) => UploadFile.Write(path, sheet, static (writer, question, answer) =>
    {
        writer.WriteString("image", question.Image);
        writer.WriteString("answer", VqaNormalizer.Normalize(answer));
    });
}
