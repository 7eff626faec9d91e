using System.Text.Encodings.Web;
using System.Text.Json;
using SK.FasterVlm.Evaluation.Scoring;

namespace SK.FasterVlm.Evaluation.Formats;

/// <summary>Upload files of evaluation servers: a JSON array with one object per question, in question order.</summary>
static class UploadFile
{
    internal static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes the file. A question without an answer gets an empty one: servers refuse files that lack a question.</summary>
    internal static void Write(string path, AnswerSheet sheet, Action<Utf8JsonWriter, EvaluationQuestion, string> write)
    {
        ArgumentNullException.ThrowIfNull(sheet);
        using FileStream stream = File.Create(path);
        using var writer = new Utf8JsonWriter(stream, Plain);
        writer.WriteStartArray();
        for (int i = 0; i < sheet.Questions.Count; i++)
        {
            writer.WriteStartObject();
            write(writer, sheet.Questions[i], sheet.Text(i) ?? "");
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }
}
