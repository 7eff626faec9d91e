using SK.FasterVlm.Evaluation.Formats;

namespace SK.FasterVlm.Evaluation.Scoring;

/// <summary>
/// Questions joined with answers. Where ids are unique they alone decide; MME and TextVQA use the image's name as id, so there the
/// question's wording decides too. Later answers to the same question replace earlier ones, as in LLaVA's scripts.
/// </summary>
public sealed class AnswerSheet
{
    readonly EvaluationAnswer?[] _answers;
    readonly bool[] _asked;

    AnswerSheet(IReadOnlyList<EvaluationQuestion> questions, EvaluationAnswer?[] answers, bool[] asked)
    {
        Questions = questions;
        _answers = answers;
        _asked = asked;
    }

    /// <summary>Every question of the file, in file order (POPE's labels count along with it).</summary>
    public IReadOnlyList<EvaluationQuestion> Questions { get; }

    /// <summary>Answers whose question is not in the file.</summary>
    public int Unmatched { get; private init; }

    /// <summary>Lines of the answers file that are no answers.</summary>
    public int CorruptLines { get; private init; }

    /// <summary>Whether a question belongs to the run; false for those outside a limited run.</summary>
    public bool IsAsked(int index) => _asked[index];

    /// <summary>The raw line for a question, also when it only records a failure; null without one.</summary>
    public EvaluationAnswer? Record(int index) => _answers[index];

    /// <summary>The answer's text; null when there is none, which every scorer counts as wrong.</summary>
    public string? Text(int index) => _answers[index] is { Error: null } answer ? answer.Text : null;

    /// <summary>Questions of the run.</summary>
    public int Asked => _asked.Count(static a => a);

    /// <summary>Questions of the run with an answer.</summary>
    public int Answered => Enumerable.Range(0, _answers.Length).Count(i => _asked[i] && Text(i) is not null);

    /// <summary>Questions of the run that failed (a damaged image, say).</summary>
    public int Failed => Enumerable.Range(0, _answers.Length).Count(i => _asked[i] && _answers[i]?.Error is not null);

    /// <summary>Questions of the run nobody answered.</summary>
    public int Missing => Asked - Answered - Failed;

    /// <summary>Joins.</summary>
    /// <param name="questions">Every question of the file.</param>
    /// <param name="answers">The answers.</param>
    /// <param name="questionText">What of a prompt identifies the question, when ids are not unique.</param>
    /// <param name="isAsked">Which questions belong to the run; null: all.</param>
    public static AnswerSheet Join(
        IReadOnlyList<EvaluationQuestion> questions, AnswersFile answers, Func<string, string> questionText, Func<EvaluationQuestion, bool>? isAsked = null)
    {
        ArgumentNullException.ThrowIfNull(questions);
        ArgumentNullException.ThrowIfNull(answers);
        var keys = new QuestionKeys(questions, questionText);
        var slots = new Dictionary<string, List<int>>();
        for (int i = 0; i < questions.Count; i++)
        {
            string key = keys.Of(questions[i]);
            if (!slots.TryGetValue(key, out List<int>? list)) slots[key] = list = [];
            list.Add(i);
        }

        var found = new EvaluationAnswer?[questions.Count];
        int unmatched = 0;
        foreach (EvaluationAnswer answer in answers.Answers)
        {
            if (!slots.TryGetValue(keys.Of(answer), out List<int>? list)) unmatched++;
            // The same question twice about the same image (TextVQA has such): the answers fill the places in order.
            else found[list.FirstOrDefault(i => found[i] is null, list[0])] = answer;
        }
        bool[] asked = [.. questions.Select(q => isAsked?.Invoke(q) ?? true)];
        return new AnswerSheet(questions, found, asked) { Unmatched = unmatched, CorruptLines = answers.CorruptLines.Count };
    }
}

/// <summary>Names questions and answers so that the two meet.</summary>
sealed class QuestionKeys
{
    readonly bool _needText;
    readonly Func<string, string> _questionText;

    internal QuestionKeys(IReadOnlyList<EvaluationQuestion> questions, Func<string, string> questionText)
    {
        _questionText = questionText;
        var seen = new HashSet<(string, int?)>();
        _needText = !questions.All(q => seen.Add((q.Id.Text, q.Round)));
    }

    internal string Of(EvaluationQuestion question) => Of(question.Id, question.Round, question.RecordedPrompt ?? question.Text);

    internal string Of(EvaluationAnswer answer) => Of(answer.Id, answer.Round, answer.Prompt);

    // A line feed cannot occur in an id, so that keys of different parts never run together.
    string Of(QuestionId id, int? round, string prompt) => $"{id.Text}\n{round ?? 0}\n{(_needText ? _questionText(prompt) : "")}";
}
