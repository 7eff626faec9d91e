using System.Text.Json;
using System.Text.Json.Serialization;

namespace SK.FasterVlm.Models;

/// <summary>A model of the catalog: two files on the hub and what is known about them.</summary>
/// <param name="Name">Name to pull and load it by.</param>
/// <param name="Title">Name for people.</param>
/// <param name="Licence">Licence of the weights; null when no source names one.</param>
/// <param name="Template">Chat template, one of <see cref="Chat.ChatTemplate.Names"/>.</param>
/// <param name="DefaultQuantization">Quantisation taken when none is named; null when there is nothing to fetch.</param>
/// <param name="Models">Language model by quantisation.</param>
/// <param name="Projector">Tower and projector; null when there is nothing to fetch.</param>
/// <param name="WasRun">Whether somebody has run these files with this library.</param>
/// <param name="Notes">What a user should know, and what could not be verified.</param>
public sealed record ModelCatalogEntry(
    string Name, string Title, string? Licence, string Template, string? DefaultQuantization,
    IReadOnlyDictionary<string, ModelFileSource> Models, ModelFileSource? Projector, bool WasRun, string? Notes);

/// <summary>The models that can be fetched by name. The built-in catalog is models/catalog.json of the repository.</summary>
public sealed class ModelCatalog
{
    const int Version = 1;
    static readonly Lazy<ModelCatalog> s_builtIn = new(ReadBuiltIn);

    static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { ReadCommentHandling = JsonCommentHandling.Skip };

    readonly Dictionary<string, ModelCatalogEntry> _entries;

    ModelCatalog(IEnumerable<ModelCatalogEntry> entries)
    {
        Entries = [.. entries];
        _entries = Entries.ToDictionary(static e => e.Name, StringComparer.Ordinal);
    }

    /// <summary>The catalog that comes with the library.</summary>
    public static ModelCatalog BuiltIn => s_builtIn.Value;

    /// <summary>All models, in the catalog's order.</summary>
    public IReadOnlyList<ModelCatalogEntry> Entries { get; }

    /// <summary>A model by name, or null.</summary>
    public ModelCatalogEntry? Find(string name) => _entries.GetValueOrDefault(name);

    /// <summary>Reads a catalog of one's own, in the format of the built-in one.</summary>
    /// <param name="path">A JSON file.</param>
    /// <exception cref="FasterVlmException">No such file, not JSON, or an entry that breaks a rule; the message says which.</exception>
    public static ModelCatalog Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            using FileStream stream = File.OpenRead(path);
            return Read(stream, Path.GetFileName(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FasterVlmException($"The catalog '{Gguf.Printable.Escape(path)}' cannot be read: {e.Message}", e);
        }
    }

    static ModelCatalog ReadBuiltIn()
    {
        using Stream stream = typeof(ModelCatalog).Assembly.GetManifestResourceStream("catalog.json")
            ?? throw new InvalidOperationException("The assembly lacks its catalog.");
        return Read(stream, "the built-in catalog");
    }

    static ModelCatalog Read(Stream stream, string name)
    {
        try
        {
            CatalogJson json = JsonSerializer.Deserialize<CatalogJson>(stream, s_json) ?? throw new JsonException("it is empty");
            if (json.Version != Version) throw new JsonException($"version {json.Version} is not {Version}");
            return new ModelCatalog([.. (json.Models ?? []).Select(static m => Entry(m ?? throw new JsonException("an entry is null")))]);
        }
        catch (Exception e) when (e is JsonException or ModelDownloadException or ArgumentException)
        {
            throw new FasterVlmException($"Error in {name}: {e.Message}", e);
        }
    }

    static ModelCatalogEntry Entry(ModelJson m)
    {
        if (!ModelNames.IsModel(m.Name ?? "")) throw new JsonException($"'{m.Name}' is not a model's name (a-z, 0-9, dot, dash, underscore)");
        Chat.ChatTemplate.ByName(m.Template ?? "");
        Dictionary<string, ModelFileSource> models = [];
        foreach ((string quantization, FileJson? file) in m.Models ?? [])
        {
            if (file is null) throw new JsonException($"the file of {m.Name}:{quantization} is null");
            if (!ModelNames.IsQuantization(quantization)) throw new JsonException($"'{quantization}' of {m.Name} is not a quantisation's name (A-Z, 0-9, underscore)");
            models.Add(quantization, Source(m, file));
        }
        if (m.Default is not null && !models.ContainsKey(m.Default)) throw new JsonException($"{m.Name} has no file for its default {m.Default}");
        ModelFileSource? projector = m.Projector is null ? null : Source(m, m.Projector);
        string[] names = [.. models.Values.Append(projector).OfType<ModelFileSource>().Select(static s => s.FileName)];
        if (names.GroupBy(static n => n, StringComparer.OrdinalIgnoreCase).FirstOrDefault(static g => g.Count() > 1) is { } twice)
            throw new JsonException($"{m.Name} has two files called {twice.Key}, which cannot lie in one folder");
        return new ModelCatalogEntry(m.Name!, m.Title ?? m.Name!, m.Licence, m.Template!, m.Default, models, projector, m.Run, m.Notes);
    }

    static ModelFileSource Source(ModelJson m, FileJson f)
    {
        if (f.Sha256 is not null && !ModelNames.IsSha256(f.Sha256)) throw new JsonException($"the SHA-256 of {f.File} is not 64 lower-case hexadecimal digits");
        if (f.Bytes < 0 || f.ApproximateBytes < 0) throw new JsonException($"the size of {f.File} is negative");
        ModelFileSource source = f.Url is not null
            ? ModelFileSource.Parse(f.Url)
            : ModelFileSource.Hub(f.Repository ?? m.Repository ?? "", f.File ?? "", m.Revision ?? "main");
        return source with { Bytes = f.Bytes, ApproximateBytes = f.ApproximateBytes, Sha256 = f.Sha256 };
    }

    sealed record CatalogJson(int Version, List<ModelJson?>? Models);

    sealed record ModelJson(
        string? Name, string? Title, string? Licence, string? Template, string? Repository, string? Revision, string? Default, bool Run,
        string? Notes, Dictionary<string, FileJson?>? Models, FileJson? Projector);

    sealed record FileJson(
        string? File, long? Bytes, [property: JsonPropertyName("approximateBytes")] long? ApproximateBytes, string? Sha256, string? Repository, string? Url);
}
