using System.Globalization;
using System.Text;
using SK.FasterVlm.Evaluation.Benchmarks;
using SK.FasterVlm.Evaluation.Formats;
using SK.FasterVlm.Evaluation.Scoring;

namespace SK.FasterVlm.Evaluation.Tests;

/// <summary>A temporary folder with the few lines most tests need to make files and score them.</summary>
sealed class TestFolder : IDisposable
{
    internal string Root { get; } = Directory.CreateTempSubdirectory("fastervlm-eval-").FullName;

    internal string At(string name) => Path.Combine(Root, name);

    internal string Write(string name, string content)
    {
        string path = At(name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content, new UTF8Encoding(false));
        return path;
    }

    internal string Lines(string name, params string[] lines) => Write(name, string.Concat(lines.Select(static l => l + "\n")));

    internal static BenchmarkScore Score(Benchmark benchmark, string questions, string answers, string? labels, ReadOptions? options = null) =>
        benchmark.Score(Sheet(benchmark, questions, answers, options), labels);

    internal static AnswerSheet Sheet(Benchmark benchmark, string questions, string answers, ReadOptions? options = null) =>
        benchmark.Join(benchmark.ReadQuestions(questions, options), AnswersFile.Read(answers));

    /// <summary>An answer line with a text and a numeric id.</summary>
    internal static string Answer(int id, string text, string prompt = "q") =>
        string.Create(CultureInfo.InvariantCulture, $$"""{"question_id": {{id}}, "prompt": "{{prompt}}", "text": "{{text}}", "answer_id": "x", "model_id": "m", "metadata": { } }""");

    /// <summary>An answer line with a textual id.</summary>
    internal static string Answer(string id, string text, string prompt = "q") =>
        $$"""{"question_id": "{{id}}", "prompt": "{{prompt}}", "text": "{{text}}", "answer_id": "x", "model_id": "m", "metadata": { } }""";

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
