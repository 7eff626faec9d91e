namespace SK.FasterVlm.Gguf;

/// <summary>
/// The vision half of a synthetic model: tower and projector in one file, keys and names as the LLaVA converter wrote them.
/// </summary>
static class SyntheticProjector
{
    internal static GgufWriter Build(ModelGeometry geometry, SyntheticModelOptions options)
    {
        VisionGeometry v = geometry.Vision;
        bool legacy = options.Layout == TowerLayout.Legacy;
        int layers = legacy ? v.Layers : v.Layers + 1;
        var writer = new GgufWriter();
        AddKeys(writer, geometry, options, layers);
        var weights = new SyntheticWeights(options.Seed);
        GgmlType type = options.VisionType;
        // Convolution and positions are never quantised; ggml cannot convolve with blocks.
        GgmlType plain = type is GgmlType.F32 ? GgmlType.F32 : GgmlType.F16;

        AddVector("v.class_embd", v.Width, 0.5f);
        Add("v.patch_embd.weight", plain, [v.PatchSize, v.PatchSize, 3, v.Width], 1 / MathF.Sqrt(3 * v.PatchSize * v.PatchSize));
        Add("v.position_embd.weight", plain, [v.Width, v.PatchCount + 1], 0.5f);
        AddNorm("v.pre_ln", v.Width);
        (string first, string second) = legacy ? ("ffn_down", "ffn_up") : ("ffn_up", "ffn_down");
        float residual = 1 / MathF.Sqrt(2 * layers);
        for (int i = 0; i < layers; i++)
        {
            foreach (string part in (string[])["attn_q", "attn_k", "attn_v"]) AddLinear($"v.blk.{i}.{part}", v.Width, v.Width);
            AddLinear($"v.blk.{i}.attn_out", v.Width, v.Width, residual);
            AddNorm($"v.blk.{i}.ln1", v.Width);
            AddLinear($"v.blk.{i}.{first}", v.Width, v.FeedForward);
            AddLinear($"v.blk.{i}.{second}", v.FeedForward, v.Width, residual);
            AddNorm($"v.blk.{i}.ln2", v.Width);
        }
        AddProjector(v.Width, geometry.Language.Width);
        if (geometry.Grids.Count > 0) AddVector("model.image_newline", geometry.Language.Width, 0.5f);
        return writer;

        void AddProjector(int from, int to)
        {
            switch (KindOf(geometry, options))
            {
                case ProjectorKind.Mlp:
                    AddLinear("mm.0", from, to);
                    AddLinear("mm.2", to, to, 0.5f);
                    break;
                case ProjectorKind.MlpNorm:
                    AddLinear("mm.0", from, to);
                    AddNorm("mm.1", to);
                    AddLinear("mm.3", to, to);
                    AddNorm("mm.4", to, gain: 0.5f);
                    break;
                case ProjectorKind.Ldp:
                    AddLinear("mm.model.mlp.1", from, to);
                    AddLinear("mm.model.mlp.3", to, to);
                    for (int block = 1; block <= 2; block++) AddMobileBlock($"mm.model.mb_block.{block}.block", to);
                    break;
                default:
                    AddLinear("mm.model.mlp.0", from, to);
                    AddLinear("mm.model.mlp.2", to, to);
                    Add("mm.model.peg.0.weight", plain, [3, 3, 1, to], 1 / 3f);
                    AddVector("mm.model.peg.0.bias", to, 0.02f);
                    break;
            }
        }

        // An inverted residual of MobileNetV3: depthwise convolution, squeeze and excitation, pointwise convolution.
        void AddMobileBlock(string name, int width)
        {
            int squeezed = Math.Max(8, width / 4);
            Add($"{name}.0.0.weight", plain, [3, 3, 1, width], 1 / 3f);
            AddNorm($"{name}.0.1", width);
            AddLinear($"{name}.1.fc1", width, squeezed);
            AddLinear($"{name}.1.fc2", squeezed, width, 3);
            Add($"{name}.2.0.weight", width % type.BlockSize() == 0 ? type : plain, [width, width], 1 / MathF.Sqrt(width));
            AddNorm($"{name}.2.1", width, gain: 0.5f);
        }

        void AddLinear(string name, int from, int to, float scale = 1)
        {
            Add($"{name}.weight", from % type.BlockSize() == 0 ? type : plain, [from, to], scale / MathF.Sqrt(from));
            AddVector($"{name}.bias", to, 0.02f);
        }

        void AddNorm(string name, int width, float gain = 1)
        {
            AddVector($"{name}.weight", width, 0.05f, gain);
            AddVector($"{name}.bias", width, 0.02f);
        }

        void AddVector(string name, int width, float deviation, float mean = 0) =>
            writer.AddTensor(name, GgmlType.F32, [width], weights.Random(name, GgmlType.F32, deviation, mean));

        void Add(string name, GgmlType stored, ReadOnlySpan<long> dims, float deviation) =>
            writer.AddTensor(name, stored, dims, weights.Random(name, stored, deviation));
    }

    static ProjectorKind KindOf(ModelGeometry geometry, SyntheticModelOptions options) => options.Projector ?? geometry.Projector;

    static void AddKeys(GgufWriter writer, ModelGeometry geometry, SyntheticModelOptions options, int layers)
    {
        VisionGeometry v = geometry.Vision;
        writer.Add("general.architecture", "clip")
            .Add("general.name", $"{geometry.Name} projector (synthetic, seed {options.Seed})")
            .Add("general.file_type", SyntheticLanguage.FileType(options.VisionType))
            .Add("clip.has_text_encoder", false)
            .Add("clip.has_vision_encoder", true)
            .Add("clip.has_llava_projector", true)
            .Add("clip.projector_type", KindOf(geometry, options) switch
            {
                ProjectorKind.Mlp => "mlp",
                ProjectorKind.MlpNorm => "mlp_norm",
                ProjectorKind.Ldp => "ldp",
                _ => "ldpv2",
            })
            .Add("clip.use_gelu", options.UseGelu)
            .Add("clip.vision.image_size", (uint)v.ImageSize)
            .Add("clip.vision.patch_size", (uint)v.PatchSize)
            .Add("clip.vision.embedding_length", (uint)v.Width)
            .Add("clip.vision.feed_forward_length", (uint)v.FeedForward)
            .Add("clip.vision.projection_dim", 768u)
            .Add("clip.vision.attention.head_count", (uint)v.Heads)
            .Add("clip.vision.attention.layer_norm_epsilon", 1e-5f)
            .Add("clip.vision.block_count", (uint)layers)
            .Add("clip.vision.image_mean", [0.48145466f, 0.4578275f, 0.40821073f])
            .Add("clip.vision.image_std", [0.26862954f, 0.26130258f, 0.27577711f]);
        if (geometry.Grids.Count > 0)
        {
            writer.Add("clip.vision.image_aspect_ratio", "anyres")
                .Add("clip.vision.mm_patch_merge_type", "spatial_unpad")
                .Add("clip.vision.image_grid_pinpoints",
                    (int[])[.. geometry.Grids.SelectMany(g => (int[])[g.Columns * v.ImageSize, g.Rows * v.ImageSize])]);
        }
        if (options.Layout == TowerLayout.FeatureLayer) writer.Add("clip.vision.feature_layer", (int[])[v.Layers]);
    }
}
