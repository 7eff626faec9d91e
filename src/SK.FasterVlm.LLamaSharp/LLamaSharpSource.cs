using LLama;
using LLama.Common;
using LLama.Exceptions;
using Microsoft.Extensions.Logging;
using SK.FasterVlm.Language;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.LLamaSharp;

/// <summary>Provides language models over weights of the application, or over weights loaded through LLamaSharp.</summary>
internal sealed class LLamaSharpSource(LLamaWeights? weights) : ILanguageModelSource
{
    public bool NeedsModelFile => weights is null;

    public async Task<LoadedLanguageModel> LoadAsync(
        string? modelPath, FasterVlmOptions options, ILoggerFactory loggers, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        NativeRuntime runtime = LLamaSharpNatives.Share();
        ILogger<LLamaSharpLanguageModel> logger = loggers.CreateLogger<LLamaSharpLanguageModel>();
        if (weights is not null)
            return new(LLamaSharpLoader.Create(weights, ownsWeights: false, modelPath, options, logger), runtime);

        LLamaWeights loaded = await LoadWeightsAsync(modelPath!, options, progress, cancellationToken).ConfigureAwait(false);
        try
        {
            return new(LLamaSharpLoader.Create(loaded, ownsWeights: true, modelPath, options, logger), runtime);
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    static async Task<LLamaWeights> LoadWeightsAsync(
        string modelPath, FasterVlmOptions options, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        ModelParams parameters;
        using (LanguageModelFile file = LanguageModelFile.Open(modelPath))
        {
            parameters = new ModelParams(modelPath)
            {
                GpuLayerCount = options.Native.Backend == NativeBackend.Cpu ? 0 : options.GpuLayers,
                UseMemorymap = file.LoadMode(options.Loading) == llama_load_mode.LLAMA_LOAD_MODE_MMAP,
            };
        }
        try
        {
            IProgress<float>? shares = progress is null ? null : new Shares(progress);
            return await LLamaWeights.LoadFromFileAsync(parameters, cancellationToken, shares).ConfigureAwait(false);
        }
        catch (RuntimeError e)
        {
            throw new ModelFormatException(
                $"{Path.GetFileName(modelPath)} was refused by LLamaSharp: {e.Message.ReplaceLineEndings(" ")}; its native log says why.", innerException: e);
        }
    }

    /// <summary>Passes reports on at once and in order.</summary>
    sealed class Shares(IProgress<double> progress) : IProgress<float>
    {
        public void Report(float value) => progress.Report(value);
    }
}
