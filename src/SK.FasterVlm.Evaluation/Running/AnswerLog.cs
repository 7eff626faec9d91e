using SK.FasterVlm.Evaluation.Benchmarks;
using SK.FasterVlm.Evaluation.Formats;
using SK.FasterVlm.Evaluation.Scoring;

namespace SK.FasterVlm.Evaluation.Running;

/// <summary>
/// The answers file of one configuration while it grows. Every answer is on disk before the next question is put. Opening repairs
/// what an interruption left (a partial last line); <see cref="Finish"/> puts the answers in question order, so that an interrupted
/// and an uninterrupted run end with the same bytes.
/// </summary>
sealed class AnswerLog : IDisposable
{
    readonly string _path;
    readonly EvaluationAnswer?[] _answers;
    readonly IReadOnlyList<EvaluationQuestion> _questions;
    FileStream? _stream;

    AnswerLog(string path, IReadOnlyList<EvaluationQuestion> questions)
    {
        _path = path;
        _questions = questions;
        _answers = new EvaluationAnswer?[questions.Count];
    }

    internal static AnswerLog Open(string path, Benchmark benchmark, IReadOnlyList<EvaluationQuestion> questions, bool retryFailed)
    {
        var log = new AnswerLog(path, questions);
        if (File.Exists(path))
        {
            AnswerSheet sheet = benchmark.Join(questions, AnswersFile.Read(path));
            for (int i = 0; i < questions.Count; i++)
                if (sheet.Record(i) is { } answer && !(retryFailed && answer.Error is not null)) log._answers[i] = answer with { Options = questions[i].Options };
            log.Rewrite();
        }
        log._stream = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read);
        return log;
    }

    internal EvaluationAnswer? this[int index] => _answers[index];

    internal void Add(int index, EvaluationAnswer answer)
    {
        _answers[index] = answer;
        _stream!.Write(AnswersFile.Line(answer));
        _stream.Flush();
    }

    internal void Finish()
    {
        _stream?.Dispose();
        _stream = null;
        Rewrite();
    }

    /// <summary>The answers joined with the questions, as a scorer wants them.</summary>
    internal AnswerSheet ToSheet(Benchmark benchmark, Func<EvaluationQuestion, bool> isAsked) =>
        benchmark.Join(_questions, new AnswersFile([.. _answers.OfType<EvaluationAnswer>()], []), isAsked);

    void Rewrite() => AnswersFile.Write(_path, _answers.OfType<EvaluationAnswer>());

    public void Dispose() => _stream?.Dispose();
}
