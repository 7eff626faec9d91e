using System.Globalization;
using SK.FasterVlm.Evaluation.Formats;
using SK.FasterVlm.Evaluation.Scoring;

namespace SK.FasterVlm.Evaluation.Benchmarks;

/// <summary>Choices a question reader has.</summary>
/// <param name="Circular">MMBench: ask every rotation of the choices.</param>
/// <param name="IncludeTextOnly">ScienceQA: also questions without an image (published IMG accuracies leave them out).</param>
public sealed record ReadOptions(bool Circular = false, bool IncludeTextOnly = false);

/// <summary>
/// A benchmark: how its questions are read and put, how an answer is understood, how answers become numbers. Every benchmark is one
/// file with the same parts in the same order. Stateless and thread-safe.
/// </summary>
public abstract class Benchmark
{
    /// <summary>Lower-case name for commands and files, for example <c>pope</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Name as papers print it.</summary>
    public abstract string Title { get; }

    /// <summary>What <c>--questions</c> and <c>--labels</c> are, in one line.</summary>
    public abstract string Files { get; }

    /// <summary>Most tokens of an answer, as LLaVA's scripts set it: 128, or 1024 where answers may be sentences.</summary>
    public virtual int MaxOutputTokens => 128;

    /// <summary>Whether answers can be scored here (given labels); false where only an organiser can.</summary>
    public virtual bool CanScore => true;

    /// <summary>Whether scoring needs a labels file beside the question file.</summary>
    public virtual bool NeedsLabels => CanScore;

    /// <summary>The labels when none are given: null, or the question file where that carries them.</summary>
    public virtual string? DefaultLabels(string questionsPath) => null;

    /// <summary>Reads the questions, each ready to be put.</summary>
    /// <exception cref="EvaluationException">The file is not a question file of this benchmark.</exception>
    public virtual IReadOnlyList<EvaluationQuestion> ReadQuestions(string path, ReadOptions? options = null) => LlavaQuestions.Read(path);

    /// <summary>
    /// Whether a question belongs to an answers file that somebody else made: every one does, also when the file leaves it out, which
    /// then counts as wrong.
    /// </summary>
    /// <param name="question">The question.</param>
    /// <param name="answered">Whether the file has an answer to it.</param>
    internal virtual bool Counts(EvaluationQuestion question, bool answered) => true;

    /// <summary>
    /// Why a run's number does not belong beside the published ones (another split, another prompt, a part of the questions); null
    /// when it does.
    /// </summary>
    public virtual string? DiffersFromPublished(AnswerSheet sheet)
    {
        ArgumentNullException.ThrowIfNull(sheet);
        return sheet.Asked < sheet.Questions.Count
            ? string.Create(CultureInfo.InvariantCulture, $"{sheet.Asked} of {sheet.Questions.Count} questions were asked, the published numbers are of all")
            : null;
    }

    /// <summary>What of a prompt identifies a question whose id is not unique: the first line, without the instruction.</summary>
    protected internal virtual string QuestionText(string prompt) => FirstLine(prompt);

    /// <summary>Scores answers. Questions without an answer, or with a failure in its place, count as wrong.</summary>
    /// <param name="sheet">Questions and answers.</param>
    /// <param name="labelsPath">The labels; may be null when <see cref="NeedsLabels"/> is false.</param>
    /// <exception cref="EvaluationException">The labels do not fit the questions.</exception>
    /// <exception cref="NotSupportedException"><see cref="CanScore"/> is false.</exception>
    public virtual BenchmarkScore Score(AnswerSheet sheet, string? labelsPath) =>
        throw new NotSupportedException($"{Title} is scored by its organiser: write the upload file and send it in.");

    /// <summary>Extension of the file that the organiser takes (<c>.json</c>, <c>.xlsx</c>), or null when there is none.</summary>
    public virtual string? UploadExtension => null;

    /// <summary>Writes the file that the organiser takes.</summary>
    /// <exception cref="NotSupportedException"><see cref="UploadExtension"/> is null.</exception>
    public virtual void WriteUpload(AnswerSheet sheet, string path) =>
        throw new NotSupportedException($"{Title} has no upload format; its answers are scored here.");

    /// <summary>Joins questions with answers by this benchmark's rule.</summary>
    public AnswerSheet Join(IReadOnlyList<EvaluationQuestion> questions, AnswersFile answers, Func<EvaluationQuestion, bool>? isAsked = null) =>
        AnswerSheet.Join(questions, answers, QuestionText, isAsked);

    /// <summary>The labels path, which this benchmark cannot do without.</summary>
    private protected string Require(string? labelsPath) =>
        labelsPath ?? throw new EvaluationException($"{Title} needs labels: {Files}");

    private protected static string FirstLine(string prompt)
    {
        int end = prompt.IndexOf('\n', StringComparison.Ordinal);
        return (end < 0 ? prompt : prompt[..end]).Trim();
    }
}
