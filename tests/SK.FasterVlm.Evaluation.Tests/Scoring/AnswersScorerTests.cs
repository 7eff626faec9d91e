using SK.FasterVlm.Evaluation.Benchmarks;
using SK.FasterVlm.Evaluation.Reporting;
using SK.FasterVlm.Evaluation.Scoring;
using static SK.FasterVlm.Evaluation.Tests.TestFolder;

namespace SK.FasterVlm.Evaluation.Tests.Scoring;

public sealed class AnswersScorerTests : IDisposable
{
    readonly TestFolder _folder = new();

    [Fact]
    public void Format_PublishedPopeAnswers_PrintsThePublishedNumbers()
    {
        string data = SharedData.Require("eval/pope");

        BenchmarkScore score = AnswersScorer.Score(new PopeBenchmark(), Path.Combine(data, "llava_pope_test.jsonl"), Path.Combine(data, "llava-v1.5-13b-answers.jsonl"), data);
        string[] lines = [.. ScoreText.Format("POPE", score).Split('\n').Select(static l => string.Join(' ', l.Split(' ', StringSplitOptions.RemoveEmptyEntries)))];

        Assert.StartsWith("mean F1 85.95 %", lines[1], StringComparison.Ordinal);
        Assert.Contains("adversarial F1 84.46 % (n = 3000)", lines);
        Assert.Contains("popular F1 86.25 % (n = 3000)", lines);
        Assert.Contains("random F1 87.14 % (n = 2910)", lines);
    }

    [Fact]
    public void Score_ImageQuestionsOnly_DoesNotMissTheOthers()
    {
        string questions = _folder.Write("q.json", """
            [{"id": "4", "conversations": [{"from": "human", "value": "Which?\nA. one\nB. two"}, {"from": "gpt", "value": "B"}]},
             {"id": "5", "image": "5.png", "conversations": [{"from": "human", "value": "<image>\nWhat?\nA. x\nB. y"}, {"from": "gpt", "value": "A"}]}]
            """);
        BenchmarkScore images = AnswersScorer.Score(new ScienceQaBenchmark(), questions, _folder.Lines("a.jsonl", Answer("5", "A")), null);
        BenchmarkScore all = AnswersScorer.Score(new ScienceQaBenchmark(), questions, _folder.Lines("b.jsonl", Answer("5", "A"), Answer("4", "A")), null);

        Assert.Equal((1, 0), (images.Questions, images.Missing));
        Assert.Equal((100, 50), (all.Value, all.Measures.Single().Value));
    }

    [Fact]
    public void Score_QuestionWithoutImageOfAnotherBenchmark_IsMissedWhenLeftOut()
    {
        string questions = _folder.Lines("q.jsonl", """{"question_id": 1, "text": "q"}""", """{"question_id": 2, "text": "q"}""");
        string labels = _folder.Lines("l.jsonl", """{"question_id": 1, "label": "x"}""", """{"question_id": 2, "label": "y"}""");

        BenchmarkScore score = AnswersScorer.Score(new JsonlBenchmark(), questions, _folder.Lines("a.jsonl", Answer(1, "x")), labels);

        Assert.Equal((2, 1, 50), (score.Questions, score.Missing, score.Value));
    }

    [Fact]
    public void Join_FilesOfDifferentBenchmarks_IsRefused()
    {
        string questions = _folder.Lines("q.jsonl", """{"question_id": 1, "image": "a", "text": "q"}""");

        Assert.Throws<EvaluationException>(() => AnswersScorer.Join(new JsonlBenchmark(), questions, _folder.Lines("a.jsonl", Answer(2, "x"))));
        Assert.Throws<EvaluationException>(() => AnswersScorer.Join(new JsonlBenchmark(), questions, _folder.Lines("b.jsonl", "nonsense")));
    }

    [Fact]
    public void Format_Incomplete_SaysSo()
    {
        string questions = _folder.Lines("q.jsonl", """{"question_id": 1, "image": "a", "text": "q"}""", """{"question_id": 2, "image": "a", "text": "q"}""");
        string labels = _folder.Lines("l.jsonl", """{"question_id": 1, "label": "x"}""", """{"question_id": 2, "label": "y"}""");
        string answers = _folder.Lines("a.jsonl", Answer(1, "x"), Answer(7, "x"), "{");

        string text = ScoreText.Format("Set", AnswersScorer.Score(new JsonlBenchmark(), questions, answers, labels));

        Assert.Contains("2 questions, 1 answered, 1 missing (counted as wrong)", text, StringComparison.Ordinal);
        Assert.Contains("1 unreadable line", text, StringComparison.Ordinal);
        Assert.Contains("1 answers to no question", text, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();
}
