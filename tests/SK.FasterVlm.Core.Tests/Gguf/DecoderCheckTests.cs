using SK.FasterVlm.Gguf;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Core.Tests.Gguf;

/// <summary>Row F6: headers and tensor types that end the process in llama.cpp (each was tried there) are refused before it sees them.</summary>
public sealed class DecoderCheckTests
{
    static readonly string[] s_layers = ["llama.attention.head_count", "llama.attention.head_count_kv"];

    public static TheoryData<string, object> Bad => new()
    {
        { "llama.expert_count", 4u },
        { "llama.expert_group_count", 2u },
        { "llama.expert_used_count", 1u },
        { "llama.nextn_predict_layers", 2u },
        { "llama.nextn_predict_layers", uint.MaxValue },
        { "llama.rope.scaling.type", "foo" },
        { "llama.rope.scaling.type", "\u001b[31mred" },
        { "llama.attention.head_count", new int[] { 2, 4 } },
        { "llama.attention.head_count", new int[] { 0, 0 } },
        { "llama.attention.head_count", new int[] { -2, -2 } },
        { "llama.attention.head_count", new int[] { 3, 3 } },
        { "llama.attention.head_count", new int[] { 2 } },
        { "llama.attention.head_count", Array.Empty<int>() },
        { "llama.attention.head_count", new float[] { 2, 2 } },
        { "llama.attention.head_count_kv", new int[] { 2, 1 } },
        { "llama.attention.head_count_kv", new int[] { 2, 0 } },
        { "llama.attention.head_count_kv", new int[] { 3, 3 } },
        { "llama.attention.key_length", 0u },
        { "llama.attention.key_length", 64u },
        { "llama.attention.key_length", 31u },
        { "llama.attention.key_length", 100_000u },
        { "llama.attention.value_length", 64u },
        { "llama.attention.value_length", 0u },
        { "llama.attention.key_length_swa", 64u },
        { "llama.attention.value_length_swa", 64u },
        { "llama.rope.dimension_count_swa", 64u },
        { "llama.rope.dimension_count", 16u },
        { "tokenizer.ggml.model", "none" },
        { "tokenizer.ggml.model", "no_vocab" },
        { "tokenizer.ggml.model", "t5" },
        { "tokenizer.ggml.model", "rwkv" },
        { "tokenizer.ggml.model", "plamo2" },
        { "tokenizer.ggml.model", "bert" },
    };

    [Theory, MemberData(nameof(Bad))]
    public void F6_a_header_the_library_would_die_of_is_refused_by_its_key(string key, object value)
    {
        var error = Assert.Throws<ModelFormatException>(() => LanguageHeader.Read(GgufEdit.Model().Set(key, value).ToFile()));
        Assert.DoesNotContain(error.Message, char.IsControl);
        // A width of heads is wrong only beside others, so the message may name one of these.
        string field = key[..key.LastIndexOf('.')];
        Assert.StartsWith(field, error.Field, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4u, 0u, 0u)]
    [InlineData(4u, 5u, 0u)]
    [InlineData(4u, 2u, 4u)]
    [InlineData(4u, 2u, 3u)]
    [InlineData(4u, 2u, 2u)] // no groups are used
    public void F6_experts_must_add_up(uint count, uint used, uint groups)
    {
        GgufEdit edit = GgufEdit.Model().Set("llama.expert_count", count).Set("llama.expert_used_count", used).Set("llama.expert_group_count", groups);
        Assert.Contains("expert", Assert.Throws<ModelFormatException>(() => LanguageHeader.Read(edit.ToFile())).Field, StringComparison.Ordinal);
    }

    [Fact]
    public void F6_a_head_width_of_its_own_does_not_switch_the_rope_check_off()
    {
        GgufEdit edit = GgufEdit.Model().Set("llama.attention.key_length", 64u).Set("llama.attention.value_length", 64u);
        Assert.Equal("llama.rope.dimension_count", Assert.Throws<ModelFormatException>(() => LanguageHeader.Read(edit.ToFile())).Field);
        Assert.Equal(2, LanguageHeader.Read(edit.Set("llama.rope.dimension_count", 64u).ToFile()).HeadCount);
    }

    [Theory]
    [InlineData(30u, true)] // Phi-4-mini turns three quarters of a head
    [InlineData(32u, true)]
    [InlineData(0u, false)]
    [InlineData(31u, false)]
    [InlineData(34u, false)]
    public void F6_architectures_that_turn_a_part_of_a_head_may(uint rotated, bool allowed)
    {
        GgufFile file = GgufEdit.Model(new() { Architecture = SyntheticArchitecture.Phi3 }).Set("phi3.rope.dimension_count", rotated).ToFile();
        if (allowed) Assert.Equal("phi3", LanguageHeader.Read(file).Architecture);
        else Assert.Equal("phi3.rope.dimension_count", Assert.Throws<ModelFormatException>(() => LanguageHeader.Read(file)).Field);
    }

    [Fact]
    public void Heads_given_for_each_layer_are_one_number_when_they_are_alike()
    {
        GgufEdit edit = GgufEdit.Model();
        foreach (string key in s_layers) edit.Set(key, new[] { 2, 2 });
        LanguageHeader header = LanguageHeader.Read(edit.ToFile());
        Assert.Equal((2, 2), (header.HeadCount, header.KeyValueHeadCount));
    }

    [Theory]
    [InlineData("blk.0.attn_norm.weight", GgmlType.F16)]
    [InlineData("blk.1.ffn_norm.weight", GgmlType.I32)]
    [InlineData("output_norm.weight", GgmlType.Q8_0)]
    [InlineData("output_norm.weight", GgmlType.BF16)]
    [InlineData("blk.0.attn_q.weight", GgmlType.I8)]
    [InlineData("blk.0.attn_q.weight", GgmlType.F64)]
    [InlineData("blk.1.ffn_down.weight", GgmlType.Q8_1)]
    [InlineData("output.weight", GgmlType.I32)]
    [InlineData("token_embd.weight", GgmlType.I32)]
    [InlineData("token_embd.weight", GgmlType.Q8_1)]
    public void F6_a_tensor_of_a_type_the_kernels_do_not_take_is_refused_by_its_name(string tensor, GgmlType type)
    {
        var error = Assert.Throws<ModelFormatException>(() => LanguageHeader.Read(GgufEdit.Model().Retype(tensor, type).ToFile()));
        Assert.Equal(tensor, error.Field);
        Assert.Contains(type.ToString(), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void L4_sizes_whose_product_is_beyond_any_memory_are_refused_in_words()
    {
        string path = Path.GetTempFileName();
        try
        {
            // Heads as wide and as many as the header's check lets through, in the longest cache.
            File.WriteAllBytes(path, GgufEdit.Model().Set("llama.block_count", 512u).Set("llama.attention.head_count", 65_536u).Set("llama.attention.head_count_kv", 65_536u)
                .Set("llama.attention.key_length", 8192u).Set("llama.attention.value_length", 8192u).Set("llama.rope.dimension_count", 8192u).ToArray());
            using LanguageModelFile file = LanguageModelFile.Open(path);
            FasterVlmOptions options = new() { KvCache = KvCacheType.F32 };
            foreach (bool flash in new[] { true, false })
            {
                var error = Assert.Throws<NativeRuntimeException>(
                    () => LlamaCppLoader.CheckMemory(file, options, 67_108_864, hostLayers: 512, flash, available: long.MaxValue / 2));
                Assert.Contains("67108864 positions", error.Message, StringComparison.Ordinal);
            }
        }
        finally
        {
            File.Delete(path);
        }
    }
}
