using System.Runtime.InteropServices;

namespace SK.FasterVlm.Native;

/// <summary>How the weights get into memory (<c>enum llama_load_mode</c>).</summary>
internal enum llama_load_mode
{
    LLAMA_LOAD_MODE_AUTO = -1,
    LLAMA_LOAD_MODE_NONE = 0,
    LLAMA_LOAD_MODE_MMAP = 1,
    LLAMA_LOAD_MODE_MLOCK = 2,
    LLAMA_LOAD_MODE_MMAP_MLOCK = 3,
    LLAMA_LOAD_MODE_DIRECT_IO = 4,
}

/// <summary>Flash attention in the language model (<c>enum llama_flash_attn_type</c>).</summary>
internal enum llama_flash_attn_type
{
    LLAMA_FLASH_ATTN_TYPE_AUTO = -1,
    LLAMA_FLASH_ATTN_TYPE_DISABLED = 0,
    LLAMA_FLASH_ATTN_TYPE_ENABLED = 1,
}

/// <summary>Opaque.</summary>
internal struct llama_model;

/// <summary>Opaque.</summary>
internal struct llama_vocab;

/// <summary>Opaque.</summary>
internal struct llama_context;

/// <summary>Opaque; null for a model without a cache.</summary>
internal struct llama_memory;

/// <summary>Opaque.</summary>
internal struct llama_sampler;

/// <summary>How to load a model. Layout and default values are checked at load (<see cref="AbiCheck"/>).</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct llama_model_params
{
    public ggml_backend_device** devices;
    public void* tensor_buft_overrides;
    public int n_gpu_layers;
    public int split_mode;
    public llama_load_mode load_mode;
    public int lazy_mode;
    public int main_gpu;
    public float* tensor_split;
    public delegate* unmanaged[Cdecl]<float, void*, byte> progress_callback;
    public void* progress_callback_user_data;
    public void* kv_overrides;
    public byte vocab_only;
    public byte check_tensors;
    public byte use_extra_bufts;
    public byte no_host;
    public byte no_alloc;
    public byte load_mtp;
}

/// <summary>How to make a context. Layout and default values are checked at load (<see cref="AbiCheck"/>).</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct llama_context_params
{
    public uint n_ctx;
    public uint n_batch;
    public uint n_ubatch;
    public uint n_seq_max;
    public uint n_rs_seq;
    public uint n_outputs_max;
    public uint n_outputs_max_per_seq;
    public int n_threads;
    public int n_threads_batch;
    public int ctx_type;
    public int rope_scaling_type;
    public int pooling_type;
    public int attention_type;
    public llama_flash_attn_type flash_attn_type;
    public float rope_freq_base;
    public float rope_freq_scale;
    public float yarn_ext_factor;
    public float yarn_attn_factor;
    public float yarn_beta_fast;
    public float yarn_beta_slow;
    public uint yarn_orig_ctx;
    public float defrag_thold;
    public delegate* unmanaged[Cdecl]<ggml_tensor*, byte, void*, byte> cb_eval;
    public void* cb_eval_user_data;
    public ggml_type type_k;
    public ggml_type type_v;
    public delegate* unmanaged[Cdecl]<void*, byte> abort_callback;
    public void* abort_callback_data;
    public byte embeddings;
    public byte offload_kqv;
    public byte no_perf;
    public byte op_offload;
    public byte swa_full;
    public byte kv_unified;
    public void* samplers;
    public nuint n_samplers;
    public llama_context* ctx_other;
}

/// <summary>
/// Rows to evaluate. Exactly one of <c>token</c> and <c>embd</c> is set (neither ends the process), and
/// <c>n_tokens</c> never exceeds the context's n_batch (more ends the process).
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct llama_batch
{
    public int n_tokens;
    public int* token;
    public float* embd;
    public int* pos;
    public int* n_seq_id;
    public int** seq_id;
    public byte* logits;
}

/// <summary>Options of a sampler chain.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct llama_sampler_chain_params
{
    public byte no_perf;
}

/// <summary>A candidate for the next token.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct llama_token_data
{
    public int id;
    public float logit;
    public float p;
}

/// <summary>Candidates; samplers reorder and shorten them, and the last one selects an index.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct llama_token_data_array
{
    public llama_token_data* data;
    public nuint size;
    public long selected;
    public byte sorted;
}
