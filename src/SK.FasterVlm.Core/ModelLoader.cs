using Microsoft.Extensions.Logging;

namespace SK.FasterVlm;

/// <summary>The order in which a model comes up: check both files, then the language model, then the tower.</summary>
static class ModelLoader
{
    public static FasterVlmModel Load(
        FasterVlmOptions options, ILoggerFactory loggers, IProgress<ModelLoadProgress>? progress, CancellationToken cancellationToken)
    {
        (string modelPath, string projectorPath) = options is { ModelPath: { } m, ProjectorPath: { } p } ? (m, p) : EmbeddedModel.Locate();
        CheckExists(modelPath, "language model");
        CheckExists(projectorPath, "projector");
        _ = (loggers, progress, cancellationToken);
        throw new NotSupportedException("Loading comes with the native parts.");
    }

    static void CheckExists(string path, string what)
    {
        if (!File.Exists(path)) throw new FileNotFoundException($"The {what} file \"{path}\" does not exist.", path);
    }
}
