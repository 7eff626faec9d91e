using System.Text;

namespace SK.FasterVlm.Evaluation.Formats;

/// <summary>
/// Tab-separated tables as pandas writes them (MMBench): a header, fields that hold a tab, a line feed or a quote stand in double
/// quotes, a quote inside is doubled.
/// </summary>
static class TabSeparated
{
    /// <summary>Reads row by row; every row is column name to field.</summary>
    internal static IEnumerable<Dictionary<string, string>> Read(string path)
    {
        using var reader = new StreamReader(JsonLines.Open(path), Encoding.UTF8);
        if (Record(reader) is not { } header) yield break;
        int number = 1;
        while (Record(reader) is { } fields)
        {
            number++;
            if (fields.Count == 1 && fields[0].Length == 0) continue;
            if (fields.Count != header.Count)
                throw new EvaluationException($"{path}, record {number}: {fields.Count} fields where the header has {header.Count}.");
            var row = new Dictionary<string, string>(header.Count);
            for (int i = 0; i < header.Count; i++) row[header[i]] = fields[i];
            yield return row;
        }
    }

    // One record, over several lines where a quoted field holds line feeds; null at the end of the file.
    static List<string>? Record(StreamReader reader)
    {
        if (reader.Peek() < 0) return null;
        var fields = new List<string>();
        var field = new StringBuilder();
        bool quoted = false, atStart = true;
        while (reader.Read() is var c and >= 0)
        {
            if (quoted)
            {
                if (c != '"') field.Append((char)c);
                else if (reader.Peek() == '"') field.Append((char)reader.Read());
                else quoted = false;
            }
            else if (c == '"' && atStart) (quoted, atStart) = (true, false);
            else if (c == '\t')
            {
                fields.Add(field.ToString());
                field.Clear();
                atStart = true;
            }
            else if (c == '\n') break;
            else if (c != '\r')
            {
                field.Append((char)c);
                atStart = false;
            }
        }
        fields.Add(field.ToString());
        return fields;
    }
}
