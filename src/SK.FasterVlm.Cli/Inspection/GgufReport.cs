using SK.FasterVlm.Gguf;

namespace SK.FasterVlm.Cli.Inspection;

/// <summary>What a GGUF file says about itself, as <c>inspect</c> shows it.</summary>
/// <param name="Path">The file.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Kind">Language model, projector, or something else.</param>
/// <param name="Name">general.name.</param>
/// <param name="Architecture">general.architecture.</param>
/// <param name="GgufVersion">Version of the container.</param>
/// <param name="TensorCount">Number of tensors.</param>
/// <param name="TensorTypes">Bytes by type, largest first.</param>
/// <param name="Language">Sizes, for a language model.</param>
/// <param name="Vision">Sizes, for a projector.</param>
/// <param name="Metadata">Every key with its value; long ones cut.</param>
internal sealed record GgufReport(
    string Path, long Bytes, string Kind, string? Name, string? Architecture, uint GgufVersion, int TensorCount,
    IReadOnlyDictionary<string, long> TensorTypes, LanguageReport? Language, VisionReport? Vision, IReadOnlyDictionary<string, string> Metadata)
{
    // A chat template or a licence fills screens.
    const int LongestValue = 200;

    /// <summary>Reads a file's header.</summary>
    public static GgufReport Read(string path)
    {
        using GgufFile file = GgufFile.Open(path);
        GgufMetadata metadata = file.Metadata;
        string? architecture = metadata.FindString("general.architecture");
        VisionReport? vision = VisionReport.Read(file);
        LanguageReport? language = vision is null && architecture is not null ? LanguageReport.Read(file, architecture) : null;
        string kind = vision is not null ? "vision tower and projector" : language is not null ? "language model" : "unknown";
        return new GgufReport(
            System.IO.Path.GetFullPath(path), file.Length, kind, metadata.FindString("general.name"), architecture,
            file.Version, file.Tensors.Count,
            BytesByType(file.Tensors),
            language, vision, Values(metadata.Entries));
    }

    static Dictionary<string, long> BytesByType(IReadOnlyList<GgufTensorInfo> tensors) => tensors
        .GroupBy(static tensor => tensor.Type.ToString())
        .Select(static group => KeyValuePair.Create(group.Key, group.Sum(static tensor => tensor.ByteSize)))
        .OrderByDescending(static pair => pair.Value)
        .ToDictionary();

    static Dictionary<string, string> Values(IEnumerable<KeyValuePair<string, GgufValue>> metadata) =>
        metadata.ToDictionary(static pair => pair.Key, static pair => Shorten(pair.Value.ToString()));

    static string Shorten(string text) => text.Length <= LongestValue ? text : $"{text[..LongestValue]}... ({text.Length} characters)";
}

/// <summary>Sizes of a language model.</summary>
internal sealed record LanguageReport(
    uint? Layers, uint? Width, uint? FeedForward, uint? Heads, uint? KeyValueHeads, uint? Context, int? Vocabulary,
    string? Tokenizer, bool HasChatTemplate)
{
    /// <summary>From a file of any architecture; null when it does not look like a language model.</summary>
    public static LanguageReport? Read(GgufFile file, string architecture)
    {
        GgufMetadata m = file.Metadata;
        // Of what differs by layer there is no one size to show; the metadata lists it.
        uint? Size(string name) =>
            m.TryGet($"{architecture}.{name}", out GgufValue? value) && value.Type == GgufValueType.U32 ? m.FindUInt32($"{architecture}.{name}") : null;
        return Size("block_count") is not uint layers ? null : new LanguageReport(
            layers, Size("embedding_length"), Size("feed_forward_length"), Size("attention.head_count"), Size("attention.head_count_kv"),
            Size("context_length"), m.FindStrings("tokenizer.ggml.tokens")?.Count, m.FindString("tokenizer.ggml.model"),
            m.FindString("tokenizer.chat_template") is not null);
    }
}

/// <summary>Sizes of a vision tower and its projector.</summary>
internal sealed record VisionReport(
    uint ImageSize, uint PatchSize, uint Patches, uint? Width, uint? FeedForward, uint? Heads, uint? BlocksStored, int? FeatureLayer,
    string Layout, string Activation, string? ProjectorType, long? OutputWidth)
{
    /// <summary>From a projector file; null when it is none.</summary>
    public static VisionReport? Read(GgufFile file)
    {
        GgufMetadata m = file.Metadata;
        if (m.FindUInt32("clip.vision.image_size") is not uint image) return null;
        if (m.FindUInt32("clip.vision.patch_size") is not (uint patch and > 0)) return null;
        uint? width = m.FindUInt32("clip.vision.embedding_length");
        string? projector = m.FindString("clip.projector_type");
        uint side = image / patch;
        return new VisionReport(
            image, patch, side * side, width, m.FindUInt32("clip.vision.feed_forward_length"), m.FindUInt32("clip.vision.attention.head_count"),
            m.FindUInt32("clip.vision.block_count"), m.FindInt32s("clip.vision.feature_layer") is [int layer, ..] ? layer : null,
            Layer0(file, width), m.FindBool("clip.use_gelu") is true ? "gelu" : "quick gelu", projector,
            file.TryGetTensor(LastMatrix(projector), out GgufTensorInfo? last) ? last.Ne(1) : null);
    }

    static string LastMatrix(string? projector) => projector switch
    {
        "mlp_norm" => "mm.3.weight",
        "ldp" => "mm.model.mlp.3.weight",
        "ldpv2" => "mm.model.mlp.2.weight",
        _ => "mm.2.weight",
    };

    // The converter of the published LLaVA-1.5 files called the first feed-forward matrix "down".
    static string Layer0(GgufFile file, uint? width) =>
        !file.TryGetTensor("v.blk.0.ffn_down.weight", out GgufTensorInfo? down) ? "unknown"
        : down.Ne(0) == width ? "legacy (ffn_up and ffn_down swapped)" : "new";
}
