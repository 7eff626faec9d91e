using SK.FasterVlm.Imaging;
using SK.FasterVlm.Language;
using SK.FasterVlm.Models;
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
    /// <summary>
    /// A model of the catalog instead of files: <c>llava-1.5-7b</c>, or with a quantisation <c>llava-1.5-7b:Q5_K_M</c>. Taken from the
    /// cache without a network; what is missing is fetched when it is loaded, if <see cref="Downloads"/> allows it.
    /// </summary>
    public string? Model { get; set; }

    /// <summary>Where models of the catalog are kept and how they are fetched.</summary>
    public ModelStoreOptions Downloads { get; set; } = new();

    /// <summary>Language model (GGUF). Null together with <see cref="ProjectorPath"/> means the embedded default model.</summary>
    public string? ModelPath { get; set; }

    /// <summary>Vision tower and projector (GGUF, "mmproj").</summary>
    public string? ProjectorPath { get; set; }

    /// <summary>
    /// Who provides the language model; null (default): the built-in llama.cpp loads <see cref="ModelPath"/>. Another package sets it, such
    /// as SK.FasterVlm.LLamaSharp with <c>UseLLamaSharp</c>.
    /// </summary>
    public ILanguageModelSource? LanguageModelSource { get; set; }

    /// <summary>
    /// Name under which the model is known to callers. Default: the catalog's name of a model given by <see cref="Model"/>; else the file's
    /// general.name, or the file's name without extension where it has none.
    /// </summary>
    public string? ModelId { get; set; }

    /// <summary>Chat template by name (vicuna_v1, llava-1.6-mistral, chatml, llama-3, phi-3); null reads it from the model's metadata.</summary>
    public string? ChatTemplate { get; set; }

    /// <summary>How functions, calls and results are written, by name (line, hermes); null reads it from the model's metadata.</summary>
    public string? ToolFormat { get; set; }

    /// <summary>A format of your own in place of one by name; null (default) leaves it to <see cref="ToolFormat"/>.</summary>
    public Chat.Tools.ToolFormat? CustomToolFormat { get; set; }

    /// <summary>How many visual tokens to keep of an image (default: all).</summary>
    public VisualTokenBudget VisualTokens { get; set; } = VisualTokenBudget.All;

    /// <summary>Who is kept: <c>cls</c> (default, FasterVLM), <c>random</c> or <c>uniform</c>.</summary>
    public string Selector { get; set; } = "cls";

    /// <summary>Views of a picture and the order of their tokens; matters for LLaVA-NeXT.</summary>
    public ViewSettings Views { get; set; } = ViewSettings.Default;

    /// <summary>
    /// Positions one conversation may use, 0 (default: 4096, or what the model was trained for if that is less) or 16 to 1,048,576.
    /// </summary>
    public int ContextLength { get; set; }

    /// <summary>
    /// Positions of KV cache that all conversations share, 0 (default: <see cref="ContextLength"/>, so that a single one may use them
    /// all) or <see cref="ContextLength"/> to 67,108,864. This is what takes memory: 512 KiB per position for a 7B model in F16.
    /// </summary>
    public int KvCacheLength { get; set; }

    /// <summary>
    /// With <see cref="KvCacheLength"/> 0, bytes the KV cache may take so that <see cref="MaxSequences"/> conversations of full length
    /// have room in it, 0 (default) to 1 TiB. It has at least <see cref="ContextLength"/> positions, at most that times
    /// <see cref="MaxSequences"/>, and takes no more than a quarter of the free memory for those beyond the first conversation's.
    /// </summary>
    public long KvCacheBytes { get; set; }

    /// <summary>
    /// Requests that run at once, 1 to 64 (default 4); more wait. Takes no KV cache of its own: all share <see cref="KvCacheLength"/>
    /// positions, and a request starts when its prompt and longest answer fit what is left. Sequences nobody runs on hold the prefix cache.
    /// </summary>
    public int MaxSequences { get; set; } = 4;

    /// <summary>Requests that may wait, 0 to 100,000 (default 256); further ones end at once in <see cref="ServerBusyException"/>.</summary>
    public int MaxQueuedRequests { get; set; } = 256;

    /// <summary>
    /// Longest time from the start of a request to its end, waiting included; null (default) sets no limit. Above it a request ends in
    /// <see cref="RequestTimeoutException"/>. From 1 millisecond to 24 days.
    /// </summary>
    public TimeSpan? RequestTimeout { get; set; }

    /// <summary>
    /// Rows of a new prompt evaluated beside a token of the requests that are running, 0 (default: as many as take about four times as
    /// long as the token, as measured, or 2 ms) or 1 to 16,384. While nothing else runs a prompt is evaluated whole.
    /// </summary>
    public int PrefillChunk { get; set; }

    /// <summary>
    /// Keeps what the KV cache holds of ended requests, so that a request which begins alike evaluates only the rest (default true).
    /// Costs no memory beyond the KV cache. Off, no request's numbers depend on an earlier one's; see docs/serving.md.
    /// </summary>
    public bool PrefixCache { get; set; } = true;

    /// <summary>
    /// Bytes of visual tokens kept, so that no image is encoded twice, 0 (off) to 1 TiB (default 128 MiB: about 140 images of LLaVA-1.5-7B
    /// at 10 %, or 14 unpruned).
    /// </summary>
    public long ImageCacheBytes { get; set; } = 128L << 20;

    /// <summary>
    /// Bytes of visual tokens that requests may hold which are ready but have to wait for their turn, 0 to 1 TiB (default 256 MiB).
    /// Beyond it requests with images wait before these are encoded, in the order they came; one is always let through.
    /// </summary>
    public long PreparedBytes { get; set; } = 256L << 20;

    /// <summary>Rows per call of the library, 1 to 16,384 (default 2048).</summary>
    public int BatchSize { get; set; } = 2048;

    /// <summary>Rows per physical batch, 1 to <see cref="BatchSize"/> (default 512).</summary>
    public int MicroBatchSize { get; set; } = 512;

    /// <summary>
    /// Processor threads, 1 to 512, or 0 (default): one per physical core, but no more than one for every 8 MB of weights that is begun,
    /// since threads that share less work wait for each other longer than they work.
    /// </summary>
    public int Threads { get; set; }

    /// <summary>Layers of the language model on the GPU; -1 (default) all, 0 none. Ignored without a GPU backend.</summary>
    public int GpuLayers { get; set; } = -1;

    /// <summary>
    /// Flash attention in the language model; null (default) chooses: on, but for heads of a width the CPU kernels do not take in whole
    /// steps, where products are two to three times faster. Over LLamaSharp null is always on.
    /// </summary>
    public bool? FlashAttention { get; set; }

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
        Range(KvCacheLength == 0 || KvCacheLength >= ContextLength && KvCacheLength is >= 16 and <= 67_108_864,
            nameof(KvCacheLength), KvCacheLength, "0 or ContextLength to 67108864");
        Range(MaxSequences is >= 1 and <= 64, nameof(MaxSequences), MaxSequences, "1 to 64");
        Range(MaxQueuedRequests is >= 0 and <= 100_000, nameof(MaxQueuedRequests), MaxQueuedRequests, "0 to 100000");
        Range(RequestTimeout is null || RequestTimeout >= TimeSpan.FromMilliseconds(1) && RequestTimeout <= TimeSpan.FromDays(24),
            nameof(RequestTimeout), RequestTimeout, "1 millisecond to 24 days");
        Range(PrefillChunk is >= 0 and <= 16_384, nameof(PrefillChunk), PrefillChunk, "0 to 16384");
        Range(ImageCacheBytes is >= 0 and <= 1L << 40, nameof(ImageCacheBytes), ImageCacheBytes, "0 to 1099511627776");
        Range(PreparedBytes is >= 0 and <= 1L << 40, nameof(PreparedBytes), PreparedBytes, "0 to 1099511627776");
        Range(KvCacheBytes is >= 0 and <= 1L << 40, nameof(KvCacheBytes), KvCacheBytes, "0 to 1099511627776");
        Range(BatchSize is >= 1 and <= 16_384, nameof(BatchSize), BatchSize, "1 to 16384");
        Range(MicroBatchSize >= 1 && MicroBatchSize <= BatchSize, nameof(MicroBatchSize), MicroBatchSize, $"1 to BatchSize ({BatchSize})");
        Range(Threads is >= 0 and <= 512, nameof(Threads), Threads, "0 to 512");
        Range(GpuLayers >= -1, nameof(GpuLayers), GpuLayers, "-1 or more");
        Range(MaxConcurrentEncodes is >= 1 and <= 64, nameof(MaxConcurrentEncodes), MaxConcurrentEncodes, "1 to 64");
        Range(MaxOutputTokens is >= 1 and <= 1_048_576, nameof(MaxOutputTokens), MaxOutputTokens, "1 to 1048576");
        Range(MaxImages is >= 1 and <= 256, nameof(MaxImages), MaxImages, "1 to 256");
        Known(KvCache, nameof(KvCache));
        Known(Loading, nameof(Loading));
        Known(TowerPrecision, nameof(TowerPrecision));
        if (Native is null) throw new ArgumentException("Native must not be null.");
        Known(Native.Backend, "Native.Backend");
        if (Views is null) throw new ArgumentException("Views must not be null; ViewSettings.Default is the default.");
        Views.Validate();
        if (LanguageModelSource is { NeedsModelFile: false } && ProjectorPath is null)
            throw new ArgumentException("ProjectorPath is needed: only the language model comes from LanguageModelSource.");
        if (LanguageModelSource is not { NeedsModelFile: false } && (ModelPath is null) != (ProjectorPath is null))
            throw new ArgumentException("ModelPath and ProjectorPath belong together: give both, or neither for the embedded model.");
        if (Model is not null && (ModelPath is not null || ProjectorPath is not null))
            throw new ArgumentException("Model names a model of the catalog and ModelPath and ProjectorPath name files: give one or the other.");
        if (ToolFormat is not null && CustomToolFormat is not null) throw new ArgumentException("ToolFormat and CustomToolFormat say the same thing; give one of them.");
        Downloads.Validate();
        if (KvCache == KvCacheType.Q8_0 && FlashAttention == false) throw new ArgumentException("KvCache Q8_0 needs FlashAttention.");

        static void Known<T>(T value, string name) where T : struct, Enum =>
            Range(Enum.IsDefined(value), name, value, $"one of {string.Join(", ", Enum.GetNames<T>())}");

        static void Range(bool ok, string name, object? value, string range)
        {
            if (!ok) throw new ArgumentOutOfRangeException(name, value, $"{name} must be {range}.");
        }
    }

    /// <summary>Checks every value against its range, and that selector, template and tool format are ones there are.</summary>
    /// <exception cref="ArgumentException">A value is out of range or unknown; the message names it.</exception>
    internal void ValidateNames()
    {
        Validate();
        VisualTokenSelectors.ByName(Selector);
        if (ChatTemplate is { } template) Chat.ChatTemplate.ByName(template);
        if (ToolFormat is { } format) Chat.Tools.ToolFormat.ByName(format);
    }

    /// <summary>
    /// The files these options mean once a name is resolved: those they give, or the embedded model's. The language model's is null when
    /// its weights come from <see cref="LanguageModelSource"/> without a file.
    /// </summary>
    /// <exception cref="ModelFormatException">None are given and the embedded model is not there.</exception>
    internal (string? ModelPath, string ProjectorPath) Files =>
        ProjectorPath is { } projector ? (ModelPath, projector) : EmbeddedModel.Locate();

    /// <summary>Positions of KV cache these options mean for a model.</summary>
    /// <param name="contextLength">Positions of one conversation, resolved.</param>
    /// <param name="kvBytesPerToken">Bytes of one position.</param>
    /// <param name="available">Bytes of memory that are free.</param>
    internal int CacheLength(int contextLength, long kvBytesPerToken, long available)
    {
        if (KvCacheLength > 0) return Math.Max(KvCacheLength, contextLength);
        long wanted = Math.Min((long)contextLength * MaxSequences, KvCacheBytes / Math.Max(1, kvBytesPerToken));
        long beyond = Math.Min(wanted - contextLength, available / 4 / Math.Max(1, kvBytesPerToken));
        return (int)Math.Min(67_108_864, contextLength + Math.Max(0, beyond));
    }

    /// <summary>These options with the files of a fetched model in place of its name.</summary>
    internal FasterVlmOptions With(CachedModel model)
    {
        var options = (FasterVlmOptions)MemberwiseClone();
        options.Model = null;
        (options.ModelPath, options.ProjectorPath) = (model.ModelPath, model.ProjectorPath);
        options.ModelId ??= model.Name;
        options.ChatTemplate ??= model.Template;
        return options;
    }
}
