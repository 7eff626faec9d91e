using System.Text;
using System.Text.Json;

namespace SK.FasterVlm.Evaluation.Formats;

/// <summary>Files with one JSON object per line.</summary>
static class JsonLines
{
    /// <summary>Reads every line; a line that is not what <paramref name="parse"/> expects ends with file and line number.</summary>
    internal static List<T> Read<T>(string path, Func<JsonElement, T> parse)
    {
        var items = new List<T>();
        int number = 0;
        foreach (string line in Lines(path))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line)) continue;
            try { items.Add(Parse(line, parse)); }
            catch (Exception e) when (IsFormatFault(e)) { throw EvaluationException.AtLine(path, number, e.Message, e); }
        }
        return items;
    }

    /// <summary>Parses one line.</summary>
    internal static T Parse<T>(string line, Func<JsonElement, T> parse)
    {
        using JsonDocument document = JsonDocument.Parse(line);
        return parse(document.RootElement);
    }

    /// <summary>What a wrong document can throw: bad JSON, a missing property, a value of another kind.</summary>
    internal static bool IsFormatFault(Exception e) => e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException;

    /// <summary>Reads a whole JSON document.</summary>
    internal static T ReadDocument<T>(string path, Func<JsonElement, T> parse)
    {
        try
        {
            using FileStream stream = Open(path);
            using JsonDocument document = JsonDocument.Parse(stream);
            return parse(document.RootElement);
        }
        catch (Exception e) when (IsFormatFault(e)) { throw new EvaluationException($"{path}: {e.Message}", e); }
    }

    static IEnumerable<string> Lines(string path)
    {
        using var reader = new StreamReader(Open(path), Encoding.UTF8);
        while (reader.ReadLine() is string line) yield return line;
    }

    /// <summary>Opens for reading while somebody may still be writing (scoring a run under way).</summary>
    internal static FileStream Open(string path)
    {
        try { return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { throw new EvaluationException($"Cannot read {path}: {e.Message}", e); }
    }
}
