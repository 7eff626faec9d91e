using System.Text.Json;
using SK.FasterVlm.Cli.Output;

namespace SK.FasterVlm.Cli.Bench;

/// <summary>A report on disk: PATH.json, from which an interrupted measurement goes on, and PATH.md.</summary>
/// <param name="path">Without ending; null keeps nothing.</param>
internal sealed class ReportFile(string? path)
{
    /// <summary>The report to fill: what is on disk if it was measured alike, the new one otherwise.</summary>
    public BenchReport Continue(BenchReport fresh)
    {
        if (path is null || !File.Exists($"{path}.json")) return fresh;
        try
        {
            BenchReport? stored = JsonSerializer.Deserialize<BenchReport>(File.ReadAllText($"{path}.json"), JsonOutput.Settings);
            if (stored is null || !fresh.Continues(stored)) return fresh;
            fresh.Samples.AddRange(stored.Samples.Where(s => s.Run < fresh.Settings.Runs && fresh.Settings.Keeps.Contains(s.Keep)));
            fresh.Attention = stored.Attention;
            fresh.Precisions = stored.Precisions;
            fresh.PrecisionReference = stored.PrecisionReference;
            return fresh;
        }
        catch (JsonException)
        {
            return fresh;
        }
    }

    /// <summary>Writes both files; a reader never sees half of one.</summary>
    public void Save(BenchReport report)
    {
        if (path is null) return;
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is string directory) Directory.CreateDirectory(directory);
        Write($"{path}.json", JsonSerializer.Serialize(report, JsonOutput.Settings) + "\n");
        Write($"{path}.md", BenchMarkdown.Render(report));
    }

    static void Write(string file, string text)
    {
        File.WriteAllText($"{file}.part", text);
        File.Move($"{file}.part", file, overwrite: true);
    }
}
