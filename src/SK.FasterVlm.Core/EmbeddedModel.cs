namespace SK.FasterVlm;

/// <summary>The small trained model that comes with the library and stands in when no model is named.</summary>
public static class EmbeddedModel
{
    const string ModelFile = "tiny-llava-f16.gguf";
    const string ProjectorFile = "mmproj-tiny-llava-f16.gguf";

    /// <summary>Finds the files: <c>models/tiny-llava</c> beside the application or beside this assembly.</summary>
    /// <exception cref="ModelFormatException">They are not there; the message says where they were looked for.</exception>
    public static (string ModelPath, string ProjectorPath) Locate()
    {
        // An assembly in a single-file application has no location of its own.
        string?[] roots = [AppContext.BaseDirectory, Path.GetDirectoryName(typeof(EmbeddedModel).Assembly.Location)];
        string[] folders =
        [
            .. roots.Where(static r => !string.IsNullOrEmpty(r))
                .Select(static r => Path.Combine(Path.TrimEndingDirectorySeparator(r!), "models", "tiny-llava"))
                .Distinct(StringComparer.Ordinal),
        ];
        foreach (string folder in folders)
        {
            string model = Path.Combine(folder, ModelFile), projector = Path.Combine(folder, ProjectorFile);
            if (File.Exists(model) && File.Exists(projector)) return (model, projector);
        }
        throw new ModelFormatException(
            $"The embedded model was not found (looked for {ModelFile} and {ProjectorFile} in {string.Join(" and ", folders)}); "
            + "give a model and a projector file, or build from a checkout that has models/tiny-llava.");
    }
}
