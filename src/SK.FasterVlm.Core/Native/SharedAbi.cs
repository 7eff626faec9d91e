namespace SK.FasterVlm.Native;

/// <summary>
/// A release of llama.cpp that another binding of this process may have loaded and that this library can share: the vision tower on
/// ggml, the tokeniser and the samplers of libllama. Loading models and making contexts is not among it: their parameter structs
/// differ between releases, and the binding that loaded the library has its own.
/// <para>
/// What a release was checked for, function by function, against its own headers: the signatures of <see cref="Needed"/>, and, printed
/// by a C program, the layouts of <c>ggml_tensor</c> (336 bytes), <c>ggml_init_params</c> (24), the head of <c>ggml_type_traits</c>,
/// <c>llama_token_data</c> (12), <c>llama_token_data_array</c> (32), <c>llama_sampler_chain_params</c> (1), and the values of the
/// enumerations. <see cref="AbiCheck.RunShared"/> reads the layouts off the running library as well. A release that is not in the table
/// is refused, whatever it looks like.
/// </para>
/// </summary>
/// <param name="GgmlVersion">What <c>ggml_version()</c> answers.</param>
/// <param name="Origin">Where the release is found, for people to read.</param>
/// <param name="PenaltiesTakeVocabulary">
/// Whether <c>llama_sampler_init_penalties</c> has the vocabulary's size as its first argument; the one function needed that differs.
/// </param>
internal sealed record SharedAbi(string GgmlVersion, string Origin, bool PenaltiesTakeVocabulary)
{
    /// <summary>The pinned release.</summary>
    internal static readonly SharedAbi Pinned = new(AbiTable.GgmlVersion, $"llama.cpp {AbiTable.LlamaVersion}", true);

    /// <summary>Every release that was checked.</summary>
    internal static readonly SharedAbi[] Accepted =
    [
        Pinned,
        new("0.12.0", "llama.cpp c0c7e147e7 (2026-05-23), which LLamaSharp 0.28 is built on", false),
    ];

    /// <summary>
    /// Every function that the tower, the tokeniser and the samplers call, by library. A test compares it with their sources.
    /// </summary>
    internal static readonly (string Library, string[] Functions)[] Needed =
    [
        ("ggml-base",
        [
            "ggml_version", "ggml_commit", "ggml_init", "ggml_free", "ggml_tensor_overhead", "ggml_new_tensor_1d", "ggml_new_tensor_2d",
            "ggml_new_tensor_3d", "ggml_set_name", "ggml_set_input", "ggml_set_output", "ggml_nbytes",
            "ggml_nelements", "ggml_is_contiguous", "ggml_graph_overhead_custom", "ggml_new_graph_custom", "ggml_build_forward_expand",
            "ggml_type_name", "ggml_get_type_traits", "ggml_quantize_chunk", "ggml_mul_mat", "ggml_add", "ggml_mul", "ggml_norm",
            "ggml_gelu_erf", "ggml_silu", "ggml_scale", "ggml_reshape_2d", "ggml_reshape_3d", "ggml_view_1d", "ggml_view_2d",
            "ggml_permute", "ggml_cast", "ggml_cpy", "ggml_concat", "ggml_get_rows", "ggml_soft_max_ext", "ggml_flash_attn_ext",
            "ggml_flash_attn_ext_set_prec", "ggml_custom_4d", "ggml_reshape_1d", "ggml_reshape_4d", "ggml_view_3d", "ggml_transpose",
            "ggml_cont", "ggml_mean", "ggml_relu", "ggml_hardswish", "ggml_hardsigmoid", "ggml_conv_2d_dw_direct", "ggml_backend_reg_name", "ggml_backend_reg_get_proc_address", "ggml_backend_dev_name",
            "ggml_backend_dev_description", "ggml_backend_dev_memory", "ggml_backend_dev_type", "ggml_backend_dev_init",
            "ggml_backend_dev_buffer_type", "ggml_backend_dev_backend_reg", "ggml_backend_free", "ggml_backend_cpu_buffer_from_ptr",
            "ggml_backend_alloc_ctx_tensors_from_buft", "ggml_backend_buffer_free", "ggml_backend_buffer_set_usage",
            "ggml_backend_tensor_alloc", "ggml_backend_tensor_set", "ggml_backend_tensor_get", "ggml_backend_sched_new",
            "ggml_backend_sched_free", "ggml_backend_sched_reset", "ggml_backend_sched_alloc_graph", "ggml_backend_sched_graph_compute",
        ]),
        ("ggml", ["ggml_backend_dev_count", "ggml_backend_dev_get", "ggml_backend_dev_by_type"]),
        ("llama",
        [
            "llama_print_system_info", "llama_model_get_vocab", "llama_vocab_n_tokens", "llama_vocab_bos", "llama_vocab_eos",
            "llama_vocab_get_add_bos", "llama_vocab_is_eog", "llama_vocab_get_attr", "llama_vocab_get_text", "llama_tokenize",
            "llama_token_to_piece", "llama_sampler_chain_init", "llama_sampler_chain_add", "llama_sampler_free",
            "llama_sampler_init_greedy", "llama_sampler_init_dist", "llama_sampler_init_top_k", "llama_sampler_init_top_p",
            "llama_sampler_init_min_p", "llama_sampler_init_temp", "llama_sampler_init_penalties", "llama_sampler_init_grammar",
            "llama_sampler_apply", "llama_sampler_accept",
        ]),
    ];

    /// <summary>The release of a ggml version, or null when it was never checked.</summary>
    internal static SharedAbi? Find(string ggmlVersion) => Array.Find(Accepted, a => a.GgmlVersion == ggmlVersion);
}
