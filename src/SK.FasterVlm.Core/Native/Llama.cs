using System.Runtime.InteropServices;

namespace SK.FasterVlm.Native;

/// <summary>llama.h: models, vocabularies, contexts, evaluation, the KV cache. Sampling is in LlamaSampling.cs.</summary>
internal static unsafe partial class Llama
{
    internal const string Library = "llama";

    [LibraryImport(Library)]
    internal static partial byte* llama_version();

    [LibraryImport(Library)]
    internal static partial byte* llama_print_system_info();

    [LibraryImport(Library)]
    internal static partial void llama_backend_init();

    /// <summary>Also sets ggml's log callback.</summary>
    [LibraryImport(Library)]
    internal static partial void llama_log_set(
        delegate* unmanaged[Cdecl]<ggml_log_level, byte*, void*, void> log_callback, void* user_data);

    [LibraryImport(Library)]
    internal static partial llama_model_params llama_model_default_params();

    [LibraryImport(Library)]
    internal static partial llama_context_params llama_context_default_params();

    [LibraryImport(Library)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool llama_supports_gpu_offload();

    // Models

    /// <summary>Null, with log lines, when the file cannot be loaded.</summary>
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial llama_model* llama_model_load_from_file(string path_model, llama_model_params @params);

    [LibraryImport(Library)]
    internal static partial void llama_model_free(llama_model* model);

    [LibraryImport(Library)]
    internal static partial llama_vocab* llama_model_get_vocab(LlamaModelHandle model);

    [LibraryImport(Library)]
    internal static partial int llama_model_n_ctx_train(LlamaModelHandle model);

    [LibraryImport(Library)]
    internal static partial int llama_model_n_embd(LlamaModelHandle model);

    [LibraryImport(Library)]
    internal static partial int llama_model_n_embd_inp(LlamaModelHandle model);

    [LibraryImport(Library)]
    internal static partial int llama_model_n_layer(LlamaModelHandle model);

    [LibraryImport(Library)]
    internal static partial int llama_model_n_head(LlamaModelHandle model);

    [LibraryImport(Library)]
    internal static partial int llama_model_n_head_kv(LlamaModelHandle model);

    [LibraryImport(Library)]
    internal static partial ulong llama_model_size(LlamaModelHandle model);

    [LibraryImport(Library)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool llama_model_has_encoder(LlamaModelHandle model);

    [LibraryImport(Library)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool llama_model_has_decoder(LlamaModelHandle model);

    [LibraryImport(Library)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool llama_model_is_recurrent(LlamaModelHandle model);

    /// <summary>Length of the value without its terminator, or -1; call with a null buffer to learn the length.</summary>
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int llama_model_meta_val_str(LlamaModelHandle model, string key, byte* buf, nuint buf_size);

    // Vocabularies: owned by the model

    [LibraryImport(Library)]
    internal static partial int llama_vocab_n_tokens(llama_vocab* vocab);

    [LibraryImport(Library)]
    internal static partial int llama_vocab_bos(llama_vocab* vocab);

    [LibraryImport(Library)]
    internal static partial int llama_vocab_eos(llama_vocab* vocab);

    [LibraryImport(Library)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool llama_vocab_get_add_bos(llama_vocab* vocab);

    [LibraryImport(Library)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool llama_vocab_is_eog(llama_vocab* vocab, int token);

    [LibraryImport(Library)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool llama_vocab_is_control(llama_vocab* vocab, int token);

    /// <summary>Flags: 1 unknown, 2 unused, 4 normal, 8 control, 16 user defined, 32 byte.</summary>
    [LibraryImport(Library)]
    internal static partial int llama_vocab_get_attr(llama_vocab* vocab, int token);

    [LibraryImport(Library)]
    internal static partial byte* llama_vocab_get_text(llama_vocab* vocab, int token);

    /// <summary>Number of tokens written, or minus the number needed when <paramref name="n_tokens_max"/> is too small.</summary>
    [LibraryImport(Library)]
    internal static partial int llama_tokenize(
        llama_vocab* vocab, byte* text, int text_len, int* tokens, int n_tokens_max,
        [MarshalAs(UnmanagedType.U1)] bool add_special, [MarshalAs(UnmanagedType.U1)] bool parse_special);

    /// <summary>Number of bytes written (no terminator), or minus the number needed.</summary>
    [LibraryImport(Library)]
    internal static partial int llama_token_to_piece(
        llama_vocab* vocab, int token, byte* buf, int length, int lstrip, [MarshalAs(UnmanagedType.U1)] bool special);

    // Contexts

    /// <summary>Null, with log lines, when memory or settings do not allow it. The KV cache is allocated here: bound n_ctx first.</summary>
    [LibraryImport(Library)]
    internal static partial llama_context* llama_init_from_model(LlamaModelHandle model, llama_context_params @params);

    [LibraryImport(Library)]
    internal static partial void llama_free(llama_context* ctx);

    [LibraryImport(Library)]
    internal static partial uint llama_n_ctx(LlamaContextHandle ctx);

    [LibraryImport(Library)]
    internal static partial uint llama_n_ctx_seq(LlamaContextHandle ctx);

    [LibraryImport(Library)]
    internal static partial uint llama_n_batch(LlamaContextHandle ctx);

    [LibraryImport(Library)]
    internal static partial uint llama_n_ubatch(LlamaContextHandle ctx);

    [LibraryImport(Library)]
    internal static partial uint llama_n_seq_max(LlamaContextHandle ctx);

    [LibraryImport(Library)]
    internal static partial void llama_set_n_threads(LlamaContextHandle ctx, int n_threads, int n_threads_batch);

    [LibraryImport(Library)]
    internal static partial void llama_set_abort_callback(
        LlamaContextHandle ctx, delegate* unmanaged[Cdecl]<void*, byte> abort_callback, void* abort_callback_data);

    /// <summary>Threads for evaluations of one row, and of more. They must outlive the context.</summary>
    [LibraryImport(Library)]
    internal static partial void llama_attach_threadpool(LlamaContextHandle ctx, ggml_threadpool* threadpool, ggml_threadpool* threadpool_batch);

    /// <summary>0 done, 1 no room in the KV cache, 2 aborted by the callback, negative: refused or failed.</summary>
    [LibraryImport(Library)]
    internal static partial int llama_decode(LlamaContextHandle ctx, llama_batch batch);

    /// <summary>Logits of the i-th row of the last batch (negative: from the end); null when that row asked for none.</summary>
    [LibraryImport(Library)]
    internal static partial float* llama_get_logits_ith(LlamaContextHandle ctx, int i);

    [LibraryImport(Library)]
    internal static partial void llama_synchronize(LlamaContextHandle ctx);

    // The KV cache: positions are half-open ranges [p0, p1), negative means open

    [LibraryImport(Library)]
    internal static partial llama_memory* llama_get_memory(LlamaContextHandle ctx);

    [LibraryImport(Library)]
    internal static partial void llama_memory_clear(llama_memory* mem, [MarshalAs(UnmanagedType.U1)] bool data);

    [LibraryImport(Library)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool llama_memory_seq_rm(llama_memory* mem, int seq_id, int p0, int p1);

    [LibraryImport(Library)]
    internal static partial void llama_memory_seq_cp(llama_memory* mem, int seq_id_src, int seq_id_dst, int p0, int p1);

    /// <summary>Bytes <see cref="llama_state_seq_get_data"/> writes.</summary>
    [LibraryImport(Library)]
    internal static partial nuint llama_state_seq_get_size(LlamaContextHandle ctx, int seq_id);

    /// <summary>0 on failure.</summary>
    [LibraryImport(Library)]
    internal static partial nuint llama_state_seq_get_data(LlamaContextHandle ctx, byte* dst, nuint size, int seq_id);

    /// <summary>Replaces a sequence by what <see cref="llama_state_seq_get_data"/> wrote; 0 on failure.</summary>
    [LibraryImport(Library)]
    internal static partial nuint llama_state_seq_set_data(LlamaContextHandle ctx, byte* src, nuint size, int dest_seq_id);

    [LibraryImport(Library)]
    internal static partial int llama_memory_seq_pos_min(llama_memory* mem, int seq_id);

    /// <summary>-1 when the sequence is empty.</summary>
    [LibraryImport(Library)]
    internal static partial int llama_memory_seq_pos_max(llama_memory* mem, int seq_id);
}
