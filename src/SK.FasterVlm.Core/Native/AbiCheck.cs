using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace SK.FasterVlm.Native;

/// <summary>
/// Refuses libraries that are not the pinned release, before anything else is called: a struct that is one field longer would be
/// written past its end without any error.
/// </summary>
internal static unsafe class AbiCheck
{
    /// <summary>Larger than any struct the library may return, so that even a wrong library cannot write past it.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 1024)]
    struct Roomy;

    /// <summary>Checks versions, exports, the layout of ggml's structs and llama's default values, in this order.</summary>
    /// <exception cref="NativeRuntimeException">The libraries are not the pinned release; the message says in what.</exception>
    internal static void Run(NativeLibraries libraries)
    {
        Version(libraries, libraries.Llama, "llama_version", AbiTable.LlamaVersion);
        Version(libraries, libraries.GgmlBase, "ggml_version", AbiTable.GgmlVersion);
        Exports(libraries, AbiExports.All);
        if (AbiProbe.FindDifference(libraries) is { } difference)
        {
            throw new NativeRuntimeException(
                $"The libraries in {libraries.Directory} say they are the pinned release but {difference}: the layout of their structs has changed.");
        }
        Defaults(libraries);
    }

    /// <summary>Checks libraries that another binding of this process has loaded, for what can be shared of them.</summary>
    /// <exception cref="NativeRuntimeException">They are of no release in <see cref="SharedAbi.Accepted"/>, or differ from it.</exception>
    internal static SharedAbi RunShared(NativeLibraries libraries)
    {
        string found = Answer(libraries.GgmlBase, "ggml_version");
        SharedAbi abi = SharedAbi.Find(found)
            ?? throw new NativeRuntimeException(
                $"The vision tower cannot run on the ggml {found} in {libraries.Directory}: it was checked on "
                + $"{string.Join(" and ", SharedAbi.Accepted.Select(static a => $"ggml {a.GgmlVersion} ({a.Origin})"))}. "
                + "Use one of these releases of the package that brings it, or run the model without it.");
        Exports(libraries, SharedAbi.Needed);
        if (AbiProbe.FindDifference(libraries) is { } difference)
            throw new NativeRuntimeException($"The libraries in {libraries.Directory} call themselves ggml {found} but {difference}.");
        return abi;
    }

    /// <summary>Whether the libraries are of the pinned release by what they answer.</summary>
    internal static bool IsPinned(NativeLibraries libraries) =>
        Answer(libraries.Llama, "llama_version") == AbiTable.LlamaVersion
        && Answer(libraries.GgmlBase, "ggml_version") == AbiTable.GgmlVersion;

    // A library without the function is older than the function.
    static string Answer(nint library, string function) =>
        NativeLibrary.TryGetExport(library, function, out nint address)
            ? Utf8.Read(((delegate* unmanaged[Cdecl]<byte*>)address)())
            : "none, an older release";

    static void Version(NativeLibraries libraries, nint library, string function, string expected)
    {
        string found = Answer(library, function);
        if (found != expected)
        {
            throw new NativeRuntimeException(
                $"The libraries in {libraries.Directory} are of the wrong release: {function}() is {found}, this build needs {expected}. "
                + $"Use the package pinned in src/native/package.json, or point {NativeLibraries.DirectoryVariable} elsewhere.");
        }
    }

    static void Exports(NativeLibraries libraries, (string Library, string[] Functions)[] needed)
    {
        List<string> missing = [];
        foreach ((string library, string[] functions) in needed)
        {
            nint handle = libraries.Resolve(library);
            missing.AddRange(functions.Where(f => !NativeLibrary.TryGetExport(handle, f, out _)));
        }
        if (missing.Count > 0)
        {
            throw new NativeRuntimeException(
                $"The libraries in {libraries.Directory} lack {string.Join(", ", missing)}: not the release they say they are.");
        }
    }

    static void Defaults(NativeLibraries libraries)
    {
        Roomy modelBytes = Call("llama_model_default_params");
        Roomy contextBytes = Call("llama_context_default_params");
        ref llama_model_params m = ref Unsafe.As<Roomy, llama_model_params>(ref modelBytes);
        ref llama_context_params c = ref Unsafe.As<Roomy, llama_context_params>(ref contextBytes);
        string model = string.Create(CultureInfo.InvariantCulture,
            $"{m.n_gpu_layers} {m.split_mode} {(int)m.load_mode} {m.lazy_mode} {m.main_gpu} "
            + $"{m.vocab_only} {m.check_tensors} {m.use_extra_bufts} {m.no_host} {m.no_alloc} {m.load_mtp}");
        string context = string.Create(CultureInfo.InvariantCulture,
            $"{c.n_ctx} {c.n_batch} {c.n_ubatch} {c.n_seq_max} {c.n_rs_seq} {c.n_outputs_max} {c.n_outputs_max_per_seq} "
            + $"{c.n_threads} {c.n_threads_batch} {c.ctx_type} {c.rope_scaling_type} {c.pooling_type} {c.attention_type} "
            + $"{(int)c.flash_attn_type} {c.rope_freq_base} {c.rope_freq_scale} {c.yarn_ext_factor} {c.yarn_attn_factor} "
            + $"{c.yarn_beta_fast} {c.yarn_beta_slow} {c.yarn_orig_ctx} {c.defrag_thold} {(int)c.type_k} {(int)c.type_v} "
            + $"{c.embeddings} {c.offload_kqv} {c.no_perf} {c.op_offload} {c.swa_full} {c.kv_unified}");
        string found = $"{model} / {context}";
        const string Expected = "-1 1 -1 1 0 0 0 1 0 0 0 / 512 2048 512 1 0 0 1 4 4 0 -1 -1 -1 -1 0 0 -1 -1 -1 -1 0 -1 1 1 0 1 1 1 1 0";
        if (found != Expected)
        {
            throw new NativeRuntimeException(
                $"The default parameters of the libraries in {libraries.Directory} are not those of the pinned release "
                + $"(found {found}, expected {Expected}): the layout of their structs has changed.");
        }

        Roomy Call(string function) => ((delegate* unmanaged[Cdecl]<Roomy>)NativeLibrary.GetExport(libraries.Llama, function))();
    }
}
