namespace SK.FasterVlm.Gguf;

/// <summary>Sizes of a CLIP vision tower.</summary>
/// <param name="ImageSize">Side of the square input in pixels, a multiple of <paramref name="PatchSize"/>.</param>
/// <param name="PatchSize">Side of a patch in pixels.</param>
/// <param name="Width">Width of the hidden state, a multiple of <paramref name="Heads"/>.</param>
/// <param name="FeedForward">Width between the two matrices of a layer's MLP.</param>
/// <param name="Heads">Attention heads.</param>
/// <param name="Layers">Layers that are run; the tower the features come from has one more.</param>
public sealed record VisionGeometry(int ImageSize, int PatchSize, int Width, int FeedForward, int Heads, int Layers)
{
    /// <summary>Patches of a view.</summary>
    public int PatchCount => ImageSize / PatchSize * (ImageSize / PatchSize);
}

/// <summary>Sizes of a Llama language model.</summary>
/// <param name="Width">Width of the hidden state, a multiple of <paramref name="Heads"/>.</param>
/// <param name="FeedForward">Width between the matrices of a layer's MLP.</param>
/// <param name="Heads">Attention heads.</param>
/// <param name="KeyValueHeads">Heads of keys and values, a divisor of <paramref name="Heads"/>.</param>
/// <param name="Layers">Layers.</param>
/// <param name="Vocabulary">Pieces of the vocabulary, 384 or more.</param>
/// <param name="ContextLength">Positions "trained" for.</param>
public sealed record LanguageGeometry(
    int Width, int FeedForward, int Heads, int KeyValueHeads, int Layers, int Vocabulary, int ContextLength);

/// <summary>Sizes of a vision-language model by name.</summary>
/// <param name="Name">Short lower-case name.</param>
/// <param name="Vision">The tower.</param>
/// <param name="Language">The language model.</param>
/// <param name="LanguageType">Default type of the language model's matrices.</param>
public sealed record ModelGeometry(string Name, VisionGeometry Vision, LanguageGeometry Language, GgmlType LanguageType)
{
    /// <summary>The projector its file has by default.</summary>
    public ProjectorKind Projector { get; init; }

    /// <summary>
    /// Resolutions of the tiled picture in views (columns, rows) for LLaVA-NeXT, whose file then has a newline embedding too; empty for
    /// models of one view.
    /// </summary>
    public IReadOnlyList<(int Columns, int Rows)> Grids { get; init; } = [];

    /// <summary>Visual tokens of one view.</summary>
    public int TokensPerView =>
        Projector is ProjectorKind.Ldp or ProjectorKind.LdpV2 ? Vision.PatchCount / (ClipMobileProjector.Stride * ClipMobileProjector.Stride) : Vision.PatchCount;

    /// <summary>Visual tokens of a picture that takes as many views as there can be.</summary>
    public int MaxVisualTokens => TokensPerView * (1 + Grids.Select(static g => g.Columns * g.Rows).DefaultIfEmpty(0).Max());

    // 336 x 672, 672 x 336, 672 x 672, 1008 x 336, 336 x 1008: image_grid_pinpoints of LLaVA 1.6.
    static readonly (int Columns, int Rows)[] NextGrids = [(1, 2), (2, 1), (2, 2), (3, 1), (1, 3)];

    /// <summary>For tests: 36 patches, about 600 KB in two files, written in milliseconds.</summary>
    public static ModelGeometry Tiny { get; } = new("tiny",
        new VisionGeometry(ImageSize: 84, PatchSize: 14, Width: 64, FeedForward: 128, Heads: 2, Layers: 3),
        new LanguageGeometry(Width: 64, FeedForward: 192, Heads: 2, KeyValueHeads: 2, Layers: 2, Vocabulary: 768, ContextLength: 512),
        GgmlType.F16);

    /// <summary>LLaVA-1.5-7B: CLIP ViT-L/14-336 (23 of 24 layers) and Vicuna 7B; 0.6 GB and 3.7 GB.</summary>
    public static ModelGeometry Llava15_7B { get; } = new("llava-1.5-7b",
        new VisionGeometry(ImageSize: 336, PatchSize: 14, Width: 1024, FeedForward: 4096, Heads: 16, Layers: 23),
        new LanguageGeometry(
            Width: 4096, FeedForward: 11008, Heads: 32, KeyValueHeads: 32, Layers: 32, Vocabulary: 32000, ContextLength: 4096),
        GgmlType.Q4_0);

    /// <summary>LLaVA-1.5-13B: the same tower and Vicuna 13B; 0.6 GB and 7.4 GB.</summary>
    public static ModelGeometry Llava15_13B { get; } = Llava15_7B with
    {
        Name = "llava-1.5-13b",
        Language = new LanguageGeometry(
            Width: 5120, FeedForward: 13824, Heads: 40, KeyValueHeads: 40, Layers: 40, Vocabulary: 32000, ContextLength: 4096),
    };

    /// <summary>
    /// LLaVA-NeXT-7B (LLaVA-1.6 on Vicuna 7B): LLaVA-1.5-7B with the resolutions of LLaVA 1.6 (1 x 2, 2 x 1, 2 x 2, 1 x 3 and 3 x 1
    /// tiles), so up to 2,880 visual tokens.
    /// </summary>
    public static ModelGeometry LlavaNext7B { get; } = Llava15_7B with { Name = "llava-next-7b", Grids = NextGrids };

    /// <summary>LLaVA-NeXT-13B (LLaVA-1.6 on Vicuna 13B).</summary>
    public static ModelGeometry LlavaNext13B { get; } = Llava15_13B with { Name = "llava-next-13b", Grids = NextGrids };

    /// <summary>BakLLaVA-1: LLaVA-1.5's tower and projector on Mistral 7B, which has grouped-query attention.</summary>
    public static ModelGeometry BakLlava1_7B { get; } = Llava15_7B with
    {
        Name = "bakllava-1-7b",
        Language = new LanguageGeometry(
            Width: 4096, FeedForward: 14336, Heads: 32, KeyValueHeads: 8, Layers: 32, Vocabulary: 32000, ContextLength: 32768),
    };

    /// <summary>LLaVA-NeXT on Mistral 7B (LLaVA-1.6-Mistral).</summary>
    public static ModelGeometry LlavaNextMistral7B { get; } = BakLlava1_7B with { Name = "llava-next-mistral-7b", Grids = NextGrids };

    /// <summary>LLaVA-NeXT-34B: on Nous-Hermes-2-Yi-34B; 0.7 GB and 20 GB.</summary>
    public static ModelGeometry LlavaNext34B { get; } = LlavaNext7B with
    {
        Name = "llava-next-34b",
        Language = new LanguageGeometry(
            Width: 7168, FeedForward: 20480, Heads: 56, KeyValueHeads: 8, Layers: 60, Vocabulary: 64000, ContextLength: 4096),
    };

    /// <summary>LLaVA-Phi-3-mini: LLaVA-1.5's tower and projector on Phi-3-mini.</summary>
    public static ModelGeometry LlavaPhi3Mini { get; } = Llava15_7B with
    {
        Name = "llava-phi-3-mini",
        Language = new LanguageGeometry(
            Width: 3072, FeedForward: 8192, Heads: 32, KeyValueHeads: 32, Layers: 32, Vocabulary: 32064, ContextLength: 4096),
    };

    /// <summary>LLaVA-Llama-3-8B: LLaVA-1.5's tower and projector on Llama 3 8B.</summary>
    public static ModelGeometry LlavaLlama3_8B { get; } = Llava15_7B with
    {
        Name = "llava-llama-3-8b",
        Language = new LanguageGeometry(
            Width: 4096, FeedForward: 14336, Heads: 32, KeyValueHeads: 8, Layers: 32, Vocabulary: 128256, ContextLength: 8192),
    };

    /// <summary>MobileVLM-1.7B (v1): the same tower, the <c>ldp</c> projector (144 visual tokens) and MobileLLaMA 1.4B.</summary>
    public static ModelGeometry MobileVlm1_7B { get; } = new("mobilevlm-1.7b",
        Llava15_7B.Vision,
        new LanguageGeometry(
            Width: 2048, FeedForward: 5632, Heads: 16, KeyValueHeads: 16, Layers: 24, Vocabulary: 32000, ContextLength: 2048),
        GgmlType.Q4_0)
    {
        Projector = ProjectorKind.Ldp,
    };

    /// <summary>MobileVLM_V2-1.7B: as <see cref="MobileVlm1_7B"/> with the <c>ldpv2</c> projector.</summary>
    public static ModelGeometry MobileVlmV2_1_7B { get; } = MobileVlm1_7B with { Name = "mobilevlm-v2-1.7b", Projector = ProjectorKind.LdpV2 };

    /// <summary>MobileVLM-3B (v1): as <see cref="MobileVlm1_7B"/> on MobileLLaMA 2.7B.</summary>
    public static ModelGeometry MobileVlm3B { get; } = MobileVlm1_7B with
    {
        Name = "mobilevlm-3b",
        Language = new LanguageGeometry(
            Width: 2560, FeedForward: 6912, Heads: 32, KeyValueHeads: 32, Layers: 32, Vocabulary: 32000, ContextLength: 2048),
    };

    /// <summary>MobileVLM_V2-3B: as <see cref="MobileVlm3B"/> with the <c>ldpv2</c> projector.</summary>
    public static ModelGeometry MobileVlmV2_3B { get; } = MobileVlm3B with { Name = "mobilevlm-v2-3b", Projector = ProjectorKind.LdpV2 };

    /// <summary>For tests: <see cref="Tiny"/> with the resolutions of LLaVA 1.6 and a newline embedding.</summary>
    public static ModelGeometry TinyNext { get; } = Tiny with { Name = "tiny-next", Grids = NextGrids };

    /// <summary>For tests: <see cref="Tiny"/> with the <c>ldp</c> projector, 9 visual tokens.</summary>
    public static ModelGeometry TinyLdp { get; } = Tiny with { Name = "tiny-ldp", Projector = ProjectorKind.Ldp };

    /// <summary>For tests: <see cref="Tiny"/> with the <c>ldpv2</c> projector, 9 visual tokens.</summary>
    public static ModelGeometry TinyLdpV2 { get; } = Tiny with { Name = "tiny-ldpv2", Projector = ProjectorKind.LdpV2 };

    /// <summary>All named geometries.</summary>
    public static IReadOnlyList<ModelGeometry> All { get; } =
    [
        Tiny, TinyNext, TinyLdp, TinyLdpV2, MobileVlm1_7B, MobileVlmV2_1_7B, MobileVlm3B, MobileVlmV2_3B, LlavaPhi3Mini, Llava15_7B, LlavaNext7B,
        BakLlava1_7B, LlavaNextMistral7B, LlavaLlama3_8B, Llava15_13B, LlavaNext13B, LlavaNext34B,
    ];

    /// <summary>A geometry by its name.</summary>
    /// <exception cref="ArgumentException">There is none of that name; the message lists those there are.</exception>
    public static ModelGeometry ByName(string name) => All.FirstOrDefault(g => g.Name == name)
        ?? throw new ArgumentException($"There is no geometry '{name}'; there are {string.Join(", ", All.Select(static g => g.Name))}.",
            nameof(name));
}
