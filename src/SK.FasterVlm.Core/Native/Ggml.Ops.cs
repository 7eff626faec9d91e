using System.Runtime.InteropServices;

namespace SK.FasterVlm.Native;

/// <summary>ggml.h: operations. Each adds a node to the context and computes nothing; a wrong shape ends the process.</summary>
internal static unsafe partial class Ggml
{
    /// <summary>a [k, n] and b [k, m] give [n, m]: b times a transposed. Shapes that do not fit end the process.</summary>
    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_mul_mat(ggml_context* ctx, ggml_tensor* a, ggml_tensor* b);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_add(ggml_context* ctx, ggml_tensor* a, ggml_tensor* b);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_mul(ggml_context* ctx, ggml_tensor* a, ggml_tensor* b);

    /// <summary>(x - mean) / sqrt(var + eps) over ne[0]; weight and bias are applied by mul and add.</summary>
    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_norm(ggml_context* ctx, ggml_tensor* a, float eps);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_rms_norm(ggml_context* ctx, ggml_tensor* a, float eps);

    /// <summary>The tanh form.</summary>
    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_gelu(ggml_context* ctx, ggml_tensor* a);

    /// <summary>The erf form.</summary>
    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_gelu_erf(ggml_context* ctx, ggml_tensor* a);

    /// <summary>x * sigmoid(1.702 x).</summary>
    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_gelu_quick(ggml_context* ctx, ggml_tensor* a);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_silu(ggml_context* ctx, ggml_tensor* a);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_relu(ggml_context* ctx, ggml_tensor* a);

    /// <summary>x * min(1, max(0, (x + 3) / 6)).</summary>
    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_hardswish(ggml_context* ctx, ggml_tensor* a);

    /// <summary>min(1, max(0, (x + 3) / 6)).</summary>
    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_hardsigmoid(ggml_context* ctx, ggml_tensor* a);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_reshape_1d(ggml_context* ctx, ggml_tensor* a, long ne0);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_reshape_2d(ggml_context* ctx, ggml_tensor* a, long ne0, long ne1);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_reshape_3d(ggml_context* ctx, ggml_tensor* a, long ne0, long ne1, long ne2);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_reshape_4d(ggml_context* ctx, ggml_tensor* a, long ne0, long ne1, long ne2, long ne3);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_view_1d(ggml_context* ctx, ggml_tensor* a, long ne0, nuint offset);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_view_2d(ggml_context* ctx, ggml_tensor* a, long ne0, long ne1, nuint nb1, nuint offset);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_view_3d(
        ggml_context* ctx, ggml_tensor* a, long ne0, long ne1, long ne2, nuint nb1, nuint nb2, nuint offset);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_view_4d(
        ggml_context* ctx, ggml_tensor* a, long ne0, long ne1, long ne2, long ne3, nuint nb1, nuint nb2, nuint nb3, nuint offset);

    /// <summary>Dimension i of a becomes dimension axis_i of the result; a view.</summary>
    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_permute(ggml_context* ctx, ggml_tensor* a, int axis0, int axis1, int axis2, int axis3);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_transpose(ggml_context* ctx, ggml_tensor* a);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_cont(ggml_context* ctx, ggml_tensor* a);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_cont_2d(ggml_context* ctx, ggml_tensor* a, long ne0, long ne1);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_cont_3d(ggml_context* ctx, ggml_tensor* a, long ne0, long ne1, long ne2);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_cast(ggml_context* ctx, ggml_tensor* a, ggml_type type);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_cpy(ggml_context* ctx, ggml_tensor* a, ggml_tensor* b);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_concat(ggml_context* ctx, ggml_tensor* a, ggml_tensor* b, int dim);

    /// <summary>Rows of a by the I32 indices b. An index out of range ends the process.</summary>
    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_get_rows(ggml_context* ctx, ggml_tensor* a, ggml_tensor* b);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_soft_max(ggml_context* ctx, ggml_tensor* a);

    /// <summary>softmax(a * scale + mask) over ne[0]; mask may be null.</summary>
    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_soft_max_ext(
        ggml_context* ctx, ggml_tensor* a, ggml_tensor* mask, float scale, float max_bias);

    /// <summary>q [d, n, h], k and v [d, n_kv, h] (h = heads), mask may be null; gives [d, h, n].</summary>
    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_flash_attn_ext(
        ggml_context* ctx, ggml_tensor* q, ggml_tensor* k, ggml_tensor* v, ggml_tensor* mask, float scale,
        float max_bias, float logit_softcap);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_sum_rows(ggml_context* ctx, ggml_tensor* a);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_mean(ggml_context* ctx, ggml_tensor* a);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_argsort(ggml_context* ctx, ggml_tensor* a, ggml_sort_order order);

    /// <summary>Indices of the k largest of each row, descending.</summary>
    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_argsort_top_k(ggml_context* ctx, ggml_tensor* a, int k);

    /// <summary>Indices of the k largest of each row, in no order. k above the row length ends the process.</summary>
    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_top_k(ggml_context* ctx, ggml_tensor* a, int k);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_scale(ggml_context* ctx, ggml_tensor* a, float s);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_im2col(
        ggml_context* ctx, ggml_tensor* a, ggml_tensor* b, int s0, int s1, int p0, int p1, int d0, int d1,
        [MarshalAs(UnmanagedType.U1)] bool is_2D, ggml_type dst_type);

    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_conv_2d(
        ggml_context* ctx, ggml_tensor* a, ggml_tensor* b, int s0, int s1, int p0, int p1, int d0, int d1);

    /// <summary>
    /// A node computed by <paramref name="fun"/> (node, thread, threads, user data), called on every thread; CPU only. At most 9 arguments,
    /// of which some may be null; <paramref name="n_tasks"/> -1 is as many as there are threads.
    /// </summary>
    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_custom_4d(
        ggml_context* ctx, ggml_type type, long ne0, long ne1, long ne2, long ne3, ggml_tensor** args, int n_args,
        delegate* unmanaged[Cdecl]<ggml_tensor*, int, int, void*, void> fun, int n_tasks, void* userdata);

    /// <summary>
    /// Depthwise: kernel a [kw, kh, 1, c], image b [w, h, c, n], 32-bit floats. Channels may run fastest in b; the kernel's memory must
    /// then be [kh][kw][c], and so is the result's.
    /// </summary>
    [LibraryImport(Base)]
    internal static partial ggml_tensor* ggml_conv_2d_dw_direct(
        ggml_context* ctx, ggml_tensor* a, ggml_tensor* b, int stride0, int stride1, int pad0, int pad1, int dilation0, int dilation1);

    /// <summary>Accumulation precision of a matrix product or attention node; false when the node has none.</summary>
    [LibraryImport(Base)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool ggml_prec_set_acc(ggml_tensor* a, ggml_prec prec);

    [LibraryImport(Base)]
    internal static partial void ggml_flash_attn_ext_set_prec(ggml_tensor* a, ggml_prec prec);

    [LibraryImport(Base)]
    internal static partial void ggml_mul_mat_set_prec(ggml_tensor* a, ggml_prec prec);
}
