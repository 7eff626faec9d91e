using SK.FasterVlm.Evaluation.Benchmarks;
using SK.FasterVlm.Evaluation.Scoring;
using static SK.FasterVlm.Evaluation.Tests.TestFolder;

namespace SK.FasterVlm.Evaluation.Tests.Benchmarks;

public sealed class MmeTests : IDisposable
{
    readonly TestFolder _folder = new();

    [Theory]
    [InlineData("Yes", true)]
    [InlineData("no", false)]
    [InlineData("YES, it is", true)]
    [InlineData("No.", false)]
    [InlineData(" yes", true)] // within the first four characters
    [InlineData("  yes", null)] // the fifth does not count
    [InlineData("Not at all", false)] // "not " contains "no"
    [InlineData("noye", false)]
    [InlineData("Maybe", null)]
    [InlineData("I know", null)]
    [InlineData("", null)]
    public void Parse_Answer_LooksAtTheFirstFourCharacters(string answer, bool? expected) => Assert.Equal(expected, MmeBenchmark.Parse(answer));

    [Fact]
    public void Score_TwoTasks_AddsAccuracyAndAccuracyPlus()
    {
        // existence: image a both right, image b one of two: acc 75, acc+ 50 -> 125. code_reasoning: one image, one right: 50 + 0.
        _folder.Lines("gt/existence/questions_answers_YN/a.txt", "Is there a cat? Please answer yes or no.\tYes", "Is there a dog?  Please answer yes or no.\tNo");
        _folder.Lines("gt/existence/questions_answers_YN/b.txt", "Is there a cat? Please answer yes or no.\tYes", "Is there a dog? Please answer yes or no.\tNo");
        _folder.Lines("gt/code_reasoning/0001.txt", "Is it C? Please answer yes or no.\tYes", "Is it D? Please answer yes or no.\tNo");
        string[][] rows =
        [
            ["existence/a.jpg", "Is there a cat?", "Yes"], ["existence/a.jpg", "Is there a dog?", "No"],
            ["existence/b.jpg", "Is there a cat?", "Yes"], ["existence/b.jpg", "Is there a dog?", "It is unclear"],
            ["code_reasoning/0001.png", "Is it C?", "Yes"], ["code_reasoning/0001.png", "Is it D?", "Yes"],
        ];
        string questions = _folder.Lines("q.jsonl", [.. rows.Select(static r =>
            $$"""{"question_id": "{{r[0]}}", "image": "{{r[0]}}", "text": "{{r[1]}}\nAnswer the question using a single word or phrase.", "category": "{{r[0].Split('/')[0]}}"}""")]);
        // Reversed, and one prompt in the official wording: ids repeat, so the wording must bring the two together.
        string answers = _folder.Lines("a.jsonl", [.. rows.Reverse().Select(static (r, i) => Answer(r[0], r[2], i == 0 ? $"{r[1]}  Please answer yes or no." : r[1]))]);

        BenchmarkScore score = Score(new MmeBenchmark(), questions, answers, _folder.At("gt"));

        Assert.Equal("points", score.Unit);
        Assert.Equal(125, score.Value, 9);
        Assert.Equal(75, Measure(score, "existence accuracy"), 9);
        Assert.Equal(50, Measure(score, "existence accuracy+"), 9);
        Assert.Equal(50, Measure(score, "cognition"), 9);
        Assert.Equal(175, Measure(score, "perception + cognition"), 9);
        Assert.Equal(6, score.Answered);
    }

    [Fact]
    public void Score_SeveralTasks_SumsAndDrawsWithinThem()
    {
        // existence: one image of two both right, the other none (50 + 50); count: one of one (100 + 100); OCR: one of two questions
        // (50 + 0); numerical_calculation: all wrong. Perception 350, cognition 0.
        (string Image, bool First, bool Second)[] images =
            [("existence/a.jpg", true, true), ("existence/b.jpg", false, false), ("count/c.jpg", true, true), ("OCR/d.jpg", true, false), ("numerical_calculation/e.png", false, false)];
        var questions = new List<string>();
        var answers = new List<string>();
        foreach ((string image, bool first, bool second) in images)
        {
            string task = image.Split('/')[0];
            _folder.Lines($"gt/{task}/{Path.GetFileNameWithoutExtension(image)}.txt", "One? Please answer yes or no.\tYes", "Two? Please answer yes or no.\tNo");
            foreach (string text in new[] { "One?", "Two?" })
                questions.Add($$"""{"question_id": "{{image}}", "image": "{{image}}", "text": "{{text}}\nAnswer the question using a single word or phrase.", "category": "{{task}}"}""");
            answers.Add(Answer(image, first ? "Yes" : "No", "One?"));
            answers.Add(Answer(image, second ? "No" : "Yes", "Two?"));
        }

        BenchmarkScore score = Score(new MmeBenchmark(), _folder.Lines("q.jsonl", [.. questions]), _folder.Lines("a.jsonl", [.. answers]), _folder.At("gt"));

        Assert.Equal(350, score.Value, 9);
        Assert.Equal([100.0, 200, 50, 0], new[] { "existence", "count", "OCR", "numerical_calculation" }.Select(task => Measure(score, task)));
        Assert.Equal((0.0, 350.0), (Measure(score, "cognition"), Measure(score, "perception + cognition")));
        // Drawn within tasks only existence can vary, from 0 to 200: 250 to 450. Drawn over all images a task could be missing.
        Assert.Equal((250.0, 450.0), (score.Interval.Low, score.Interval.High));
    }

    [Fact]
    public void Score_QuestionWithoutLabel_IsRefused()
    {
        _folder.Lines("gt/count/a.txt", "Other? Please answer yes or no.\tYes");
        string questions = _folder.Lines("q.jsonl", """{"question_id": "count/a.jpg", "image": "count/a.jpg", "text": "Are there two?", "category": "count"}""");
        string answers = _folder.Lines("a.jsonl", Answer("count/a.jpg", "Yes", "Are there two?"));

        var e = Assert.Throws<EvaluationException>(() => Score(new MmeBenchmark(), questions, answers, _folder.At("gt")));

        Assert.Contains("Are there two?", e.Message, StringComparison.Ordinal);
    }

    static double Measure(BenchmarkScore score, string name) => score.Measures.Single(m => m.Name == name).Value;

    public void Dispose() => _folder.Dispose();
}
