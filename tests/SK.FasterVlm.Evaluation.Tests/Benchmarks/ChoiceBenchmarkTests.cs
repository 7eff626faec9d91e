using System.IO.Compression;
using SK.FasterVlm.Evaluation.Benchmarks;
using SK.FasterVlm.Evaluation.Formats;
using SK.FasterVlm.Evaluation.Scoring;
using static SK.FasterVlm.Evaluation.Tests.TestFolder;

namespace SK.FasterVlm.Evaluation.Tests.Benchmarks;

/// <summary>ScienceQA and MMBench.</summary>
public sealed class ChoiceBenchmarkTests : IDisposable
{
    const string Header = "index\tquestion\thint\tA\tB\tC\tD\tanswer\tcategory\timage\tsource\tl2-category\tcomment\tsplit\n";

    readonly TestFolder _folder = new();

    [Theory]
    [InlineData("B", 3, 1)] // the letter
    [InlineData("B. cat", 3, 1)] // the letter and its text
    [InlineData("I think so. The answer is C.", 3, 2)] // the sentence
    [InlineData("The answer is C because", 3, 2)] // any character may follow
    [InlineData("The answer is C", 3, -1)] // one must
    [InlineData("The answer is A. The answer is B.", 3, -1)] // once only
    [InlineData("D", 3, -1)] // beyond the choices
    [InlineData("b", 3, -1)]
    [InlineData("B.", 3, -1)] // neither form
    [InlineData("(B) cat", 3, -1)]
    [InlineData("", 3, -1)]
    [InlineData("FAILED", 3, -1)]
    public void ScienceQaParse_Answer_KnowsThreeForms(string answer, int choices, int expected) =>
        Assert.Equal(expected, ScienceQaBenchmark.Parse(answer, choices));

    [Fact]
    public void ScienceQa_ImageQuestions_AreTheHeadline()
    {
        string questions = _folder.Write("q.json", """
            [{"id": "4", "conversations": [{"from": "human", "value": "Which?\nA. one\nB. two"}, {"from": "gpt", "value": "B"}]},
             {"id": "5", "image": "5/image.png", "conversations": [{"from": "human", "value": "<image>\nWhat?\nA. x\nB. y\nC. z"}, {"from": "gpt", "value": "C"}]},
             {"id": "6", "image": "6/image.png", "conversations": [{"from": "human", "value": "Who?\n<image>\nA. x\nB. y"}, {"from": "gpt", "value": "A"}]}]
            """);
        string problems = _folder.Write("problems.json", """{"4": {"choices": ["one", "two"], "answer": 1}, "5": {"choices": ["x", "y", "z"], "answer": 2}, "6": {"choices": ["x", "y"], "answer": 0}}""");
        string answers = _folder.Lines("a.jsonl", Answer("4", "B"), Answer("5", "C. z"), Answer("6", "C"));
        var benchmark = new ScienceQaBenchmark();

        BenchmarkScore score = Score(benchmark, questions, answers, problems, new ReadOptions(IncludeTextOnly: true));
        BenchmarkScore withoutProblems = Score(benchmark, questions, answers, null);
        IReadOnlyList<EvaluationQuestion> asked = benchmark.ReadQuestions(questions);

        Assert.Equal(50, score.Value, 9);
        Assert.Equal(200 / 3.0, score.Measures.Single(static m => m.Name == "total accuracy").Value, 9);
        Assert.Equal(50, withoutProblems.Value, 9);
        Assert.Equal(["5", "6"], asked.Select(static q => q.Id.Text));
        Assert.Equal("What?\nA. x\nB. y\nC. z\nAnswer with the option's letter from the given choices directly.", asked[0].Text);
        Assert.StartsWith("<image>\nWhat?", asked[0].RecordedPrompt, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("B", 1)]
    [InlineData("B.", 1)]
    [InlineData("(B)", 1)]
    [InlineData("B. blue", 1)]
    [InlineData("The answer is B", 1)]
    [InlineData("A or B", -1)] // two letters
    [InlineData("There is A blue one", 1)] // an article; then by wording
    [InlineData("A", 0)]
    [InlineData("It is Green", 2)] // wording, case ignored
    [InlineData("red or blue", -1)]
    [InlineData("D", -1)] // no such choice
    [InlineData("", -1)]
    [InlineData("答案是（C）。", -1)] // no word border before the mark's removal: 答案是 C
    public void MmBenchParse_Answer_LetterThenWording(string answer, int expected)
    {
        int parsed = MmBenchBenchmark.Parse(answer, ["red", "blue", "green"]);
        Assert.Equal(answer.StartsWith('答') ? 2 : expected, parsed);
    }

    [Fact]
    public void MmBench_Circular_NeedsEveryRotationRight()
    {
        string table = Table("10\tWhat colour?\tLook closely.\tred\tblue\tgreen\t\tB\tcolour", "11\tWhich?\tnan\tcat\tdog\tNone\tx\tA\tanimal");
        var options = new ReadOptions(Circular: true);
        IReadOnlyList<EvaluationQuestion> questions = new MmBenchBenchmark(false).ReadQuestions(table, options);

        // Question 10 has three choices, question 11 two (the word None ends the list): five prompts.
        Assert.Equal(5, questions.Count);
        Assert.Equal("Look closely.\nWhat colour?\nA. blue\nB. green\nC. red\nAnswer with the option's letter from the given choices directly.", questions[1].Text);
        Assert.Equal("Which?\nA. cat\nB. dog", questions[3].RecordedPrompt);
        Assert.Equal([1, 2, 3], questions[0].ImageBytes.ToArray());

        // blue is B, then A, then C; the second question is answered A both times, which prefers a letter.
        string answers = _folder.Lines("a.jsonl", Round(10, 0, "B"), Round(10, 1, "A"), Round(10, 2, "C"), Round(11, 0, "A"), Round(11, 1, "A"));
        BenchmarkScore score = Score(new MmBenchBenchmark(false), table, answers, table, options);

        Assert.Equal("circular accuracy", score.Metric);
        Assert.Equal(50, score.Value, 9);
        Assert.Equal(100, score.Measures.Single(static m => m.Name == "single-pass accuracy").Value, 9);
        Assert.Equal(100, score.Measures.Single(static m => m.Name == "colour").Value, 9);
    }

    [Fact]
    public void MmBench_TableThatHoldsItsRotations_IsScoredByQuestion()
    {
        // As the organiser publishes the dev table: rotation r of question i has the index i + r * 10^6, choices and answer turned, and
        // may name the row whose picture it shares. Question 10 is right in all three, question 11 in one of two.
        string table = _folder.Write("mmbench.tsv", Header
            + "10\tWhat colour?\tLook.\tred\tblue\tgreen\t\tB\tcolour\tAQID\ts\tl2\tc\tdev\n"
            + "11\tWhich?\t\tcat\tdog\t\t\tA\tanimal\tBAUG\ts\tl2\tc\tdev\n"
            + "1000010\tWhat colour?\tLook.\tblue\tgreen\tred\t\tA\tcolour\t10\ts\tl2\tc\tdev\n"
            + "1000011\tWhich?\t\tdog\tcat\t\t\tB\tanimal\tBAUG\ts\tl2\tc\tdev\n"
            + "2000010\tWhat colour?\tLook.\tgreen\tred\tblue\t\tC\tcolour\tAQID\ts\tl2\tc\tdev\n");
        string answers = _folder.Lines("a.jsonl", Answer(10, "B"), Answer(1000010, "A"), Answer(2000010, "C"), Answer(11, "A"), Answer(1000011, "A"));
        var benchmark = new MmBenchBenchmark(false);

        IReadOnlyList<EvaluationQuestion> questions = benchmark.ReadQuestions(table);
        BenchmarkScore score = AnswersScorer.Score(benchmark, table, answers, null);

        Assert.Equal(5, questions.Count);
        Assert.Equal([1, 2, 3], questions[2].ImageBytes.ToArray());
        Assert.Equal(["#10", "#11", "#10", "#11", "#10"], questions.Select(static q => q.ImageKey));
        Assert.Equal(("circular accuracy", 50.0), (score.Metric, score.Value));
        Assert.Equal(100, score.Measures.Single(static m => m.Name == "single-pass accuracy").Value);
        Assert.Equal((100.0, 0.0), (score.Measures.Single(static m => m.Name == "colour").Value, score.Measures.Single(static m => m.Name == "animal").Value));
        Assert.Contains("--circular", Assert.Throws<EvaluationException>(() => benchmark.ReadQuestions(table, new ReadOptions(Circular: true))).Message, StringComparison.Ordinal);
        Assert.Null(benchmark.DiffersFromPublished(Sheet(benchmark, table, answers)));
    }

    [Fact]
    public void MmBench_TestTable_HasNoLabelsButAnUpload()
    {
        string table = _folder.Write("t.tsv", "index\tquestion\tA\tB\timage\n1\tq\tx\ty\tAQID\n");

        Assert.Null(new MmBenchBenchmark(false).DefaultLabels(table));
        Assert.Equal(Table("1\tq\t\tx\ty\t\t\tA\tc") is var dev ? dev : "", new MmBenchBenchmark(false).DefaultLabels(dev));
        Assert.True(new MmBenchBenchmark(false).NeedsLabels);
    }

    [Fact]
    public void MmBench_SinglePassAndChinese_AskOnceInTheirLanguage()
    {
        string table = Table("10\tWhat?\t\tred\tblue\t\t\tB\tcolour");
        string answers = _folder.Lines("a.jsonl", Answer(10, "blue"));

        Assert.EndsWith("\n请直接回答选项字母。", new MmBenchBenchmark(true).ReadQuestions(table).Single().Text, StringComparison.Ordinal);
        Assert.Equal(100, Score(new MmBenchBenchmark(true), table, answers, table).Value, 9);
    }

    [Fact]
    public void MmBench_TableWithoutAnswers_IsRefusedForScoring()
    {
        string table = _folder.Write("t.tsv", "index\tquestion\tA\tB\timage\n1\tq\tx\ty\tAQID\n");
        string answers = _folder.Lines("a.jsonl", Answer(1, "A"));

        var e = Assert.Throws<EvaluationException>(() => Score(new MmBenchBenchmark(false), table, answers, table));

        Assert.Contains("dev split", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MmBench_QuotedFields_KeepTabsQuotesAndLineFeeds()
    {
        string table = _folder.Write("t.tsv", Header + "1\t\"A \"\"big\"\"\tone\nand two\"\t\tx\ty\t\t\tA\tc\tAQID\ts\tl\tc\tdev\r\n");

        Assert.StartsWith("A \"big\"\tone\nand two\nA. x\nB. y", new MmBenchBenchmark(false).ReadQuestions(table).Single().Text, StringComparison.Ordinal);
    }

    [Fact]
    public void MmBench_Upload_IsAWorkbookWithPredictions()
    {
        string table = Table("10\tWhat?\tA hint.\tred & <b>\tblue\t\t\tB\tcolour");
        string answers = _folder.Lines("a.jsonl", Answer(10, "B"));
        var benchmark = new MmBenchBenchmark(false);

        benchmark.WriteUpload(Sheet(benchmark, table, answers), _folder.At("up.xlsx"));

        using ZipArchive archive = ZipFile.OpenRead(_folder.At("up.xlsx"));
        using var reader = new StreamReader(archive.GetEntry("xl/sheet1.xml")!.Open());
        string sheet = reader.ReadToEnd();
        Assert.Contains("prediction", sheet, StringComparison.Ordinal);
        Assert.Contains("red &amp; &lt;b&gt;", sheet, StringComparison.Ordinal);
        // The server joins by index, a number, and knows the hint itself.
        Assert.Contains("<row><c><v>10</v></c>", sheet, StringComparison.Ordinal);
        Assert.Contains(">What?<", sheet, StringComparison.Ordinal);
        Assert.DoesNotContain("A hint.", sheet, StringComparison.Ordinal);
        Assert.NotNull(archive.GetEntry("[Content_Types].xml"));
    }

    string Table(params string[] rows) => _folder.Write("mmbench.tsv", Header + string.Concat(rows.Select(static r => r + "\tAQID\ts\tl2\tc\tdev\n")));

    static string Round(int id, int round, string text) =>
        $$"""{"question_id": {{id}}, "round_id": {{round}}, "prompt": "q", "text": "{{text}}", "answer_id": "x", "model_id": "m", "metadata": { } }""";

    public void Dispose() => _folder.Dispose();
}
