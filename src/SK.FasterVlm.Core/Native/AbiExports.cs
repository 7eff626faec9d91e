namespace SK.FasterVlm.Native;

/// <summary>Every function the bindings import, by library. A test compares it with the bindings.</summary>
internal static class AbiExports
{
    internal static readonly (string Library, string[] Functions)[] All =
    [
        ("ggml-base",
        [
            "ggml_version", "ggml_commit", "ggml_init", "ggml_free", "ggml_used_mem", "ggml_tensor_overhead", "ggml_new_tensor",
            "ggml_new_tensor_1d", "ggml_new_tensor_2d", "ggml_new_tensor_3d", "ggml_new_tensor_4d", "ggml_set_name", "ggml_get_name",
            "ggml_op_desc", "ggml_set_input", "ggml_set_output", "ggml_get_data", "ggml_nbytes", "ggml_nelements", "ggml_is_contiguous",
            "ggml_graph_overhead_custom", "ggml_new_graph_custom", "ggml_build_forward_expand", "ggml_graph_n_nodes", "ggml_graph_node",
            "ggml_row_size", "ggml_type_size", "ggml_blck_size", "ggml_type_name", "ggml_is_quantized", "ggml_get_type_traits",
            "ggml_quantize_chunk", "ggml_fp16_to_fp32_row", "ggml_fp32_to_fp16_row", "ggml_log_set", "ggml_set_abort_callback",
            "ggml_mul_mat", "ggml_add", "ggml_mul", "ggml_norm", "ggml_rms_norm", "ggml_gelu", "ggml_gelu_erf", "ggml_gelu_quick",
            "ggml_silu", "ggml_reshape_1d", "ggml_reshape_2d", "ggml_reshape_3d", "ggml_reshape_4d", "ggml_view_1d", "ggml_view_2d",
            "ggml_view_3d", "ggml_view_4d", "ggml_permute", "ggml_transpose", "ggml_cont", "ggml_cont_2d", "ggml_cont_3d", "ggml_cast",
            "ggml_cpy", "ggml_concat", "ggml_get_rows", "ggml_soft_max", "ggml_soft_max_ext", "ggml_flash_attn_ext", "ggml_sum_rows",
            "ggml_mean", "ggml_argsort", "ggml_argsort_top_k", "ggml_top_k", "ggml_scale", "ggml_im2col", "ggml_conv_2d",
            "ggml_relu", "ggml_hardswish", "ggml_hardsigmoid", "ggml_conv_2d_dw_direct",
            "ggml_custom_4d", "ggml_prec_set_acc", "ggml_flash_attn_ext_set_prec", "ggml_mul_mat_set_prec", "ggml_backend_reg_name",
            "ggml_backend_reg_get_proc_address", "ggml_backend_dev_name", "ggml_backend_dev_description", "ggml_backend_dev_memory",
            "ggml_backend_dev_type", "ggml_backend_dev_init", "ggml_backend_dev_buffer_type", "ggml_backend_dev_backend_reg",
            "ggml_backend_dev_buffer_from_host_ptr", "ggml_backend_dev_supports_op", "ggml_backend_free", "ggml_backend_name",
            "ggml_backend_cpu_buffer_from_ptr", "ggml_backend_buft_alloc_buffer", "ggml_backend_buft_get_alignment",
            "ggml_backend_buft_get_max_size", "ggml_backend_buft_get_alloc_size", "ggml_backend_buft_name", "ggml_backend_buft_is_host",
            "ggml_backend_alloc_ctx_tensors_from_buft", "ggml_backend_buffer_free", "ggml_backend_buffer_get_size",
            "ggml_backend_buffer_get_base", "ggml_backend_buffer_set_usage", "ggml_backend_tensor_alloc", "ggml_backend_tensor_set",
            "ggml_backend_tensor_get", "ggml_backend_sched_new", "ggml_backend_sched_free", "ggml_backend_sched_reset",
            "ggml_backend_sched_reserve", "ggml_backend_sched_alloc_graph", "ggml_backend_sched_graph_compute",
            "ggml_backend_sched_get_n_splits", "ggml_backend_sched_get_buffer_size", "ggml_backend_sched_set_eval_callback",
            "ggml_threadpool_params_init", "ggml_gallocr_new", "ggml_gallocr_free", "ggml_gallocr_alloc_graph", "ggml_backend_graph_compute",
        ]),
        ("ggml",
        [
            "ggml_backend_load", "ggml_backend_load_all_from_path", "ggml_backend_reg_count", "ggml_backend_reg_get",
            "ggml_backend_dev_count", "ggml_backend_dev_get", "ggml_backend_dev_by_type",
        ]),
        ("llama",
        [
            "llama_version", "llama_print_system_info", "llama_backend_init", "llama_log_set", "llama_model_default_params",
            "llama_context_default_params", "llama_supports_gpu_offload", "llama_model_load_from_file", "llama_model_free",
            "llama_model_get_vocab", "llama_model_n_ctx_train", "llama_model_n_embd", "llama_model_n_embd_inp", "llama_model_n_layer",
            "llama_model_n_head", "llama_model_n_head_kv", "llama_model_size", "llama_model_has_encoder", "llama_model_has_decoder",
            "llama_model_is_recurrent", "llama_model_meta_val_str", "llama_vocab_n_tokens", "llama_vocab_bos", "llama_vocab_eos",
            "llama_vocab_get_add_bos", "llama_vocab_is_eog", "llama_vocab_is_control", "llama_vocab_get_attr",
            "llama_vocab_get_text", "llama_tokenize",
            "llama_token_to_piece", "llama_init_from_model", "llama_free", "llama_n_ctx", "llama_n_ctx_seq", "llama_n_batch",
            "llama_n_ubatch", "llama_n_seq_max", "llama_set_n_threads", "llama_set_abort_callback", "llama_attach_threadpool", "llama_decode",
            "llama_get_logits_ith", "llama_synchronize", "llama_get_memory", "llama_memory_clear", "llama_memory_seq_rm",
            "llama_memory_seq_cp", "llama_state_seq_get_size", "llama_state_seq_get_data", "llama_state_seq_set_data",
            "llama_memory_seq_pos_min", "llama_memory_seq_pos_max", "llama_sampler_chain_init",
            "llama_sampler_chain_add", "llama_sampler_free", "llama_sampler_init_greedy", "llama_sampler_init_dist",
            "llama_sampler_init_top_k", "llama_sampler_init_top_p", "llama_sampler_init_min_p", "llama_sampler_init_temp",
            "llama_sampler_init_penalties", "llama_sampler_init_grammar", "llama_sampler_apply",
            "llama_sampler_accept",
        ]),
    ];
}
