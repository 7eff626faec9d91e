using SK.FasterVlm.Evaluation.Benchmarks;
using SK.FasterVlm.Evaluation.Scoring;
using static SK.FasterVlm.Evaluation.Tests.TestFolder;

namespace SK.FasterVlm.Evaluation.Tests.Benchmarks;

public sealed class JsonlTests : IDisposable
{
    readonly TestFolder _folder = new();

    [Theory]
    [InlineData("Yes, there is a dog.", "yes", true)]
    [InlineData("No", "yes", false)]
    [InlineData("Nothing", "no", false)] // the whole first word
    [InlineData("There is no dog", "no", false)] // the first word
    [InlineData("a red ball", "Red ball", true)]
    [InlineData("two", "2", true)]
    [InlineData("top-left", "top left", true)]
    [InlineData("the", "the", true)] // an article that is the word to read
    [InlineData("a", "the", false)]
    [InlineData("", "the", false)]
    [InlineData("dogs", "dog", false)]
    public void IsRight_AnswerAndLabel_ComparesNormalised(string answer, string label, bool expected) =>
        Assert.Equal(expected, JsonlBenchmark.IsRight(answer, label));

    [Fact]
    public void Score_CategoriesAndAlternatives_AreReported()
    {
        string questions = _folder.Lines("q.jsonl",
            """{"question_id": 1, "image": "a.png", "text": "Is there a dog?", "category": "presence"}""",
            """{"question_id": 2, "image": "a.png", "text": "How many?", "category": "counting"}""",
            """{"question_id": 3, "image": "b.png", "text": "What is it?", "category": "naming"}""",
            """{"question_id": 4, "image": "b.png", "text": "Is there a cat?", "category": "presence"}""");
        string labels = _folder.Lines("l.jsonl",
            """{"question_id": 1, "image": "a.png", "text": "?", "label": "yes", "category": "presence"}""", """{"question_id": 2, "label": 3}""",
            """{"question_id": 3, "label": ["bike", "bicycle"]}""", """{"question_id": "4", "label": "no"}""");
        string answers = _folder.Lines("a.jsonl", Answer(1, "Yes"), Answer(2, "three"), Answer(3, "A bicycle."), Answer(4, "Yes"));

        BenchmarkScore score = Score(new JsonlBenchmark(), questions, answers, labels);

        Assert.Equal(75, score.Value, 9);
        Assert.Equal(["counting", "naming", "presence"], score.Measures.Select(static m => m.Name));
        Assert.Equal([100, 100, 50], score.Measures.Select(static m => m.Value));
        Assert.Equal("Wilson", score.Measures[2].Interval!.Value.Method);
    }

    [Fact]
    public void Score_LabelMissing_IsRefused()
    {
        string questions = _folder.Lines("q.jsonl", """{"question_id": 1, "image": "a.png", "text": "?", "category": "c"}""");
        string labels = _folder.Lines("l.jsonl", """{"question_id": 2, "label": "x"}""");
        string answers = _folder.Lines("a.jsonl", Answer(1, "Yes"));

        Assert.Throws<EvaluationException>(() => Score(new JsonlBenchmark(), questions, answers, labels));
    }

    public void Dispose() => _folder.Dispose();
}
