using System.Text.Json;
using System.Text.Json.Serialization;

namespace SK.FasterVlm.Models;

/// <summary>A file of a fetched model.</summary>
/// <param name="File">Name within the model's folder.</param>
/// <param name="Bytes">Size.</param>
/// <param name="Sha256">Hash of the content as fetched.</param>
/// <param name="Source">Where it came from, without the query of an address.</param>
/// <param name="Revision">Commit it came from; null when the server named none.</param>
/// <param name="Requested">Branch, tag or commit that was asked for; null: main.</param>
public sealed record CachedFile(string File, long Bytes, string Sha256, string Source, string? Revision, string? Requested = null)
{
    /// <summary>Whether this is the file that is asked for: same source, same revision asked for, and nothing known that contradicts.</summary>
    internal bool IsOf(ModelFileSource source) =>
        File == source.FileName && Source == source.Display && (Requested ?? "main") == source.Revision
        && (source.Sha256 is null || source.Sha256 == Sha256) && (source.Bytes is null || source.Bytes == Bytes);
}

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

    /// <summary>The further files of a split language model; null when it is whole.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<CachedFile>? Parts { get; init; }

    [JsonIgnore]
    internal IEnumerable<CachedFile> Files => [Model, .. Parts ?? [], Projector];

    internal static string PathOf(string folder, string quantization) => Path.Combine(folder, quantization + ".json");

    internal void Write(string folder) => WriteAtomically(PathOf(folder, Quantization), ToJson());

    /// <summary>Whether another says the same, whenever it was written.</summary>
    internal bool Says(ModelManifest other) => (this with { Fetched = other.Fetched }).ToJson().AsSpan().SequenceEqual(other.ToJson());

    /// <summary>What a writer that died may have left in a model's folder.</summary>
    internal static IEnumerable<string> LeftOvers(string folder) => Directory.EnumerateFiles(folder, "*.json.*.tmp");

    byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, s_json);

    /// <summary>Reads a manifest; null when there is none or it breaks a rule.</summary>
    internal static ModelManifest? Read(string path)
    {
        try
        {
            if (!File.Exists(path) || new FileInfo(path).Length > 65_536) return null;
            ModelManifest? m = JsonSerializer.Deserialize<ModelManifest>(File.ReadAllBytes(path), s_json);
            return m is { Version: CurrentVersion, Name: not null, Quantization: not null } && ModelNames.IsModel(m.Name)
                && m.Name == Path.GetFileName(Path.GetDirectoryName(path)) && m.Quantization == Path.GetFileNameWithoutExtension(path)
                && m.Files.All(Sound) && m.Files.Select(static f => f.File).Distinct(StringComparer.OrdinalIgnoreCase).Count() == m.Files.Count()
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
        try
        {
            using (FileStream stream = new(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
            {
                stream.Write(content);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    static bool Sound(CachedFile? f) =>
        f is { File: not null, Sha256: not null, Source: not null, Bytes: >= 0 } && ModelNames.IsFile(f.File) && ModelNames.IsSha256(f.Sha256)
        && (f.Revision is null || ModelNames.IsRevision(f.Revision)) && (f.Requested is null || ModelNames.IsRevision(f.Requested));
}
