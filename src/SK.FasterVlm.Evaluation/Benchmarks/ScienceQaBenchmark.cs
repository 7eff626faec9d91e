using System.Text.Json;
using System.Text.RegularExpressions;
using SK.FasterVlm.Evaluation.Formats;
using SK.FasterVlm.Evaluation.Scoring;

namespace SK.FasterVlm.Evaluation.Benchmarks;

/// <summary>
/// ScienceQA (Lu et al., 2022), test split: school questions with two to five choices. The headline is the accuracy over the 2017
/// questions with an image (IMG); the total is given when the others were asked too.
/// </summary>
public sealed partial class ScienceQaBenchmark : Benchmark
{
    /// <inheritdoc/>
    public override string Name => "sqa";

    /// <inheritdoc/>
    public override string Title => "ScienceQA-IMG";

    /// <inheritdoc/>
    public override string Files => "questions llava_test_CQM-A.json, labels problems.json or its folder (default: the answers inside the question file).";

    /// <inheritdoc/>
    public override int MaxOutputTokens => 1024;

    /// <inheritdoc/>
    public override bool NeedsLabels => false;

    /// <inheritdoc/>
    public override IReadOnlyList<EvaluationQuestion> ReadQuestions(string path, ReadOptions? options = null)
    {
        List<EvaluationQuestion> all = JsonLines.ReadDocument(path, static root => root.EnumerateArray().Select(Parse).ToList());
        return options?.IncludeTextOnly == true ? all : [.. all.Where(static q => q.HasImage)];
    }

    static EvaluationQuestion Parse(JsonElement entry)
    {
        JsonElement turns = entry.GetProperty("conversations");
        string question = turns[0].GetProperty("value").GetString()!.Replace("<image>", "", StringComparison.Ordinal).Trim();
        string? image = entry.TryGetProperty("image", out JsonElement file) && file.ValueKind == JsonValueKind.String ? file.GetString() : null;
        string text = $"{question}\n{Instructions.OptionLetter}";
        return new()
        {
            Id = QuestionId.FromJson(entry.GetProperty("id")),
            Text = text,
            // LLaVA's scorer tells questions with an image by the marker in the recorded prompt.
            RecordedPrompt = image is null ? text : $"<image>\n{text}",
            Image = image,
            Options = Choices(question),
            // The answer stands in the question file; the category carries it to the scorer, for use without problems.json.
            Category = turns.GetArrayLength() > 1 ? turns[1].GetProperty("value").GetString()! : "",
        };
    }

    // "A. chiasmus" on lines of their own.
    static string[] Choices(string question) => [.. ChoiceLine().Matches(question).Select(static m => m.Groups[1].Value)];

    /// <summary>
    /// Understands an answer: exactly a letter; a letter followed by <c>". "</c>; or <c>The answer is X</c>, exactly once, followed by
    /// any one character. Everything else fails, and so does a letter beyond the choices.
    /// </summary>
    /// <remarks>
    /// Papers describe the last form with a full stop. LLaVA's scorer, whose numbers are the published ones, writes the stop unescaped
    /// into its regular expression, where it stands for any character; so it does here.
    /// </remarks>
    /// <param name="answer">The model's answer.</param>
    /// <param name="choices">Number of choices, at most 5.</param>
    /// <returns>Index of the choice, or -1.</returns>
    public static int Parse(string answer, int choices)
    {
        ArgumentNullException.ThrowIfNull(answer);
        char letter = '\0';
        if (answer.Length == 1) letter = answer[0];
        else if (answer.Length >= 3 && answer[0] is >= 'A' and <= 'E' && answer[1] == '.' && answer[2] == ' ') letter = answer[0];
        else if (TheAnswerIs().Matches(answer) is { Count: 1 } match) letter = match[0].Groups[1].Value[0];
        int index = letter - 'A';
        return index >= 0 && index < Math.Min(choices, 5) ? index : -1;
    }

    /// <summary>Who asked only about images, as published IMG accuracies do, has not left the other questions out by mistake.</summary>
    internal override bool Counts(EvaluationQuestion question, bool answered) => question.HasImage || answered;

    /// <inheritdoc/>
    public override BenchmarkScore Score(AnswerSheet sheet, string? labelsPath)
    {
        ArgumentNullException.ThrowIfNull(sheet);
        Func<EvaluationQuestion, (int Answer, int Choices)> label = labelsPath is null ? FromQuestion : FromProblems(labelsPath);
        var credits = new List<Credit>();
        foreach (int i in sheet.AskedIndices())
        {
            EvaluationQuestion question = sheet.Questions[i];
            (int answer, int choices) = label(question);
            bool right = sheet.Text(i) is string text && Parse(text, choices) == answer;
            credits.Add(new(question.HasImage ? question.ImageKey : question.Id.Text, question.HasImage ? "IMG" : "text", right ? 1 : 0));
        }
        BenchmarkScore score = ScoreBuilder.MeanCredit(Name, "IMG accuracy", sheet, [.. credits.Where(static c => c.Category == "IMG")]);
        return credits.Any(static c => c.Category != "IMG")
            ? score with { Measures = [new("total accuracy", 100 * credits.Average(static c => c.Value), credits.Count)] }
            : score;
    }

    static (int, int) FromQuestion(EvaluationQuestion question) => question.Category is [>= 'A' and <= 'E']
        ? (question.Category[0] - 'A', question.Options.Count)
        : throw new EvaluationException($"Question {question.Id} carries no answer letter; give problems.json as labels.");

    static Func<EvaluationQuestion, (int, int)> FromProblems(string path)
    {
        if (Directory.Exists(path)) path = Path.Combine(path, "problems.json");
        var problems = JsonLines.ReadDocument(path, static root => root.EnumerateObject().ToDictionary(
            static e => e.Name, static e => (e.Value.GetProperty("answer").GetInt32(), e.Value.GetProperty("choices").GetArrayLength())));
        return question => problems.TryGetValue(question.Id.Text, out var label)
            ? label
            : throw new EvaluationException($"{path}: no problem {question.Id}.");
    }

    [GeneratedRegex("The answer is ([A-Z]).")]
    private static partial Regex TheAnswerIs();

    [GeneratedRegex("^[A-E]\\. (.*)$", RegexOptions.Multiline)]
    private static partial Regex ChoiceLine();
}
