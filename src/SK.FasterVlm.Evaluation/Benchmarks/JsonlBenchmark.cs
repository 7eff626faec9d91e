using System.Text.Json;
using SK.FasterVlm.Evaluation.Formats;
using SK.FasterVlm.Evaluation.Scoring;

namespace SK.FasterVlm.Evaluation.Benchmarks;

/// <summary>
/// Any set of questions in LLaVA's format with a labels file beside it: <c>{"question_id", "label"}</c> per line, where the label is
/// one answer or an array of accepted ones. Exact match after normalisation, in total, by category, and by <c>split</c> where the
/// labels have one.
/// </summary>
public sealed class JsonlBenchmark : Benchmark
{
    /// <inheritdoc/>
    public override string Name => "jsonl";

    /// <inheritdoc/>
    public override string Title => "JSON lines";

    /// <inheritdoc/>
    public override string Files => "questions {question_id, image, text, category} per line, labels {question_id, label} per line (label: text or array of texts).";

    /// <summary>
    /// Whether an answer says what a label says. A yes/no label is met by the answer's first word, so that "Yes, there is a dog." counts;
    /// any other label by equality after <see cref="VqaNormalizer"/> (case, punctuation, articles, number words).
    /// </summary>
    public static bool IsRight(string answer, string label)
    {
        ArgumentNullException.ThrowIfNull(answer);
        ArgumentNullException.ThrowIfNull(label);
        string wanted = Normal(label);
        if (wanted is "yes" or "no") return FirstWord(answer) == wanted;
        return Normal(answer) == wanted;
    }

    // A word to read may be "the": normalisation must not leave nothing to compare.
    static string Normal(string text)
    {
        string normal = VqaNormalizer.Normalize(text);
        return normal.Length > 0 ? normal : text.Trim().TrimEnd('.').ToLowerInvariant();
    }

    static string FirstWord(string answer)
    {
        string text = answer.Trim().ToLowerInvariant();
        int end = 0;
        while (end < text.Length && char.IsLetterOrDigit(text[end])) end++;
        return text[..end];
    }

    /// <inheritdoc/>
    public override BenchmarkScore Score(AnswerSheet sheet, string? labelsPath)
    {
        ArgumentNullException.ThrowIfNull(sheet);
        string path = Require(labelsPath);
        var labels = new Dictionary<string, (string[] Accepted, string? Split)>();
        foreach (var (id, accepted, split) in JsonLines.Read(path, static e => (
            QuestionId.FromJson(e.GetProperty("question_id")).Text, Accepted(e.GetProperty("label")), e.TryGetProperty("split", out JsonElement s) ? s.GetString() : null)))
            if (!labels.TryAdd(id, (accepted, split))) throw new EvaluationException($"{path}: two labels for question {id}.");

        var credits = new List<Credit>();
        var bySplit = new List<Credit>();
        var blind = new List<(string, string[], string, string)>();
        foreach (int i in sheet.AskedIndices())
        {
            EvaluationQuestion question = sheet.Questions[i];
            if (!labels.TryGetValue(question.Id.Text, out var label)) throw new EvaluationException($"{path}: no label for question {question.Id}.");
            bool right = sheet.Text(i) is string text && label.Accepted.Any(accepted => IsRight(text, accepted));
            credits.Add(new(question.ImageKey, question.Category, right ? 1 : 0));
            string[] groups = label.Split is null ? [question.Category, Overall] : [question.Category, Overall, label.Split];
            blind.Add((question.Category, groups, QuestionText(question.Text), Normal(label.Accepted[0])));
            if (label.Split is not null) bySplit.Add(new(question.ImageKey, label.Split, right ? 1 : 0));
        }
        BenchmarkScore score = ScoreBuilder.MeanCredit(Name, "accuracy", sheet, credits);
        return score with { Measures = [.. score.Measures, .. ScoreBuilder.ByCategory(bySplit)], Blind = BlindBaseline.Compute(blind) };
    }

    /// <summary>The entry of <see cref="BenchmarkScore.Blind"/> for all questions together.</summary>
    internal const string Overall = "all questions";

    static string[] Accepted(JsonElement label) => label.ValueKind switch
    {
        JsonValueKind.Array when label.GetArrayLength() > 0 => [.. label.EnumerateArray().Select(static l => Text(l))],
        _ => [Text(label)],
    };

    static string Text(JsonElement label) => label.ValueKind switch
    {
        JsonValueKind.String => label.GetString()!,
        JsonValueKind.Number => label.GetRawText(),
        _ => throw new FormatException("a label is a text, a number, or an array of them"),
    };
}
