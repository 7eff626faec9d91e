using System.Text.Json;

namespace SK.FasterVlm.Models;

/// <summary>A file of a fetched model.</summary>
/// <param name="File">Name within the model's folder.</param>
/// <param name="Bytes">Size.</param>
/// <param name="Sha256">Hash of the content as fetched.</param>
/// <param name="Source">Where it came from, without the query of an address.</param>
/// <param name="Revision">Commit it came from; null when the server named none.</param>
public sealed record CachedFile(string File, long Bytes, string Sha256, string Source, string? Revision);

/// <summary>
/// What a complete model consists of: NAME/QUANTISATION.json beside the files. Written last and atomically, so a model with a
/// manifest is whole; read as carefully as if a stranger had written it.
/// </summary>
sealed record ModelManifest(
    int Version, string Name, string Quantization, string? Template, string? Licence, CachedFile Model, CachedFile Projector, DateTimeOffset Fetched)
{
    internal const int CurrentVersion = 1;

    /// <summary>Quantisation of a model that was not taken from a catalog.</summary>
    internal const string OwnFiles = "FILES";

    static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    internal IEnumerable<CachedFile> Files => [Model, Projector];

    internal static string PathOf(string folder, string quantization) => Path.Combine(folder, quantization + ".json");

    internal void Write(string folder) =>
        WriteAtomically(PathOf(folder, Quantization), JsonSerializer.SerializeToUtf8Bytes(this, s_json));

    /// <summary>Reads a manifest; null when there is none or it breaks a rule.</summary>
    internal static ModelManifest? Read(string path)
    {
        try
        {
            if (!File.Exists(path) || new FileInfo(path).Length > 65_536) return null;
            ModelManifest? m = JsonSerializer.Deserialize<ModelManifest>(File.ReadAllBytes(path), s_json);
            return m is { Version: CurrentVersion, Name: not null, Quantization: not null } && ModelNames.IsModel(m.Name)
                && m.Name == Path.GetFileName(Path.GetDirectoryName(path)) && m.Quantization == Path.GetFileNameWithoutExtension(path)
                && Sound(m.Model) && Sound(m.Projector) && m.Model.File != m.Projector.File
                && (m.Template is null || Chat.ChatTemplate.Names.Contains(m.Template))
                ? m : null;
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Replaces a small file; a reader sees the old one or the new one, also after a loss of power.</summary>
    internal static void WriteAtomically(string path, byte[] content)
    {
        string temporary = $"{path}.{Environment.ProcessId}-{Environment.CurrentManagedThreadId}.tmp";
        using (FileStream stream = new(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            stream.Write(content);
            stream.Flush(flushToDisk: true);
        }
        File.Move(temporary, path, overwrite: true);
    }

    static bool Sound(CachedFile? f) =>
        f is { File: not null, Sha256: not null, Source: not null, Bytes: >= 0 } && ModelNames.IsFile(f.File) && ModelNames.IsSha256(f.Sha256)
        && (f.Revision is null || ModelNames.IsRevision(f.Revision));
}
