using LLama;
using SK.FasterVlm.LLamaSharp;

namespace SK.FasterVlm;

/// <summary>Lets LLamaSharp provide the language model of a <see cref="FasterVlmModel"/>.</summary>
/// <remarks>
/// A process holds one llama.cpp: use LLamaSharp for every model of it or for none, and call <c>NativeLibraryConfig</c> before, as always
/// with LLamaSharp. The vision tower runs on the ggml that came with the backend package; set <see cref="FasterVlmOptions.Native"/>'s
/// <c>Backend</c> to let it use a GPU of a <c>.Cuda12</c> or <c>.Vulkan</c> package.
/// </remarks>
public static class FasterVlmLLamaSharpExtensions
{
    /// <summary>
    /// Uses weights the application has loaded. They stay the application's: dispose them after the model. Only
    /// <see cref="FasterVlmOptions.ProjectorPath"/> is needed; <see cref="FasterVlmOptions.ModelPath"/>, the file the weights came from, may
    /// be named too and makes prompts with images faster.
    /// </summary>
    /// <param name="options">The options to change.</param>
    /// <param name="weights">Weights of a LLaVA-family language model.</param>
    /// <returns>The same options.</returns>
    public static FasterVlmOptions UseLLamaSharp(this FasterVlmOptions options, LLamaWeights weights)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(weights);
        options.LanguageModelSource = new LLamaSharpSource(weights);
        options.ModelId ??= weights.Metadata.GetValueOrDefault("general.name");
        return options;
    }

    /// <summary>Loads <see cref="FasterVlmOptions.ModelPath"/>, or the embedded model, through LLamaSharp.</summary>
    /// <param name="options">The options to change.</param>
    /// <returns>The same options.</returns>
    public static FasterVlmOptions UseLLamaSharp(this FasterVlmOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.LanguageModelSource = new LLamaSharpSource(null);
        return options;
    }
}
