using System.Text;
using SK.FasterVlm.Evaluation.Benchmarks;
using SK.FasterVlm.Evaluation.Formats;
using SK.FasterVlm.Evaluation.Scoring;
using static SK.FasterVlm.Evaluation.Tests.TestFolder;

namespace SK.FasterVlm.Evaluation.Tests.Formats;

public sealed class AnswersFileTests : IDisposable
{
    readonly TestFolder _folder = new();

    [Fact]
    public void Read_CorruptAndPartialLines_AreCountedNotFatal()
    {
        string path = _folder.Write("a.jsonl", Answer(1, "Yes") + "\n{\"question_id\": 2, \"te\n\n[1]\n{\"question_id\": 3}\n" + Answer(4, "No") + "\n" + Answer(5, "No")[..20]);

        AnswersFile file = AnswersFile.Read(path);

        Assert.Equal(["1", "4"], file.Answers.Select(static a => a.Id.Text));
        Assert.Equal([2, 4, 5, 7], file.CorruptLines);
    }

    [Fact]
    public void Line_Answer_HasLlavasFieldsAndReadsBack()
    {
        var answer = new EvaluationAnswer { Id = QuestionId.FromNumber(7), Prompt = "Was ist das?\n\"q\"", Text = "ein Käse", AnswerId = "id", ModelId = "m", VisualTokens = 29 };

        string line = Encoding.UTF8.GetString(AnswersFile.Line(answer));
        EvaluationAnswer back = AnswersFile.Read(_folder.Write("a.jsonl", line)).Answers.Single();

        Assert.Equal("""{"question_id":7,"prompt":"Was ist das?\n\"q\"","text":"ein Käse","answer_id":"id","model_id":"m","metadata":{"visual_tokens":29}}""" + "\n", line);
        Assert.Equal(answer.Prompt, back.Prompt);
        Assert.Equal(29, back.VisualTokens);
        Assert.Null(back.Error);
    }

    [Fact]
    public void Line_Round_CarriesLlavasLetters()
    {
        var answer = new EvaluationAnswer { Id = QuestionId.FromNumber(7), Text = "A", Round = 1, Options = ["y", "z", "x"] };

        string line = Encoding.UTF8.GetString(AnswersFile.Line(answer));

        Assert.Contains("\"round_id\":1", line, StringComparison.Ordinal);
        Assert.Contains("\"option_char\":[\"B\",\"C\",\"A\"]", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Join_IdsOfOtherKindDuplicatesAndStrangers_AreSettled()
    {
        string questions = _folder.Lines("q.jsonl", """{"question_id": 1, "image": "a", "text": "q"}""", """{"question_id": 2, "image": "a", "text": "q"}""");
        string answers = _folder.Lines("a.jsonl", Answer("1", "first"), Answer(1, "last"), Answer(9, "stranger"));

        AnswerSheet sheet = Sheet(new JsonlBenchmark(), questions, answers);

        Assert.Equal("last", sheet.Text(0));
        Assert.Null(sheet.Text(1));
        Assert.Equal((1, 1), (sheet.Unmatched, sheet.Missing));
    }

    [Fact]
    public void Join_FailureRecord_IsNoAnswer()
    {
        string questions = _folder.Lines("q.jsonl", """{"question_id": 1, "image": "a", "text": "q"}""");
        string answers = _folder.Lines("a.jsonl", """{"question_id": 1, "text": "", "metadata": {"error": "damaged"}}""");

        AnswerSheet sheet = Sheet(new JsonlBenchmark(), questions, answers);

        Assert.Null(sheet.Text(0));
        Assert.Equal((1, 0), (sheet.Failed, sheet.Missing));
    }

    [Fact]
    public void ReadQuestions_BrokenLine_NamesFileAndLine()
    {
        string questions = _folder.Lines("q.jsonl", """{"question_id": 1, "image": "a", "text": "q"}""", "{\"question_id\": 2}");

        var e = Assert.Throws<EvaluationException>(() => new JsonlBenchmark().ReadQuestions(questions));

        Assert.Contains("line 2", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ReadQuestions_MissingFile_SaysSo() =>
        Assert.Contains("nowhere.jsonl", Assert.Throws<EvaluationException>(() => new PopeBenchmark().ReadQuestions(_folder.At("nowhere.jsonl"))).Message, StringComparison.Ordinal);

    [Fact]
    public void Catalog_Names_AreFoundOrListed()
    {
        foreach (Benchmark benchmark in BenchmarkCatalog.All) Assert.Same(benchmark, BenchmarkCatalog.Find(benchmark.Name.ToUpperInvariant()));
        Assert.Contains("textvqa", Assert.Throws<EvaluationException>(() => BenchmarkCatalog.Find("coco")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_ErrorOfNull_IsAnAnswer()
    {
        string path = _folder.Lines("null.jsonl", """{"question_id": 1, "text": "yes", "metadata": {"error": null}}""");
        Assert.Null(AnswersFile.Read(path).Answers.Single().Error);
    }

    public void Dispose() => _folder.Dispose();
}
