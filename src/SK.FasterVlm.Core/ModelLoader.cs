using Microsoft.Extensions.Logging;
using SK.FasterVlm.Gguf;
using SK.FasterVlm.Language;
using SK.FasterVlm.Models;
using SK.FasterVlm.Native;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm;

/// <summary>The order in which a model comes up: fetch what is missing, check both files, then the language model, then the tower.</summary>
static class ModelLoader
{
    public static async Task<FasterVlmModel> LoadAsync(
        FasterVlmOptions options, ILoggerFactory loggers, IProgress<ModelLoadProgress>? progress, CancellationToken cancellationToken)
    {
        if (options.Model is { } name)
        {
            Passing<ModelDownloadProgress> fetching = new(p => Report(ModelLoadStage.Fetching, p.Share));
            options = options.With(await new ModelStore(options.Downloads).GetAsync(name, fetching, cancellationToken).ConfigureAwait(false));
        }
        ILanguageModelSource source = options.LanguageModelSource ?? LlamaCppSource.Instance;
        (string? modelPath, string projectorPath) = options.Files;
        Report(ModelLoadStage.Checking, 0);
        // Native code must not see a file that was not checked.
        if (modelPath is not null) ModelPairValidator.Validate(modelPath, projectorPath);
        cancellationToken.ThrowIfCancellationRequested();

        Report(ModelLoadStage.Language, 0);
        Passing<double> fractions = new(share => Report(ModelLoadStage.Language, share));
        ILanguageModel? language = null;
        VisionEncoder? vision = null;
        try
        {
            (language, NativeRuntime runtime) =
                await source.LoadAsync(modelPath, options, loggers, fractions, cancellationToken).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            Report(ModelLoadStage.Vision, 0);
            vision = VisionEncoder.Load(projectorPath, options, runtime, loggers.CreateLogger<VisionEncoder>());
            cancellationToken.ThrowIfCancellationRequested();
            FasterVlmModel model = new(language, vision, options, loggers);
            Report(ModelLoadStage.Ready, 1);
            return model;
        }
        catch
        {
            vision?.Dispose();
            language?.Dispose();
            throw;
        }

        void Report(ModelLoadStage stage, double fraction) => progress?.Report(new ModelLoadProgress(stage, fraction));
    }

    /// <summary>Passes reports on at once; <see cref="Progress{T}"/> would send them to another thread, out of order.</summary>
    sealed class Passing<T>(Action<T> report) : IProgress<T>
    {
        public void Report(T value) => report(value);
    }
}
