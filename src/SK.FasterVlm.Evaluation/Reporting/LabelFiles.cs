using System.Security.Cryptography;
using System.Text;
using SK.FasterVlm.Evaluation.Running;

namespace SK.FasterVlm.Evaluation.Reporting;

/// <summary>Which labels a score was made with.</summary>
public static class LabelFiles
{
    /// <summary>
    /// SHA-256 in lower-case hexadecimal: of the file; of a folder that of one line per <c>.json</c>, <c>.jsonl</c> and <c>.txt</c> file
    /// below it, <c>hash  relative/path</c>, in ordinal order of the paths (what <c>sha256sum</c> prints; images beside them do not count).
    /// </summary>
    /// <exception cref="EvaluationException">A file cannot be read.</exception>
    public static string Sha256(string path)
    {
        if (!Directory.Exists(path)) return RunManifest.Sha256(path);
        IEnumerable<string> lines = Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories)
            .Where(static f => Path.GetExtension(f) is ".json" or ".jsonl" or ".txt")
            .Select(f => (Name: Path.GetRelativePath(path, f).Replace('\\', '/'), File: f)).OrderBy(static f => f.Name, StringComparer.Ordinal)
            .Select(static f => $"{RunManifest.Sha256(f.File)}  {f.Name}\n");
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(lines))));
    }
}
