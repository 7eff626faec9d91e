using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

// Everything that crosses the border is blittable: bool is one byte, structs go by value as C sees them, strings are UTF-8.
[assembly: DisableRuntimeMarshalling]

namespace SK.FasterVlm.Native;

/// <summary>Element types of a tensor (<c>enum ggml_type</c>). Check a value from a file before passing it on: ggml does not.</summary>
internal enum ggml_type
{
    GGML_TYPE_F32 = 0,
    GGML_TYPE_F16 = 1,
    GGML_TYPE_Q4_0 = 2,
    GGML_TYPE_Q4_1 = 3,
    GGML_TYPE_Q5_0 = 6,
    GGML_TYPE_Q5_1 = 7,
    GGML_TYPE_Q8_0 = 8,
    GGML_TYPE_Q8_1 = 9,
    GGML_TYPE_Q2_K = 10,
    GGML_TYPE_Q3_K = 11,
    GGML_TYPE_Q4_K = 12,
    GGML_TYPE_Q5_K = 13,
    GGML_TYPE_Q6_K = 14,
    GGML_TYPE_Q8_K = 15,
    GGML_TYPE_I8 = 24,
    GGML_TYPE_I16 = 25,
    GGML_TYPE_I32 = 26,
    GGML_TYPE_I64 = 27,
    GGML_TYPE_F64 = 28,
    GGML_TYPE_BF16 = 30,
}

/// <summary>Precision of an accumulation (<c>enum ggml_prec</c>).</summary>
internal enum ggml_prec
{
    GGML_PREC_DEFAULT = 0,
    GGML_PREC_F32 = 10,
}

/// <summary>Outcome of a computation (<c>enum ggml_status</c>).</summary>
internal enum ggml_status
{
    GGML_STATUS_ALLOC_FAILED = -2,
    GGML_STATUS_FAILED = -1,
    GGML_STATUS_SUCCESS = 0,
    GGML_STATUS_ABORTED = 1,
}

/// <summary>Direction of <c>ggml_argsort</c>.</summary>
internal enum ggml_sort_order
{
    GGML_SORT_ORDER_ASC,
    GGML_SORT_ORDER_DESC,
}

/// <summary>Severity of a log line; CONT continues the line before it.</summary>
internal enum ggml_log_level
{
    GGML_LOG_LEVEL_NONE = 0,
    GGML_LOG_LEVEL_DEBUG = 1,
    GGML_LOG_LEVEL_INFO = 2,
    GGML_LOG_LEVEL_WARN = 3,
    GGML_LOG_LEVEL_ERROR = 4,
    GGML_LOG_LEVEL_CONT = 5,
}

/// <summary>Opaque.</summary>
internal struct ggml_context;

/// <summary>Opaque.</summary>
internal struct ggml_cgraph;

/// <summary>Memory of a context. With <c>no_alloc</c> it holds only the descriptions of tensors and graphs.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ggml_init_params
{
    public nuint mem_size;
    public void* mem_buffer;
    public byte no_alloc;
}

/// <summary>
/// A tensor. Only for reading shapes and strides, and <c>data</c> on host buffers; everything is made through functions.
/// <c>ne[0]</c> is the fastest running dimension, <c>nb</c> are strides in bytes.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ggml_tensor
{
    public ggml_type type;
    public void* buffer;
    public fixed long ne[4];
    public fixed ulong nb[4];
    public int op;
    public fixed int op_params[16];
    public int flags;
    public src_array src;
    public ggml_tensor* view_src;
    public nuint view_offs;
    public void* data;
    public fixed byte name[64];
    public void* extra;
    public fixed byte padding[8];

    /// <summary>Ten pointers (GGML_MAX_SRC) to the operands.</summary>
    [InlineArray(10)]
    internal struct src_array
    {
        nint first;
    }
}

/// <summary>What ggml knows of an element type. The leading fields only; read through a pointer, never copied.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ggml_type_traits
{
    public byte* type_name;
    public long blck_size;
    public long blck_size_interleave;
    public nuint type_size;
    public byte is_quantized;
    public delegate* unmanaged[Cdecl]<void*, float*, long, void> to_float;
}

/// <summary>ggml.h: contexts, tensors, graphs, types, logging. The operations are in Ggml.Ops.cs.</summary>
internal static unsafe partial class Ggml
{
    internal const string Base = "ggml-base";

    [LibraryImport(Base)]
    internal static partial byte* ggml_version();

    [LibraryImport(Base)]
    internal static partial byte* ggml_commit();

    // Contexts

    [LibraryImport(Base)]
    internal static partial ggml_context* ggml_init(ggml_init_params @params);

    [LibraryImport(Base)]
    internal static partial void ggml_free(ggml_context* ctx);

    [LibraryImport(Base)]
    internal static partial nuint ggml_used_mem(ggml_context* ctx);

    [LibraryImport(Base)]
    internal static partial nuint ggml_tensor_overhead();

    // Tensors

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_new_tensor(ggml_context* ctx, ggml_type type, int n_dims, long* ne);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_new_tensor_1d(ggml_context* ctx, ggml_type type, long ne0);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_new_tensor_2d(ggml_context* ctx, ggml_type type, long ne0, long ne1);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_new_tensor_3d(ggml_context* ctx, ggml_type type, long ne0, long ne1, long ne2);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_new_tensor_4d(ggml_context* ctx, ggml_type type, long ne0, long ne1, long ne2, long ne3);

    [LibraryImport(Base, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial ggml_tensor* ggml_set_name(ggml_tensor* tensor, string name);

    [LibraryImport(Base)]
    internal static partial byte* ggml_get_name(ggml_tensor* tensor);

    [LibraryImport(Base)]
    internal static partial byte* ggml_op_desc(ggml_tensor* t);

    [LibraryImport(Base)]
    internal static partial void ggml_set_input(ggml_tensor* tensor);

    [LibraryImport(Base)]
    internal static partial void ggml_set_output(ggml_tensor* tensor);

    [LibraryImport(Base)]
    internal static partial void* ggml_get_data(ggml_tensor* tensor);

    [LibraryImport(Base)]
    internal static partial nuint ggml_nbytes(ggml_tensor* tensor);

    [LibraryImport(Base)]
    internal static partial long ggml_nelements(ggml_tensor* tensor);

    [LibraryImport(Base)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool ggml_is_contiguous(ggml_tensor* tensor);

    // Graphs

    [LibraryImport(Base)]
    internal static partial nuint ggml_graph_overhead_custom(nuint size, [MarshalAs(UnmanagedType.U1)] bool grads);

    [LibraryImport(Base)]
    internal static partial ggml_cgraph* ggml_new_graph_custom(ggml_context* ctx, nuint size, [MarshalAs(UnmanagedType.U1)] bool grads);

    [LibraryImport(Base)]
    internal static partial void ggml_build_forward_expand(ggml_cgraph* cgraph, ggml_tensor* tensor);

    [LibraryImport(Base)]
    internal static partial int ggml_graph_n_nodes(ggml_cgraph* cgraph);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_graph_node(ggml_cgraph* cgraph, int i);

    // Element types

    [LibraryImport(Base)]
    internal static partial nuint ggml_row_size(ggml_type type, long ne);

    [LibraryImport(Base)]
    internal static partial nuint ggml_type_size(ggml_type type);

    [LibraryImport(Base)]
    internal static partial long ggml_blck_size(ggml_type type);

    [LibraryImport(Base)]
    internal static partial byte* ggml_type_name(ggml_type type);

    [LibraryImport(Base)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool ggml_is_quantized(ggml_type type);

    [LibraryImport(Base)]
    internal static partial ggml_type_traits* ggml_get_type_traits(ggml_type type);

    /// <summary>Quantises rows of floats; <paramref name="start"/> counts elements, null is a valid <paramref name="imatrix"/>.</summary>
    [LibraryImport(Base)]
    internal static partial nuint ggml_quantize_chunk(
        ggml_type type, float* src, void* dst, long start, long nrows, long n_per_row, float* imatrix);

    [LibraryImport(Base)]
    internal static partial void ggml_fp16_to_fp32_row(ushort* x, float* y, long n);

    [LibraryImport(Base)]
    internal static partial void ggml_fp32_to_fp16_row(float* x, ushort* y, long n);

    // Callbacks

    [LibraryImport(Base)]
    internal static partial void ggml_log_set(delegate* unmanaged[Cdecl]<ggml_log_level, byte*, void*, void> log_callback, void* user_data);

    /// <summary>Called with the message of a failed assertion just before the process ends.</summary>
    [LibraryImport(Base)]
    internal static partial void* ggml_set_abort_callback(delegate* unmanaged[Cdecl]<byte*, void> callback);
}
