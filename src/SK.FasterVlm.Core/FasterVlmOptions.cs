using SK.FasterVlm.Imaging;
using SK.FasterVlm.Language;
using SK.FasterVlm.Native;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm;

/// <summary>Precision of the KV cache.</summary>
public enum KvCacheType
{
    /// <summary>16-bit floats (default).</summary>
    F16,

    /// <summary>8-bit blocks: half the memory; needs flash attention.</summary>
    Q8_0,

    /// <summary>32-bit floats.</summary>
    F32,
}

/// <summary>How the language model's file gets into memory.</summary>
public enum WeightLoading
{
    /// <summary>The mode with the smaller resident memory at full speed for the backend in use (default).</summary>
    Auto,

    /// <summary>Map the file. Repacked copies then stay resident beside the mapped pages.</summary>
    MemoryMap,

    /// <summary>Read the file.</summary>
    Read,
}

/// <summary>Every knob of a model, with default and range. Values out of range are refused by <see cref="Validate"/>, never clamped.</summary>
public sealed class FasterVlmOptions
{
    /// <summary>Language model (GGUF). Null together with <see cref="ProjectorPath"/> means the embedded default model.</summary>
    public string? ModelPath { get; set; }

    /// <summary>Vision tower and projector (GGUF, "mmproj").</summary>
    public string? ProjectorPath { get; set; }

    /// <summary>
    /// Who provides the language model; null (default): the built-in llama.cpp loads <see cref="ModelPath"/>. Another package sets it, such
    /// as SK.FasterVlm.LLamaSharp with <c>UseLLamaSharp</c>.
    /// </summary>
    public ILanguageModelSource? LanguageModelSource { get; set; }

    /// <summary>Name under which the model is known to callers; default: the file's general.name.</summary>
    public string? ModelId { get; set; }

    /// <summary>Chat template by name (vicuna_v1, llava-1.6-mistral, chatml, llama-3, phi-3); null reads it from the model's metadata.</summary>
    public string? ChatTemplate { get; set; }

    /// <summary>How many visual tokens to keep of an image (default: all).</summary>
    public VisualTokenBudget VisualTokens { get; set; } = VisualTokenBudget.All;

    /// <summary>Who is kept: <c>cls</c> (default, FasterVLM), <c>random</c> or <c>uniform</c>.</summary>
    public string Selector { get; set; } = "cls";

    /// <summary>Views of a picture and the order of their tokens; matters for LLaVA-NeXT.</summary>
    public ViewSettings Views { get; set; } = ViewSettings.Default;

    /// <summary>Positions of the context, 0 (default: 4096, or what the model was trained for if that is less) or 16 to 1,048,576.</summary>
    public int ContextLength { get; set; }

    /// <summary>
    /// Conversations whose state the context holds at once, 1 (default) to 64; each gets <see cref="ContextLength"/> positions of
    /// KV cache.
    /// </summary>
    public int MaxSequences { get; set; } = 1;

    /// <summary>Rows per call of the library, 1 to 16,384 (default 2048).</summary>
    public int BatchSize { get; set; } = 2048;

    /// <summary>Rows per physical batch, 1 to <see cref="BatchSize"/> (default 512).</summary>
    public int MicroBatchSize { get; set; } = 512;

    /// <summary>Processor threads, 0 (default: one per physical core) or 1 to 512.</summary>
    public int Threads { get; set; }

    /// <summary>Layers of the language model on the GPU; -1 (default) all, 0 none. Ignored without a GPU backend.</summary>
    public int GpuLayers { get; set; } = -1;

    /// <summary>Flash attention in the language model (default true).</summary>
    public bool FlashAttention { get; set; } = true;

    /// <summary>Precision of the KV cache.</summary>
    public KvCacheType KvCache { get; set; }

    /// <summary>How the language model's file gets into memory.</summary>
    public WeightLoading Loading { get; set; }

    /// <summary>How the tower's matrices are held.</summary>
    public TowerPrecision TowerPrecision { get; set; }

    /// <summary>Images encoded at once, 1 to 64 (default 1: on a CPU one image already uses every core).</summary>
    public int MaxConcurrentEncodes { get; set; } = 1;

    /// <summary>Tokens an answer may have when the request does not say, 1 to 1,048,576 (default 512).</summary>
    public int MaxOutputTokens { get; set; } = 512;

    /// <summary>Images per request, 1 to 256 (default 8).</summary>
    public int MaxImages { get; set; } = 8;

    /// <summary>What an image may cost.</summary>
    public ImageLimits ImageLimits { get; set; } = new(); // of its own: configuration binding writes into it

    /// <summary>Where to find llama.cpp and which backends to use.</summary>
    public NativeOptions Native { get; set; } = new();

    /// <summary>Checks every value against its range.</summary>
    /// <exception cref="ArgumentException">A value is out of range; the message names it.</exception>
    public void Validate()
    {
        Range(ContextLength == 0 || ContextLength is >= 16 and <= 1_048_576, nameof(ContextLength), ContextLength, "0 or 16 to 1048576");
        Range(MaxSequences is >= 1 and <= 64, nameof(MaxSequences), MaxSequences, "1 to 64");
        Range(BatchSize is >= 1 and <= 16_384, nameof(BatchSize), BatchSize, "1 to 16384");
        Range(MicroBatchSize >= 1 && MicroBatchSize <= BatchSize, nameof(MicroBatchSize), MicroBatchSize, $"1 to BatchSize ({BatchSize})");
        Range(Threads is >= 0 and <= 512, nameof(Threads), Threads, "0 to 512");
        Range(GpuLayers >= -1, nameof(GpuLayers), GpuLayers, "-1 or more");
        Range(MaxConcurrentEncodes is >= 1 and <= 64, nameof(MaxConcurrentEncodes), MaxConcurrentEncodes, "1 to 64");
        Range(MaxOutputTokens is >= 1 and <= 1_048_576, nameof(MaxOutputTokens), MaxOutputTokens, "1 to 1048576");
        Range(MaxImages is >= 1 and <= 256, nameof(MaxImages), MaxImages, "1 to 256");
        if (Views is null) throw new ArgumentException("Views must not be null; ViewSettings.Default is the default.");
        Views.Validate();
        if (LanguageModelSource is { NeedsModelFile: false } && ProjectorPath is null)
            throw new ArgumentException("ProjectorPath is needed: only the language model comes from LanguageModelSource.");
        if (LanguageModelSource is not { NeedsModelFile: false } && (ModelPath is null) != (ProjectorPath is null))
            throw new ArgumentException("ModelPath and ProjectorPath belong together: give both, or neither for the embedded model.");
        if (KvCache == KvCacheType.Q8_0 && !FlashAttention) throw new ArgumentException("KvCache Q8_0 needs FlashAttention.");

        static void Range(bool ok, string name, int value, string range)
        {
            if (!ok) throw new ArgumentOutOfRangeException(name, value, $"{name} must be {range}.");
        }
    }
}
