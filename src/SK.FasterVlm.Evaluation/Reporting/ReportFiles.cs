using SK.FasterVlm.Evaluation.Running;

namespace SK.FasterVlm.Evaluation.Reporting;

/// <summary>Writes everything a run ends with.</summary>
public static class ReportFiles
{
    /// <summary>
    /// Writes <c>report.md</c>, <c>report.json</c>, <c>chart.png</c> and <c>chart.svg</c> (for a sweep), and for benchmarks with an
    /// organiser one upload file per configuration under <c>upload/</c>.
    /// </summary>
    /// <returns>The paths written.</returns>
    public static IReadOnlyList<string> Write(EvaluationReport report, string directory)
    {
        ArgumentNullException.ThrowIfNull(report);
        Directory.CreateDirectory(directory);
        List<string> written = [Path.Combine(directory, "report.md"), Path.Combine(directory, "report.json")];
        string markdown = MarkdownReport.Render(report);
        IReadOnlyList<string> charts = ChartWriter.Write(report, Path.Combine(directory, "chart"));
        if (charts.Count > 0) markdown += "\n![Quality against visual tokens kept](chart.png)\n";
        else if (!ChartWriter.CanWriteText) markdown += $"\nNo chart: this machine has no font (install one, or name a font file in {ChartFont.Variable}).\n";
        File.WriteAllText(written[0], markdown);
        File.WriteAllText(written[1], JsonReport.Render(report));
        written.AddRange(charts);
        if (report.Run.Benchmark.UploadExtension is string extension)
        {
            string folder = Directory.CreateDirectory(Path.Combine(directory, "upload")).FullName;
            foreach (ConfigurationResult result in report.Run.Configurations)
            {
                written.Add(Path.Combine(folder, result.Configuration.Name + extension));
                report.Run.Benchmark.WriteUpload(result.Sheet, written[^1]);
            }
        }
        return written;
    }
}
