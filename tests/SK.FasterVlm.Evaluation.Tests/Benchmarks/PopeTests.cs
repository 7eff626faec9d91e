using SK.FasterVlm.Evaluation.Benchmarks;
using SK.FasterVlm.Evaluation.Scoring;
using static SK.FasterVlm.Evaluation.Tests.TestFolder;

namespace SK.FasterVlm.Evaluation.Tests.Benchmarks;

public sealed class PopeTests : IDisposable
{
    readonly TestFolder _folder = new();

    readonly PopeBenchmark _pope = new();

    [Theory]
    [InlineData("Yes", true)]
    [InlineData("No", false)]
    [InlineData("no", false)]
    [InlineData("No, there is none", false)] // commas go before the split
    [InlineData("There is not a dog", false)]
    [InlineData("Yes. There is no dog", true)] // only the first sentence counts
    [InlineData("NO", true)] // the rule knows three spellings
    [InlineData("Nothing", true)] // whole words only
    [InlineData("No!", true)]
    [InlineData("No\nreally", true)] // split at spaces, not at line feeds
    [InlineData("", true)]
    [InlineData("I do,not know", true)] // "donot"
    public void IsYes_Answer_FollowsTheRule(string answer, bool yes) => Assert.Equal(yes, PopeBenchmark.IsYes(answer));

    [Fact]
    public void Score_HandMadeAnswers_MatchesCountsByHand()
    {
        // adversarial: TP 1, FP 1, TN 1, FN 1 -> precision 50, recall 50, F1 50; random: TP 2, FP 1, FN 0, TN 1 -> 66.67, 100, F1 80.
        string questions = Questions(("adversarial", 4), ("random", 4));
        Labels("adversarial", 1, "yes", "no", "no", "yes");
        Labels("random", 5, "yes", "yes", "no", "no");
        string answers = _folder.Lines("answers.jsonl", [.. "Yes Yes No No Yes Yes Yes No".Split(' ').Select((a, i) => Answer(i + 1, a))]);

        BenchmarkScore score = Score(_pope, questions, answers, _folder.Root);

        Assert.Equal(65, score.Value, 9);
        Assert.Equal(50, Measure(score, "adversarial F1"), 9);
        Assert.Equal(80, Measure(score, "random F1"), 9);
        Assert.Equal(200 / 3.0, Measure(score, "random precision"), 9);
        Assert.Equal(100, Measure(score, "random recall"), 9);
        Assert.Equal(75, Measure(score, "random accuracy"), 9);
        Assert.Equal(75, Measure(score, "random yes ratio"), 9);
        Assert.Equal((8, 8, 0), (score.Questions, score.Answered, score.Missing));
        Assert.InRange(score.Value, score.Interval.Low, score.Interval.High);
    }

    [Fact]
    public void Score_MissingAnswer_CountsAsWrongWhateverTheLabel()
    {
        string questions = Questions(("random", 2));
        Labels("random", 1, "yes", "no");
        string answers = _folder.Lines("answers.jsonl", Answer(1, "Yes"));

        BenchmarkScore score = Score(_pope, questions, answers, _folder.Root);

        Assert.Equal(1, score.Missing);
        Assert.Equal(50, Measure(score, "random accuracy"), 9);
    }

    [Fact]
    public void Score_LabelsOfAnotherVersion_SaysWhichToTake()
    {
        string questions = Questions(("random", 2));
        Labels("random", 1, "yes", "no", "no");
        string answers = _folder.Lines("answers.jsonl", Answer(1, "Yes"));

        var e = Assert.Throws<EvaluationException>(() => Score(_pope, questions, answers, _folder.Root));

        Assert.Contains("e3e39262", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Score_LabelForAnotherObject_NamesTheLine()
    {
        string questions = Questions(("random", 1));
        Labels("random", 2, "yes");
        string answers = _folder.Lines("answers.jsonl", Answer(1, "Yes"));

        var e = Assert.Throws<EvaluationException>(() => Score(_pope, questions, answers, _folder.Root));

        Assert.Contains("line 1", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Score_PublishedAnswersOfLlava13B_GivesThePublishedNumbers()
    {
        string data = SharedData.Require("eval/pope");

        BenchmarkScore score = Score(
            _pope, Path.Combine(data, "llava_pope_test.jsonl"), Path.Combine(data, "llava-v1.5-13b-answers.jsonl"), data);

        Assert.Equal(84.46, Measure(score, "adversarial F1"), 2);
        Assert.Equal(86.25, Measure(score, "popular F1"), 2);
        Assert.Equal(87.14, Measure(score, "random F1"), 2);
        Assert.Equal(85.947, score.Value, 3);
        Assert.Equal(8910, score.Answered);
        // Some 18 questions share an image: the interval must be narrow all the same, and contain the value.
        Assert.InRange(score.Interval.High - score.Interval.Low, 0.5, 4);
        Assert.InRange(score.Value, score.Interval.Low, score.Interval.High);
    }

    string Questions(params (string Category, int Count)[] categories)
    {
        int id = 0;
        return _folder.Lines("questions.jsonl", [.. categories.SelectMany(c => Enumerable.Range(0, c.Count).Select(_ =>
            $$"""{"question_id": {{++id}}, "image": "i{{id}}.jpg", "text": "Is there a thing{{id}} in the image?\nAnswer the question using a single word or phrase.", "category": "{{c.Category}}"}"""))]);
    }

    void Labels(string category, int first, params string[] labels) => _folder.Lines($"coco_pope_{category}.json", [.. labels.Select((label, i) =>
        $$"""{"question_id": {{i + 1}}, "image": "i{{first + i}}.jpg", "text": "Is there a thing{{first + i}} in the image?", "label": "{{label}}"}""")]);

    static double Measure(BenchmarkScore score, string name) => score.Measures.Single(m => m.Name == name).Value;

    public void Dispose() => _folder.Dispose();
}
