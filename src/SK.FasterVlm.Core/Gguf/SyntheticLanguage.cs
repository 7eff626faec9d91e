namespace SK.FasterVlm.Gguf;

/// <summary>The language half of a synthetic model: architecture "llama" or "phi3", names and order as llama.cpp's own converter.</summary>
static class SyntheticLanguage
{
    internal static GgufWriter Build(ModelGeometry geometry, SyntheticModelOptions options)
    {
        LanguageGeometry g = geometry.Language;
        GgmlType type = options.LanguageType ?? geometry.LanguageType;
        var writer = new GgufWriter();
        AddKeys(writer, geometry, options, type);
        SyntheticVocabulary.AddTo(writer, options.Vocabulary, g.Vocabulary);
        var weights = new SyntheticWeights(options.Seed);

        // Visual tokens leave the synthetic projector at the same scale as these rows, so that both matter.
        Matrix("token_embd.weight", type, g.Width, g.Vocabulary, deviation: 0.5f);
        Gain("output_norm.weight");
        // llama.cpp's q4_0 files keep the output matrix in Q6_K. Wide logits make the greedy choice clear.
        GgmlType outputType = type is GgmlType.Q4_0 && g.Width % 256 == 0 ? GgmlType.Q6_K : type is GgmlType.Q4_0 ? GgmlType.Q8_0 : type;
        Matrix("output.weight", outputType, g.Width, g.Vocabulary, deviation: 3 / MathF.Sqrt(g.Width));
        int keyValueWidth = g.Width / g.Heads * g.KeyValueHeads;
        float residual = 1 / MathF.Sqrt(2 * g.Layers); // keeps the sum of all layers at the scale of one
        bool fused = options.Architecture == SyntheticArchitecture.Phi3; // queries, keys and values in one matrix, gate and up in another
        for (int i = 0; i < g.Layers; i++)
        {
            Gain($"blk.{i}.attn_norm.weight");
            if (fused) Matrix($"blk.{i}.attn_qkv.weight", type, g.Width, g.Width + 2 * keyValueWidth);
            else
            {
                Matrix($"blk.{i}.attn_q.weight", type, g.Width, g.Width);
                Matrix($"blk.{i}.attn_k.weight", type, g.Width, keyValueWidth);
                Matrix($"blk.{i}.attn_v.weight", type, g.Width, keyValueWidth);
            }
            Matrix($"blk.{i}.attn_output.weight", type, g.Width, g.Width, residual / MathF.Sqrt(g.Width));
            Gain($"blk.{i}.ffn_norm.weight");
            if (!fused) Matrix($"blk.{i}.ffn_gate.weight", type, g.Width, g.FeedForward);
            Matrix($"blk.{i}.ffn_up.weight", type, g.Width, fused ? 2 * g.FeedForward : g.FeedForward);
            Matrix($"blk.{i}.ffn_down.weight", type, g.FeedForward, g.Width, residual / MathF.Sqrt(g.FeedForward));
        }
        return writer;

        void Matrix(string name, GgmlType stored, int columns, int rows, float? deviation = null) => writer.AddTensor(
            name, stored, [columns, rows], weights.Random(name, stored, deviation ?? 1 / MathF.Sqrt(columns)));

        void Gain(string name) => writer.AddTensor(name, GgmlType.F32, [g.Width], weights.Random(name, GgmlType.F32, 0.05f, mean: 1));
    }

    static void AddKeys(GgufWriter writer, ModelGeometry geometry, SyntheticModelOptions options, GgmlType type)
    {
        LanguageGeometry g = geometry.Language;
        string architecture = options.Architecture == SyntheticArchitecture.Phi3 ? "phi3" : "llama";
        writer.Add("general.architecture", architecture)
            .Add("general.name", options.Name ?? $"{geometry.Name} (synthetic, seed {options.Seed})")
            .Add("general.file_type", FileType(type))
            .Add("general.quantization_version", 2u)
            .Add($"{architecture}.context_length", (uint)(options.ContextLength ?? g.ContextLength))
            .Add($"{architecture}.embedding_length", (uint)g.Width)
            .Add($"{architecture}.block_count", (uint)g.Layers)
            .Add($"{architecture}.feed_forward_length", (uint)g.FeedForward)
            .Add($"{architecture}.rope.dimension_count", (uint)(g.Width / g.Heads))
            .Add($"{architecture}.attention.head_count", (uint)g.Heads)
            .Add($"{architecture}.attention.head_count_kv", (uint)g.KeyValueHeads)
            .Add($"{architecture}.attention.layer_norm_rms_epsilon", 1e-5f)
            .Add($"{architecture}.vocab_size", (uint)g.Vocabulary);
        if (options.ChatTemplate is not null) writer.Add("tokenizer.chat_template", options.ChatTemplate);
    }

    /// <summary>llama.cpp's number for "mostly of this type".</summary>
    internal static uint FileType(GgmlType type) => type switch
    {
        GgmlType.F32 => 0,
        GgmlType.F16 => 1,
        GgmlType.Q4_0 => 2,
        GgmlType.Q8_0 => 7,
        GgmlType.Q4_K => 14,
        GgmlType.Q5_K => 16,
        GgmlType.Q6_K => 18,
        GgmlType.BF16 => 32,
        _ => throw new ArgumentException($"Synthetic models can be F32, F16, BF16, Q8_0, Q6_K, Q5_K, Q4_K or Q4_0, not {type}.", nameof(type)),
    };
}
