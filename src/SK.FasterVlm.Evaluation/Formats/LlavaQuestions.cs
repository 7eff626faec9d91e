using System.Text.Json;

namespace SK.FasterVlm.Evaluation.Formats;

/// <summary>
/// LLaVA's question files: <c>{"question_id", "image", "text", "category"}</c> per line. The text is put to the model as it stands
/// (it already ends with the benchmark's instruction), so a run with the same file asks the same thing as LLaVA's own scripts.
/// </summary>
static class LlavaQuestions
{
    internal static List<EvaluationQuestion> Read(string path) => JsonLines.Read(path, Parse);

    static EvaluationQuestion Parse(JsonElement line) => new()
    {
        Id = QuestionId.FromJson(line.GetProperty("question_id")),
        Text = line.GetProperty("text").GetString() ?? throw new FormatException("the question's text is null"),
        Image = line.TryGetProperty("image", out JsonElement image) && image.ValueKind == JsonValueKind.String ? image.GetString() : null,
        Category = line.TryGetProperty("category", out JsonElement category) && category.ValueKind == JsonValueKind.String ? category.GetString()! : "default",
    };

    /// <summary>Whether a file holds one JSON document (a data set's own format) rather than JSON lines.</summary>
    internal static bool IsSingleDocument(string path)
    {
        using var reader = new StreamReader(JsonLines.Open(path));
        while (reader.ReadLine() is string line)
        {
            if (string.IsNullOrWhiteSpace(line)) continue;
            // A line of LLaVA's format is a complete object with a question id; anything else is the head of a larger document.
            try { return !JsonLines.Parse(line, static e => e.ValueKind == JsonValueKind.Object && e.TryGetProperty("question_id", out _)); }
            catch (JsonException) { return true; }
        }
        return false;
    }
}
