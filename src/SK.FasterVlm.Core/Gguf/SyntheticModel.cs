namespace SK.FasterVlm.Gguf;

/// <summary>
/// Vision-language models with the sizes of real ones and random weights: the same work for the processor, no download. What they say
/// means nothing. Used by tests (tiny) and benchmarks (real sizes).
/// </summary>
public static class SyntheticModel
{
    /// <summary>Writes a language model and its projector.</summary>
    /// <param name="directory">Created if missing; files of the same names are replaced.</param>
    /// <param name="geometry">Sizes.</param>
    /// <param name="options">Seed, types and layouts; null takes the defaults.</param>
    /// <param name="progress">Told the share of bytes written, 0 to 1.</param>
    /// <param name="cancellationToken">Checked every 8 MB. A cancelled file is removed.</param>
    /// <returns>Paths of the two files: NAME-TYPE.gguf and mmproj-NAME-TYPE.gguf.</returns>
    /// <exception cref="ArgumentException">Geometry and options do not fit together.</exception>
    public static (string ModelPath, string ProjectorPath) Write(
        string directory, ModelGeometry geometry, SyntheticModelOptions? options = null, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(geometry);
        options ??= new SyntheticModelOptions();
        Directory.CreateDirectory(directory);
        GgufWriter model = SyntheticLanguage.Build(geometry, options), projector = SyntheticProjector.Build(geometry, options);
        double total = model.DataBytes + projector.DataBytes;
        string modelPath = PathOf("", options.LanguageType ?? geometry.LanguageType);
        string projectorPath = PathOf("mmproj-", options.VisionType);
        WriteFile(projectorPath, projector, Part(0, projector.DataBytes / total), cancellationToken);
        WriteFile(modelPath, model, Part(projector.DataBytes / total, model.DataBytes / total), cancellationToken);
        return (modelPath, projectorPath);

        string PathOf(string prefix, GgmlType type) =>
            Path.Combine(directory, $"{prefix}{geometry.Name}-{type.ToString().ToLowerInvariant()}.gguf");

        IProgress<double>? Part(double start, double share) => progress is null ? null : new PartProgress(progress, start, share);
    }

    /// <summary>Bytes of weights a language model would have, without writing it.</summary>
    public static long LanguageBytes(ModelGeometry geometry, SyntheticModelOptions? options = null) =>
        SyntheticLanguage.Build(geometry, options ?? new SyntheticModelOptions()).DataBytes;

    /// <summary>Bytes of weights a projector file would have, without writing it.</summary>
    public static long ProjectorBytes(ModelGeometry geometry, SyntheticModelOptions? options = null) =>
        SyntheticProjector.Build(geometry, options ?? new SyntheticModelOptions()).DataBytes;

    // A half-written file must never look like a whole one.
    static void WriteFile(string path, GgufWriter writer, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        string part = path + ".part";
        try
        {
            using (var stream = new FileStream(part, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0))
                writer.Write(stream, progress, cancellationToken);
            File.Move(part, path, overwrite: true);
        }
        catch
        {
            File.Delete(part);
            throw;
        }
    }

    sealed class PartProgress(IProgress<double> whole, double start, double share) : IProgress<double>
    {
        public void Report(double value) => whole.Report(start + share * value);
    }
}
