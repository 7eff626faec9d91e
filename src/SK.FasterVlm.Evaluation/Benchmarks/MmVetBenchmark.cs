using System.Text.Json;
using SK.FasterVlm.Evaluation.Formats;
using SK.FasterVlm.Evaluation.Scoring;

namespace SK.FasterVlm.Evaluation.Benchmarks;

/// <summary>
/// MM-Vet (Yu et al., arXiv 2308.02490): open questions, graded by a GPT-4 judge, whose verdicts change from run to run. Here only
/// the answers file for that judge is made.
/// </summary>
public sealed class MmVetBenchmark : Benchmark
{
    /// <inheritdoc/>
    public override string Name => "mm-vet";

    /// <inheritdoc/>
    public override string Title => "MM-Vet";

    /// <inheritdoc/>
    public override string Files => "questions llava-mm-vet.jsonl; there are no labels, a judge grades the answers.";

    /// <inheritdoc/>
    public override int MaxOutputTokens => 1024;

    /// <inheritdoc/>
    public override bool CanScore => false;

    /// <inheritdoc/>
    public override string? UploadExtension => ".json";

    /// <summary>Writes the judge's file: <c>{"v1_0": "answer", ...}</c>.</summary>
    public override void WriteUpload(AnswerSheet sheet, string path)
    {
        ArgumentNullException.ThrowIfNull(sheet);
        using FileStream stream = File.Create(path);
        using var writer = new Utf8JsonWriter(stream, UploadFile.Plain with { Indented = true });
        writer.WriteStartObject();
        for (int i = 0; i < sheet.Questions.Count; i++) writer.WriteString($"v1_{sheet.Questions[i].Id}", sheet.Text(i) ?? "");
        writer.WriteEndObject();
    }
}
