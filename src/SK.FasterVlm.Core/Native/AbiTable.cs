namespace SK.FasterVlm.Native;

/// <summary>
/// The pinned release of llama.cpp in numbers: versions, struct sizes and field offsets (64-bit), printed by a C program that was
/// compiled against the release's headers, and the default values its functions return. The C# structs are tested against this
/// table; the libraries are checked against it at load. Moving the pin means printing it again (see CONTRIBUTING.md).
/// </summary>
internal static class AbiTable
{
    /// <summary>What <c>llama_version()</c> answers.</summary>
    internal const string LlamaVersion = "0.5.0-dev";

    /// <summary>What <c>ggml_version()</c> answers.</summary>
    internal const string GgmlVersion = "0.25.1";

    /// <summary>Struct name, its size, and "field offset" pairs.</summary>
    internal static readonly (string Name, int Size, string Fields)[] Structs =
    [
        ("llama_model_params", 80,
            "devices 0 tensor_buft_overrides 8 n_gpu_layers 16 split_mode 20 load_mode 24 lazy_mode 28 main_gpu 32 tensor_split 40 "
            + "progress_callback 48 progress_callback_user_data 56 kv_overrides 64 vocab_only 72 check_tensors 73 use_extra_bufts 74 "
            + "no_host 75 no_alloc 76 load_mtp 77"),
        ("llama_context_params", 160,
            "n_ctx 0 n_batch 4 n_ubatch 8 n_seq_max 12 n_rs_seq 16 n_outputs_max 20 n_outputs_max_per_seq 24 n_threads 28 "
            + "n_threads_batch 32 ctx_type 36 rope_scaling_type 40 pooling_type 44 attention_type 48 flash_attn_type 52 "
            + "rope_freq_base 56 rope_freq_scale 60 yarn_ext_factor 64 yarn_attn_factor 68 yarn_beta_fast 72 yarn_beta_slow 76 "
            + "yarn_orig_ctx 80 defrag_thold 84 cb_eval 88 cb_eval_user_data 96 type_k 104 type_v 108 abort_callback 112 "
            + "abort_callback_data 120 embeddings 128 offload_kqv 129 no_perf 130 op_offload 131 swa_full 132 kv_unified 133 "
            + "samplers 136 n_samplers 144 ctx_other 152"),
        ("llama_batch", 56, "n_tokens 0 token 8 embd 16 pos 24 n_seq_id 32 seq_id 40 logits 48"),
        ("llama_sampler_chain_params", 1, "no_perf 0"),
        ("llama_token_data", 12, "id 0 logit 4 p 8"),
        ("llama_token_data_array", 32, "data 0 size 8 selected 16 sorted 24"),
        ("ggml_init_params", 24, "mem_size 0 mem_buffer 8 no_alloc 16"),
        ("ggml_threadpool_params", 528, "cpumask 0 n_threads 512 prio 516 poll 520 strict_cpu 524 paused 525"),
        ("ggml_tensor", 336,
            "type 0 buffer 8 ne 16 nb 48 op 80 op_params 84 flags 148 src 152 view_src 232 view_offs 240 data 248 name 256"),
    ];
}
