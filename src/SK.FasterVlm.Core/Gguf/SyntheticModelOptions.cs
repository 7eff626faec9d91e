namespace SK.FasterVlm.Gguf;

/// <summary>How a synthetic projector file lays out its tower; both are found in the wild.</summary>
public enum TowerLayout
{
    /// <summary>
    /// As the published LLaVA files: the last layer dropped, <c>block_count</c> counts what is left, and the names of the two MLP
    /// matrices swapped (<c>ffn_down</c> is the first).
    /// </summary>
    Legacy,

    /// <summary>All layers present, MLP names as everywhere else, and <c>clip.vision.feature_layer</c> says how many are run.</summary>
    FeatureLayer,
}

/// <summary>Projector of a synthetic model.</summary>
public enum ProjectorKind
{
    /// <summary>Linear, GELU, linear (LLaVA-1.5): tensors mm.0 and mm.2.</summary>
    Mlp,

    /// <summary>Linear, norm, GELU, linear, norm (Yi-VL): tensors mm.0, mm.1, mm.3 and mm.4.</summary>
    MlpNorm,

    /// <summary>MobileVLM: linear, GELU, linear, two blocks of depthwise convolution, a quarter of the tokens.</summary>
    Ldp,

    /// <summary>MobileVLM V2: linear, GELU, linear, 2 x 2 average, one depthwise convolution, a quarter of the tokens.</summary>
    LdpV2,
}

/// <summary>Vocabulary of a synthetic model.</summary>
public enum SyntheticVocabularyKind
{
    /// <summary>SentencePiece pieces with byte fall-back, as Llama 2 and Vicuna.</summary>
    Spm,

    /// <summary>As <see cref="Spm"/>, with the special tokens of Phi-3.</summary>
    SpmPhi3,

    /// <summary>As <see cref="Spm"/>, with the special tokens of ChatML, whose turn ends an answer: as Nous-Hermes-2-Yi (LLaVA-1.6-34B).</summary>
    SpmChatMl,

    /// <summary>Byte-level BPE with the special tokens of Llama 3 and of ChatML; a Llama 3 turn ends an answer.</summary>
    BpeLlama3,

    /// <summary>Byte-level BPE with the special tokens of Llama 3 and of ChatML; a ChatML turn ends an answer.</summary>
    BpeChatMl,
}

/// <summary>Architecture of a synthetic language model.</summary>
public enum SyntheticArchitecture
{
    /// <summary>Llama, which is Vicuna's, Mistral's and Yi's too.</summary>
    Llama,

    /// <summary>Phi-3.</summary>
    Phi3,
}

/// <summary>What a synthetic model is made of.</summary>
public sealed record SyntheticModelOptions
{
    /// <summary>Same seed, geometry and options: same bytes (default 1).</summary>
    public int Seed { get; init; } = 1;

    /// <summary>
    /// Type of the language model's matrices: F32, F16, BF16, Q8_0 or Q4_0, or Q4_K, Q5_K or Q6_K where 256 divides every row (the real
    /// geometries); null takes the geometry's default.
    /// </summary>
    public GgmlType? LanguageType { get; init; }

    /// <summary>Type of the matrices of tower and projector: F16 (default, as published), F32, BF16, Q8_0 or Q4_0.</summary>
    public GgmlType VisionType { get; init; } = GgmlType.F16;

    /// <summary>Layout of the projector file.</summary>
    public TowerLayout Layout { get; init; }

    /// <summary>Projector; null takes the geometry's.</summary>
    public ProjectorKind? Projector { get; init; }

    /// <summary>Exact GELU in the tower instead of CLIP's quick GELU.</summary>
    public bool UseGelu { get; init; }

    /// <summary>Vocabulary of the language model.</summary>
    public SyntheticVocabularyKind Vocabulary { get; init; }

    /// <summary>Architecture of the language model.</summary>
    public SyntheticArchitecture Architecture { get; init; }

    /// <summary>general.name of the language model; null names the geometry.</summary>
    public string? Name { get; init; }

    /// <summary>Stored as tokenizer.chat_template; null stores none.</summary>
    public string? ChatTemplate { get; init; }

    /// <summary>Positions of the context; null takes the geometry's.</summary>
    public int? ContextLength { get; init; }
}
