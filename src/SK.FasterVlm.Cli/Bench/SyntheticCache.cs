using System.Text.Json;
using SK.FasterVlm.Cli.Output;
using SK.FasterVlm.Gguf;

namespace SK.FasterVlm.Cli.Bench;

/// <summary>Synthetic models on disk: written once, found again as long as they are what would be written.</summary>
internal static class SyntheticCache
{
    // Bump when SyntheticModel writes other bytes for the same options.
    const int Format = 1;

    sealed record Manifest(
        int Format, string Geometry, int Seed, string ModelFile, long ModelBytes, string ProjectorFile, long ProjectorBytes);

    /// <summary>The directory used when none is named.</summary>
    public static string DefaultDirectory()
    {
        string? cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (string.IsNullOrEmpty(cache)) cache = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
        return Path.Combine(string.IsNullOrEmpty(cache) ? Path.GetTempPath() : cache, "fastervlm", "synthetic");
    }

    /// <summary>Finds or writes a model of this geometry with default types.</summary>
    public static (string Model, string Projector) Get(
        string directory, ModelGeometry geometry, IProgress<double> progress, CancellationToken cancellationToken)
    {
        SyntheticModelOptions options = new();
        string folder = Path.Combine(directory, $"{geometry.Name}-seed{options.Seed}");
        string manifestPath = Path.Combine(folder, "manifest.json");
        if (Read(manifestPath) is { } found && found.Format == Format && found.Geometry == geometry.Name && found.Seed == options.Seed)
        {
            (string model, string projector) = (Path.Combine(folder, found.ModelFile), Path.Combine(folder, found.ProjectorFile));
            if (Length(model) == found.ModelBytes && Length(projector) == found.ProjectorBytes) return (model, projector);
        }

        if (File.Exists(manifestPath)) File.Delete(manifestPath);
        (string modelPath, string projectorPath) = SyntheticModel.Write(folder, geometry, options, progress, cancellationToken);
        Manifest manifest = new(
            Format, geometry.Name, options.Seed,
            Path.GetFileName(modelPath), Length(modelPath), Path.GetFileName(projectorPath), Length(projectorPath));
        File.WriteAllText(manifestPath, JsonSerializer.Serialize(manifest, JsonOutput.Settings));
        return (modelPath, projectorPath);
    }

    static Manifest? Read(string path)
    {
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize<Manifest>(File.ReadAllText(path), JsonOutput.Settings) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    static long Length(string path) => File.Exists(path) ? new FileInfo(path).Length : -1;
}
