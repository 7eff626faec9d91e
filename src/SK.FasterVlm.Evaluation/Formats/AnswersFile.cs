using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace SK.FasterVlm.Evaluation.Formats;

/// <summary>
/// An answers file: LLaVA's one JSON object per line. Reading forgives what an interrupted writer leaves behind; whatever was
/// forgiven is counted, so that a report can say so.
/// </summary>
/// <param name="Answers">The answers in file order.</param>
/// <param name="CorruptLines">Numbers (from 1) of lines that are no answers.</param>
public sealed record AnswersFile(IReadOnlyList<EvaluationAnswer> Answers, IReadOnlyList<int> CorruptLines)
{
    static readonly JsonWriterOptions s_line = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Reads a file; unreadable lines become <see cref="CorruptLines"/>.</summary>
    /// <exception cref="EvaluationException">The file cannot be read.</exception>
    public static AnswersFile Read(string path)
    {
        var answers = new List<EvaluationAnswer>();
        var corrupt = new List<int>();
        using var reader = new StreamReader(JsonLines.Open(path), Encoding.UTF8);
        for (int number = 1; reader.ReadLine() is string line; number++)
        {
            if (string.IsNullOrWhiteSpace(line)) continue;
            try { answers.Add(JsonLines.Parse(line, EvaluationAnswer.FromJson)); }
            catch (Exception e) when (JsonLines.IsFormatFault(e)) { corrupt.Add(number); }
        }
        return new AnswersFile(answers, corrupt);
    }

    /// <summary>One line of the file, line feed included.</summary>
    public static byte[] Line(EvaluationAnswer answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, s_line)) answer.WriteTo(writer);
        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Writes a whole file through a temporary one, so that a reader sees the old or the new, never a part.</summary>
    public static void Write(string path, IEnumerable<EvaluationAnswer> answers)
    {
        ArgumentNullException.ThrowIfNull(answers);
        string temporary = path + ".part";
        using (FileStream stream = File.Create(temporary))
        {
            foreach (EvaluationAnswer answer in answers) stream.Write(Line(answer));
            stream.Flush(flushToDisk: true);
        }
        File.Move(temporary, path, overwrite: true);
    }
}
