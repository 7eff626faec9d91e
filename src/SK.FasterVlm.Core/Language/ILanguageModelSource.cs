using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Language;

/// <summary>A language model and the llama.cpp it runs on, which the vision tower shares.</summary>
/// <param name="Model">The model; whoever receives it disposes it.</param>
/// <param name="Runtime">The loaded libraries.</param>
public sealed record LoadedLanguageModel(ILanguageModel Model, NativeRuntime Runtime);

/// <summary>
/// Where the language model of a <see cref="FasterVlmModel"/> comes from (<see cref="FasterVlmOptions.LanguageModelSource"/>). Without
/// one, <see cref="LlamaCppLanguageModel"/> loads <see cref="FasterVlmOptions.ModelPath"/>. One source may serve several loads.
/// </summary>
public interface ILanguageModelSource
{
    /// <summary>
    /// Whether a GGUF file of the language model has to be named; a source that has the model already may do without, and
    /// <see cref="FasterVlmOptions.ProjectorPath"/> then stands alone.
    /// </summary>
    bool NeedsModelFile { get; }

    /// <summary>Provides the model. Called off the caller's thread.</summary>
    /// <param name="modelPath">The file, checked; null when none was named and none is needed.</param>
    /// <param name="options">Valid options; context, batch, threads and cache settings concern the source.</param>
    /// <param name="loggers">For its loggers; <see cref="NullLoggerFactory"/> where the application gives none.</param>
    /// <param name="progress">Told the share that is loaded, 0 to 1.</param>
    /// <param name="cancellationToken">Ends loading.</param>
    /// <exception cref="ModelFormatException">The model cannot be used.</exception>
    /// <exception cref="NativeRuntimeException">Libraries are missing or of the wrong version, or memory does not suffice.</exception>
    Task<LoadedLanguageModel> LoadAsync(
        string? modelPath, FasterVlmOptions options, ILoggerFactory loggers, IProgress<double>? progress, CancellationToken cancellationToken);
}

/// <summary>The built-in source: the pinned llama.cpp.</summary>
internal sealed class LlamaCppSource : ILanguageModelSource
{
    internal static LlamaCppSource Instance { get; } = new();

    public bool NeedsModelFile => true;

    public Task<LoadedLanguageModel> LoadAsync(
        string? modelPath, FasterVlmOptions options, ILoggerFactory loggers, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        // One log per process: a model whose application wants none leaves another model's alone.
        NativeRuntime runtime = NativeRuntime.Load(options.Native, loggers is NullLoggerFactory ? null : loggers);
        ILogger<LlamaCppLanguageModel> logger = loggers.CreateLogger<LlamaCppLanguageModel>();
        LlamaCppLanguageModel model = LlamaCppLanguageModel.Load(modelPath!, options, runtime, logger, progress, cancellationToken);
        return Task.FromResult(new LoadedLanguageModel(model, runtime));
    }
}
