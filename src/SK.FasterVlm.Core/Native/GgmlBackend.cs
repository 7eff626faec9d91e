using System.Runtime.InteropServices;

namespace SK.FasterVlm.Native;

/// <summary>Kinds of devices (<c>enum ggml_backend_dev_type</c>).</summary>
internal enum ggml_backend_dev_type
{
    GGML_BACKEND_DEVICE_TYPE_CPU,
    GGML_BACKEND_DEVICE_TYPE_GPU,
    GGML_BACKEND_DEVICE_TYPE_IGPU,
    GGML_BACKEND_DEVICE_TYPE_ACCEL,
}

/// <summary>What a buffer is for; the scheduler runs an operation where its weights are.</summary>
internal enum ggml_backend_buffer_usage
{
    GGML_BACKEND_BUFFER_USAGE_ANY = 0,
    GGML_BACKEND_BUFFER_USAGE_WEIGHTS = 1,
    GGML_BACKEND_BUFFER_USAGE_COMPUTE = 2,
}

/// <summary>Opaque.</summary>
internal struct ggml_backend_reg;

/// <summary>Opaque.</summary>
internal struct ggml_backend_device;

/// <summary>Opaque.</summary>
internal struct ggml_backend;

/// <summary>Opaque.</summary>
internal struct ggml_backend_buffer_type;

/// <summary>Opaque.</summary>
internal struct ggml_backend_buffer;

/// <summary>Opaque.</summary>
internal struct ggml_backend_sched;

/// <summary>Opaque.</summary>
internal struct ggml_gallocr;

/// <summary>ggml-backend.h and ggml-alloc.h: devices, buffers, the scheduler.</summary>
internal static unsafe partial class GgmlBackend
{
    const string Base = Ggml.Base;
    const string Registry = "ggml";

    // The registry (libggml): backends and devices

    /// <summary>Loads one backend library; null when it cannot run here.</summary>
    [LibraryImport(Registry, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial ggml_backend_reg* ggml_backend_load(string path);

    [LibraryImport(Registry, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void ggml_backend_load_all_from_path(string dir_path);

    [LibraryImport(Registry)]
    internal static partial nuint ggml_backend_reg_count();

    [LibraryImport(Registry)]
    internal static partial ggml_backend_reg* ggml_backend_reg_get(nuint index);

    [LibraryImport(Registry)]
    internal static partial nuint ggml_backend_dev_count();

    [LibraryImport(Registry)]
    internal static partial ggml_backend_device* ggml_backend_dev_get(nuint index);

    /// <summary>The first device of a kind; null when there is none.</summary>
    [LibraryImport(Registry)]
    internal static partial ggml_backend_device* ggml_backend_dev_by_type(ggml_backend_dev_type type);

    [LibraryImport(Base)]
    internal static partial byte* ggml_backend_reg_name(ggml_backend_reg* reg);

    /// <summary>A function that is not in every backend; null when this one lacks it.</summary>
    [LibraryImport(Base, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void* ggml_backend_reg_get_proc_address(ggml_backend_reg* reg, string name);

    [LibraryImport(Base)]
    internal static partial void ggml_threadpool_params_init(ggml_threadpool_params* p, int n_threads);

    // Devices

    [LibraryImport(Base)]
    internal static partial byte* ggml_backend_dev_name(ggml_backend_device* device);

    [LibraryImport(Base)]
    internal static partial byte* ggml_backend_dev_description(ggml_backend_device* device);

    [LibraryImport(Base)]
    internal static partial void ggml_backend_dev_memory(ggml_backend_device* device, nuint* free, nuint* total);

    [LibraryImport(Base)]
    internal static partial ggml_backend_dev_type ggml_backend_dev_type(ggml_backend_device* device);

    [LibraryImport(Base)]
    internal static partial ggml_backend* ggml_backend_dev_init(ggml_backend_device* device, byte* @params);

    [LibraryImport(Base)]
    internal static partial ggml_backend_buffer_type* ggml_backend_dev_buffer_type(ggml_backend_device* device);

    [LibraryImport(Base)]
    internal static partial ggml_backend_reg* ggml_backend_dev_backend_reg(ggml_backend_device* device);

    /// <summary>A buffer over memory of the caller, such as a mapped file: aligned, and outliving the buffer.</summary>
    [LibraryImport(Base)]
    internal static partial ggml_backend_buffer* ggml_backend_dev_buffer_from_host_ptr(
        ggml_backend_device* device, void* ptr, nuint size, nuint max_tensor_size);

    [LibraryImport(Base)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool ggml_backend_dev_supports_op(ggml_backend_device* device, ggml_tensor* op);

    [LibraryImport(Base)]
    internal static partial void ggml_backend_free(ggml_backend* backend);

    [LibraryImport(Base)]
    internal static partial byte* ggml_backend_name(ggml_backend* backend);

    // Buffers

    [LibraryImport(Base)]
    internal static partial ggml_backend_buffer* ggml_backend_cpu_buffer_from_ptr(void* ptr, nuint size);

    /// <summary>Null, with a log line, when the memory cannot be had.</summary>
    [LibraryImport(Base)]
    internal static partial ggml_backend_buffer* ggml_backend_buft_alloc_buffer(ggml_backend_buffer_type* buft, nuint size);

    [LibraryImport(Base)]
    internal static partial nuint ggml_backend_buft_get_alignment(ggml_backend_buffer_type* buft);

    [LibraryImport(Base)]
    internal static partial nuint ggml_backend_buft_get_max_size(ggml_backend_buffer_type* buft);

    [LibraryImport(Base)]
    internal static partial nuint ggml_backend_buft_get_alloc_size(ggml_backend_buffer_type* buft, ggml_tensor* tensor);

    [LibraryImport(Base)]
    internal static partial byte* ggml_backend_buft_name(ggml_backend_buffer_type* buft);

    [LibraryImport(Base)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool ggml_backend_buft_is_host(ggml_backend_buffer_type* buft);

    /// <summary>Allocates every tensor of a no_alloc context in one buffer; null when the memory cannot be had.</summary>
    [LibraryImport(Base)]
    internal static partial ggml_backend_buffer* ggml_backend_alloc_ctx_tensors_from_buft(
        ggml_context* ctx, ggml_backend_buffer_type* buft);

    [LibraryImport(Base)]
    internal static partial void ggml_backend_buffer_free(ggml_backend_buffer* buffer);

    [LibraryImport(Base)]
    internal static partial nuint ggml_backend_buffer_get_size(ggml_backend_buffer* buffer);

    [LibraryImport(Base)]
    internal static partial void* ggml_backend_buffer_get_base(ggml_backend_buffer* buffer);

    [LibraryImport(Base)]
    internal static partial void ggml_backend_buffer_set_usage(ggml_backend_buffer* buffer, ggml_backend_buffer_usage usage);

    [LibraryImport(Base)]
    internal static partial ggml_status ggml_backend_tensor_alloc(ggml_backend_buffer* buffer, ggml_tensor* tensor, void* addr);

    /// <summary>Host to device. Writing past the tensor's end ends the process.</summary>
    [LibraryImport(Base)]
    internal static partial void ggml_backend_tensor_set(ggml_tensor* tensor, void* data, nuint offset, nuint size);

    /// <summary>Device to host.</summary>
    [LibraryImport(Base)]
    internal static partial void ggml_backend_tensor_get(ggml_tensor* tensor, void* data, nuint offset, nuint size);

    // The scheduler

    /// <summary>The last backend must be the CPU.</summary>
    [LibraryImport(Base)]
    internal static partial ggml_backend_sched* ggml_backend_sched_new(
        ggml_backend** backends, ggml_backend_buffer_type** bufts, int n_backends, nuint graph_size,
        [MarshalAs(UnmanagedType.U1)] bool parallel, [MarshalAs(UnmanagedType.U1)] bool op_offload);

    [LibraryImport(Base)]
    internal static partial void ggml_backend_sched_free(ggml_backend_sched* sched);

    [LibraryImport(Base)]
    internal static partial void ggml_backend_sched_reset(ggml_backend_sched* sched);

    [LibraryImport(Base)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool ggml_backend_sched_reserve(ggml_backend_sched* sched, ggml_cgraph* measure_graph);

    [LibraryImport(Base)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool ggml_backend_sched_alloc_graph(ggml_backend_sched* sched, ggml_cgraph* graph);

    [LibraryImport(Base)]
    internal static partial ggml_status ggml_backend_sched_graph_compute(ggml_backend_sched* sched, ggml_cgraph* graph);

    [LibraryImport(Base)]
    internal static partial int ggml_backend_sched_get_n_splits(ggml_backend_sched* sched);

    [LibraryImport(Base)]
    internal static partial nuint ggml_backend_sched_get_buffer_size(ggml_backend_sched* sched, ggml_backend* backend);

    /// <summary>
    /// Called for every node: first with ask = true (wanted?), then with the values when wanted; false then stops the computation.
    /// </summary>
    [LibraryImport(Base)]
    internal static partial void ggml_backend_sched_set_eval_callback(
        ggml_backend_sched* sched, delegate* unmanaged[Cdecl]<ggml_tensor*, byte, void*, byte> callback, void* user_data);

    // ggml-alloc.h

    [LibraryImport(Base)]
    internal static partial ggml_gallocr* ggml_gallocr_new(ggml_backend_buffer_type* buft);

    [LibraryImport(Base)]
    internal static partial void ggml_gallocr_free(ggml_gallocr* galloc);

    [LibraryImport(Base)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool ggml_gallocr_alloc_graph(ggml_gallocr* galloc, ggml_cgraph* graph);

    [LibraryImport(Base)]
    internal static partial ggml_status ggml_backend_graph_compute(ggml_backend* backend, ggml_cgraph* cgraph);
}
