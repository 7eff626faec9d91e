using SK.FasterVlm.Evaluation.Benchmarks;
using SK.FasterVlm.Evaluation.Formats;

namespace SK.FasterVlm.Evaluation.Scoring;

/// <summary>Scores an answers file, whoever made it.</summary>
public static class AnswersScorer
{
    /// <summary>Joins an answers file with its questions, reading the questions as the answers show that they were asked.</summary>
    /// <param name="benchmark">The benchmark.</param>
    /// <param name="questionsPath">Its question file.</param>
    /// <param name="answersPath">The answers file.</param>
    /// <exception cref="EvaluationException">A file cannot be read, or the two do not belong together.</exception>
    public static AnswerSheet Join(Benchmark benchmark, string questionsPath, string answersPath)
    {
        ArgumentNullException.ThrowIfNull(benchmark);
        AnswersFile answers = AnswersFile.Read(answersPath);
        if (answers.Answers.Count == 0) throw new EvaluationException($"{answersPath} holds no answer ({answers.CorruptLines.Count} unreadable lines).");
        bool circular = answers.Answers.Any(static a => a.Round > 0);
        IReadOnlyList<EvaluationQuestion> questions = benchmark.ReadQuestions(questionsPath, new ReadOptions(circular, IncludeTextOnly: true));
        HashSet<string> answered = [.. answers.Answers.Select(static a => a.Id.Text)];
        AnswerSheet sheet = benchmark.Join(questions, answers, q => benchmark.Counts(q, answered.Contains(q.Id.Text)));
        return sheet.Answered + sheet.Failed > 0
            ? sheet
            : throw new EvaluationException($"No answer of {answersPath} is to a question of {questionsPath}; the two do not belong together.");
    }

    /// <summary>Scores an answers file.</summary>
    /// <param name="benchmark">The benchmark.</param>
    /// <param name="questionsPath">Its question file.</param>
    /// <param name="answersPath">The answers file.</param>
    /// <param name="labelsPath">The labels; null where the question file carries them.</param>
    /// <exception cref="EvaluationException">A file cannot be read, or they do not belong together.</exception>
    /// <exception cref="NotSupportedException">The benchmark is scored by its organiser.</exception>
    public static BenchmarkScore Score(Benchmark benchmark, string questionsPath, string answersPath, string? labelsPath)
    {
        AnswerSheet sheet = Join(benchmark, questionsPath, answersPath);
        return benchmark.Score(sheet, labelsPath ?? benchmark.DefaultLabels(questionsPath));
    }
}
