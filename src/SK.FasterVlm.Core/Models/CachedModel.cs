namespace SK.FasterVlm.Models;

/// <summary>A fetched model.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Quantization">Quantisation of the language model.</param>
/// <param name="Template">Chat template; null: read it from the file.</param>
/// <param name="Licence">Licence of the weights, if a source names one.</param>
/// <param name="ModelPath">The language model.</param>
/// <param name="ProjectorPath">Tower and projector.</param>
/// <param name="Model">Facts of the language model's file.</param>
/// <param name="Projector">Facts of the projector's file.</param>
public sealed record CachedModel(
    string Name, string Quantization, string? Template, string? Licence, string ModelPath, string ProjectorPath, CachedFile Model, CachedFile Projector)
{
    /// <summary>NAME:QUANTISATION, which names exactly this one.</summary>
    public string Reference => $"{Name}:{Quantization}";

    /// <summary>The further files of a language model that is split into several; none when it is whole.</summary>
    public IReadOnlyList<CachedFile> Parts { get; init; } = [];

    /// <summary>Bytes of all files.</summary>
    public long Bytes => Files.Sum(static f => f.Bytes);

    /// <summary>Whether all files are there with the right sizes. Their content is <see cref="ModelStore.VerifyAsync"/>'s matter.</summary>
    public bool IsComplete => Files.All(f => HasSize(PathOf(f), f.Bytes));

    internal IEnumerable<CachedFile> Files => [Model, .. Parts, Projector];

    internal string PathOf(CachedFile file) => Path.Combine(Path.GetDirectoryName(ModelPath)!, file.File);

    internal static CachedModel Of(ModelManifest m, string folder) => new(
        m.Name, m.Quantization, m.Template, m.Licence, Path.Combine(folder, m.Model.File), Path.Combine(folder, m.Projector.File), m.Model, m.Projector)
    {
        Parts = m.Parts ?? [],
    };

    internal static bool HasSize(string path, long bytes) => new FileInfo(path) is { Exists: true } file && file.Length == bytes;
}

/// <summary>A download that was not finished.</summary>
/// <param name="Name">The model.</param>
/// <param name="File">The file's name.</param>
/// <param name="Bytes">Bytes on disk.</param>
public sealed record PartialDownload(string Name, string File, long Bytes);

/// <summary>What verifying a file found.</summary>
/// <param name="File">The file's name.</param>
/// <param name="Problem">What is wrong with it, or null.</param>
public sealed record FileVerification(string File, string? Problem);

/// <summary>Which model to fetch, and from where.</summary>
sealed record ModelRequest(string Name, string Quantization, string? Template, string? Licence, ModelFileSource Model, ModelFileSource Projector)
{
    /// <summary>All files, the projector first: it is small, so that a wrong token or a missing file shows after seconds.</summary>
    /// <exception cref="ModelDownloadException">A part that is not the first, or names that cannot lie in one folder.</exception>
    internal ModelFileSource[] Files()
    {
        if (Projector.Parts().Count > 1)
            throw new ModelDownloadException(ModelDownloadFailure.UnknownModel, $"{Projector.FileName} is part of a split file; only language models may be split.");
        ModelFileSource[] files = [Projector, .. Model.Parts()];
        // Ignoring case, as many disks do.
        if (files.Select(static f => f.FileName).Distinct(StringComparer.OrdinalIgnoreCase).Count() < files.Length)
            throw new ModelDownloadException(ModelDownloadFailure.UnknownModel, $"Both files are called {Model.FileName}, which cannot lie in one folder.");
        return files;
    }

    /// <summary>Whether what was fetched is what is asked for.</summary>
    internal bool IsAnsweredBy(ModelManifest manifest)
    {
        ModelFileSource[] files = Files();
        CachedFile[] cached = [manifest.Projector, manifest.Model, .. manifest.Parts ?? []];
        return files.Length == cached.Length && files.Zip(cached).All(static pair => pair.Second.IsOf(pair.First));
    }
}
