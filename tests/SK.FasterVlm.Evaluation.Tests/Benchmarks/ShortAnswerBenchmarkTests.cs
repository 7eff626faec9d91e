using System.Text.Json;
using SK.FasterVlm.Evaluation.Benchmarks;
using SK.FasterVlm.Evaluation.Formats;
using SK.FasterVlm.Evaluation.Scoring;
using static SK.FasterVlm.Evaluation.Tests.TestFolder;

namespace SK.FasterVlm.Evaluation.Tests.Benchmarks;

/// <summary>GQA, TextVQA, VQAv2 and VizWiz.</summary>
public sealed class ShortAnswerBenchmarkTests : IDisposable
{
    const string Ending = "\\nAnswer the question using a single word or phrase.";

    readonly TestFolder _folder = new();

    [Theory]
    [InlineData("Yes.", "yes")]
    [InlineData("No...", "no")]
    [InlineData("St. John", "st. john")]
    [InlineData("left ", "left ")] // nothing but full stops is trimmed
    public void GqaPrediction_Answer_TrimsFullStopsAndLowers(string answer, string expected) => Assert.Equal(expected, GqaBenchmark.Prediction(answer));

    [Fact]
    public void Gqa_ExactMatch_ScoresByKind()
    {
        string labels = _folder.Write("gt.json", """
            {"1": {"answer": "yes", "imageId": "n1", "question": "Is it?", "types": {"structural": "verify"}},
             "2": {"answer": "dog", "imageId": "n2", "question": "What?", "types": {"structural": "query"}},
             "3": {"answer": "cat", "imageId": "n2", "question": "Which?", "types": {"structural": "query"}}}
            """);
        string answers = _folder.Lines("a.jsonl", Answer("1", "Yes."), Answer("2", "Dog"), Answer("3", "a cat"));

        // The label file is a question file too: the prompts are made from it.
        IReadOnlyList<EvaluationQuestion> questions = new GqaBenchmark().ReadQuestions(labels);
        BenchmarkScore score = Score(new GqaBenchmark(), labels, answers, labels);

        Assert.Equal("Is it?\nAnswer the question using a single word or phrase.", questions[0].Text);
        Assert.Equal("n2.jpg", questions[1].Image);
        Assert.Equal(200 / 3.0, score.Value, 9);
        Assert.Equal(50, score.Measures.Single(static m => m.Name == "query").Value, 9);
        Assert.Equal("bootstrap over images", score.Interval.Method); // two questions share an image
    }

    [Fact]
    public void Gqa_Upload_HasOrganisersForm()
    {
        string questions = _folder.Lines("q.jsonl", $$"""{"question_id": "7", "image": "n.jpg", "text": "Is it?{{Ending}}", "category": "default"}""");
        string answers = _folder.Lines("a.jsonl", Answer("7", "Yes."));

        new GqaBenchmark().WriteUpload(Sheet(new GqaBenchmark(), questions, answers), _folder.At("up.json"));

        Assert.Equal("""[{"questionId":"7","prediction":"yes"}]""", File.ReadAllText(_folder.At("up.json")));
    }

    [Fact]
    public void TextVqa_ThreePromptForms_FindTheirLabel()
    {
        string ten(string a, int n, string b) => string.Join(", ", Enumerable.Repeat($"\"{a}\"", n).Concat(Enumerable.Repeat($"\"{b}\"", 10 - n)));
        string labels = _folder.Write("gt.json", $$"""
            {"data": [{"image_id": "x", "question": "What Brand is it?", "answers": [{{ten("nous les gosses", 10, "")}}]},
                      {"image_id": "x", "question": "what year?", "answers": [{{ten("1999", 2, "unknown")}}]},
                      {"image_id": "y", "question": "what number?", "answers": [{{ten("two", 3, "ten")}}]}]}
            """);
        string questions = _folder.Lines("q.jsonl",
            $$"""{"question_id": "x", "image": "x.jpg", "text": "What brand is it?\nReference OCR token: NOUS, LES{{Ending}}", "category": "default"}""",
            $$"""{"question_id": "x", "image": "x.jpg", "text": "Reference OCR token: 1999\nWhat year?{{Ending}}", "category": "default"}""",
            $$"""{"question_id": "y", "image": "y.jpg", "text": "What number?{{Ending}}", "category": "default"}""");
        string answers = _folder.Lines("a.jsonl",
            Answer("y", "2", $"What number?{Ending}"),
            Answer("x", "1999", $"Reference OCR token: 1999\\nWhat year?{Ending}"),
            Answer("x", "Nous les gosses", $"What brand is it?\\nReference OCR token: NOUS, LES{Ending}"));

        BenchmarkScore score = Score(new TextVqaBenchmark(), questions, answers, labels);

        Assert.Equal(100 * (1 + 0.6 + 0.9) / 3, score.Value, 9);
        Assert.Equal(200 / 3.0, score.Measures.Single(static m => m.Name == "prompts with OCR tokens").Value, 9);
        Assert.Equal("bootstrap over images", score.Interval.Method);
    }

    [Fact]
    public void TextVqa_OldPromptForm_FindsItsLabel()
    {
        string labels = _folder.Write("gt.json", $$"""
            {"data": [{"image_id": "x", "question": "What brand is it?", "answers": [{{string.Join(", ", Enumerable.Repeat("\"acme\"", 10))}}]},
                      {"image_id": "x", "question": "What year?", "answers": [{{string.Join(", ", Enumerable.Repeat("\"1999\"", 10))}}]}]}
            """);
        string questions = _folder.Lines("q.jsonl",
            """{"question_id": "x", "image": "x.jpg", "text": "OCR tokens: ACME, 1999. Question: What Brand is it? Short answer:"}""",
            """{"question_id": "x", "image": "x.jpg", "text": "OCR tokens: ACME, 1999. Question: What year? Short answer:"}""");
        string answers = _folder.Lines("a.jsonl",
            Answer("x", "1999", "OCR tokens: ACME, 1999. Question: What year? Short answer:"),
            Answer("x", "acme", "OCR tokens: ACME, 1999. Question: What Brand is it? Short answer:"));

        Assert.Equal(100, Score(new TextVqaBenchmark(), questions, answers, labels).Value);
    }

    [Fact]
    public void DiffersFromPublished_OtherSplitPromptOrPart_SaysWhich()
    {
        Assert.Contains("test-dev", Reason(new VqaV2Benchmark(), "COCO_val2014_000000000042.jpg", "q"), StringComparison.Ordinal);
        Assert.Null(Reason(new VqaV2Benchmark(), "COCO_test2015_000000000042.jpg", "q"));
        Assert.Contains("test split", Reason(new VizWizBenchmark(), "VizWiz_val_00000000.jpg", "q"), StringComparison.Ordinal);
        Assert.Null(Reason(new VizWizBenchmark(), "VizWiz_test_00000000.jpg", "q"));
        Assert.Contains("OCR tokens", Reason(new TextVqaBenchmark(), "x.jpg", "q"), StringComparison.Ordinal);
        Assert.Null(Reason(new TextVqaBenchmark(), "x.jpg", "q\nReference OCR token: A"));
        Assert.Null(Reason(new GqaBenchmark(), "x.jpg", "q"));
        Assert.Contains("1 of 2 questions", Reason(new GqaBenchmark(), "x.jpg", "q", more: true), StringComparison.Ordinal);

        static string? Reason(Benchmark benchmark, string image, string text, bool more = false)
        {
            var question = new EvaluationQuestion { Id = QuestionId.FromNumber(1), Image = image, Text = text };
            EvaluationQuestion[] all = more ? [question, question with { Id = QuestionId.FromNumber(2) }] : [question];
            return benchmark.DiffersFromPublished(benchmark.Join(all, new([], []), static q => q.Id.Text == "1"));
        }
    }

    [Fact]
    public void VqaV2_Validation_ScoresByAnswerType()
    {
        string q = _folder.Write("q.json", """{"data_subtype": "val2014", "questions": [{"image_id": 42, "question": "Is it?", "question_id": 420}, {"image_id": 42, "question": "How many?", "question_id": 421}]}""");
        string refs(string a) => string.Join(", ", Enumerable.Repeat($$"""{"answer": "{{a}}"}""", 10));
        string labels = _folder.Write("gt.json", $$"""
            {"annotations": [{"question_id": 420, "answer_type": "yes/no", "answers": [{{refs("yes")}}]}, {"question_id": 421, "answer_type": "number", "answers": [{{refs("3")}}]}]}
            """);
        string answers = _folder.Lines("a.jsonl", Answer(420, "Yes"), Answer(421, "four"));

        BenchmarkScore score = Score(new VqaV2Benchmark(), q, answers, labels);

        Assert.Equal("COCO_val2014_000000000042.jpg", new VqaV2Benchmark().ReadQuestions(q)[0].Image);
        Assert.Equal(50, score.Value, 9);
        Assert.Equal(["number", "yes/no"], score.Measures.Select(static m => m.Name));
    }

    [Fact]
    public void VqaV2_Upload_NormalisesAndFillsGaps()
    {
        string questions = _folder.Lines("q.jsonl",
            """{"question_id": 1, "image": "a.jpg", "text": "x", "category": "default"}""", """{"question_id": 2, "image": "b.jpg", "text": "y", "category": "default"}""");
        string answers = _folder.Lines("a.jsonl", Answer(1, "The two dogs."));

        new VqaV2Benchmark().WriteUpload(Sheet(new VqaV2Benchmark(), questions, answers), _folder.At("up.json"));

        Assert.Equal("""[{"question_id":1,"answer":"2 dogs"},{"question_id":2,"answer":""}]""", File.ReadAllText(_folder.At("up.json")));
    }

    [Fact]
    public void VizWiz_Unanswerable_IsAnAnswerLikeAnyOther()
    {
        string refs(string a, int n, string b) => string.Join(", ", Enumerable.Repeat($$"""{"answer": "{{a}}"}""", n).Concat(Enumerable.Repeat($$"""{"answer": "{{b}}"}""", 10 - n)));
        string labels = _folder.Write("val.json", $$"""
            [{"image": "v0.jpg", "question": "What is this?", "answer_type": "unanswerable", "answers": [{{refs("unanswerable", 7, "unsuitable")}}]},
             {"image": "v1.jpg", "question": "Colour?", "answer_type": "other", "answers": [{{refs("red", 1, "dark red")}}]}]
            """);
        string answers = _folder.Lines("a.jsonl", Answer(0, "Unanswerable"), Answer(1, "Red"));

        BenchmarkScore score = Score(new VizWizBenchmark(), labels, answers, labels);

        Assert.Equal("What is this?\nWhen the provided information is insufficient, respond with 'Unanswerable'.\nAnswer the question using a single word or phrase.",
            new VizWizBenchmark().ReadQuestions(labels)[0].Text);
        Assert.Equal(100 * (1 + 0.3) / 2, score.Value, 9);
        Assert.Equal(100, score.Measures.Single(static m => m.Name == "unanswerable").Value, 9);
    }

    [Fact]
    public void VizWiz_Upload_NamesImages()
    {
        string questions = _folder.Lines("q.jsonl", """{"question_id": 0, "image": "t0.jpg", "text": "x", "category": "default"}""");
        string answers = _folder.Lines("a.jsonl", Answer(0, "Unanswerable."));

        new VizWizBenchmark().WriteUpload(Sheet(new VizWizBenchmark(), questions, answers), _folder.At("up.json"));

        Assert.Equal("""[{"image":"t0.jpg","answer":"unanswerable"}]""", File.ReadAllText(_folder.At("up.json")));
    }

    [Fact]
    public void MmVet_Upload_PrefixesIds()
    {
        string questions = _folder.Lines("q.jsonl", """{"image": "v1_0.png", "text": "What is x?", "category": "conv", "question_id": 0}""");
        string answers = _folder.Lines("a.jsonl", Answer(0, "x is 7."));
        var benchmark = new MmVetBenchmark();

        benchmark.WriteUpload(Sheet(benchmark, questions, answers), _folder.At("up.json"));

        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(_folder.At("up.json")));
        Assert.Equal("x is 7.", document.RootElement.GetProperty("v1_0").GetString());
        Assert.False(benchmark.CanScore);
        Assert.Throws<NotSupportedException>(() => Score(benchmark, questions, answers, null));
    }

    public void Dispose() => _folder.Dispose();
}
