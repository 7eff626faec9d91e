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

    /// <summary>Bytes of both files.</summary>
    public long Bytes => Model.Bytes + Projector.Bytes;

    /// <summary>Whether both files are there with the right sizes. Their content is <see cref="ModelStore.VerifyAsync"/>'s matter.</summary>
    public bool IsComplete => HasSize(ModelPath, Model.Bytes) && HasSize(ProjectorPath, Projector.Bytes);

    internal static CachedModel Of(ModelManifest m, string folder) => new(
        m.Name, m.Quantization, m.Template, m.Licence, Path.Combine(folder, m.Model.File), Path.Combine(folder, m.Projector.File), m.Model, m.Projector);

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
sealed record ModelRequest(string Name, string Quantization, string? Template, string? Licence, ModelFileSource Model, ModelFileSource Projector);
