using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SK.FasterVlm.Native;
using static SK.FasterVlm.Native.Ggml;

namespace SK.FasterVlm.Vision;

/// <summary>
/// The two steps of a repacked linear layer as nodes of a ggml graph: ggml calls back on each of its threads with the node and the share of
/// the work. Everything a callback needs is in the node. A callback must not throw: it would end the process.
/// </summary>
internal static unsafe class RepackedNodes
{
    const int AllThreads = -1; // GGML_N_TASKS_MAX

    /// <summary>x [w, m] -> tiles, after a LayerNorm if one is given.</summary>
    public static ggml_tensor* Quantize(ggml_context* context, ggml_tensor* x, VisionWeights.Norm? norm, float epsilon)
    {
        nint* arguments = stackalloc nint[3] { (nint)x, (nint)(norm is { } n ? n.Weight : null), (nint)(norm is { } m ? m.Bias : null) };
        return ggml_custom_4d(
            context, ggml_type.GGML_TYPE_I8, RepackedRows.TileBytes(x->ne[0]), RepackedRows.TileCount(x->ne[1]), 1, 1,
            (ggml_tensor**)arguments, 3, &QuantizeShare, AllThreads, (void*)BitConverter.SingleToUInt32Bits(epsilon));
    }

    /// <summary>Tiles of m rows -> [outputs, m].</summary>
    public static ggml_tensor* Multiply(
        ggml_context* context, ggml_tensor* tiles, long rows, VisionWeights.Linear linear, ProductActivation activation, ggml_tensor* residual)
    {
        nint* arguments = stackalloc nint[4] { (nint)tiles, (nint)linear.Weight, (nint)linear.Bias, (nint)residual };
        return ggml_custom_4d(
            context, ggml_type.GGML_TYPE_F32, linear.Weight->ne[1] * RepackedMatrix.Panel, rows, 1, 1,
            (ggml_tensor**)arguments, 4, &MultiplyShare, AllThreads, (void*)(nint)activation);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    static void QuantizeShare(ggml_tensor* node, int thread, int threads, void* epsilon)
    {
        var x = (ggml_tensor*)node->src[0];
        var norm = new RepackedRows.Norm(Data(node->src[1]), Data(node->src[2]), BitConverter.UInt32BitsToSingle((uint)epsilon));
        for (long tile = node->ne[1] * thread / threads; tile < node->ne[1] * (thread + 1) / threads; tile++)
        {
            long row = tile * RepackedRows.Tile;
            RepackedRows.Quantize(
                (byte*)x->data + row * (long)x->nb[1], (nint)x->nb[1], (int)Math.Min(RepackedRows.Tile, x->ne[1] - row), (int)x->ne[0], norm,
                (byte*)node->data + tile * node->ne[0]);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    static void MultiplyShare(ggml_tensor* node, int thread, int threads, void* activation)
    {
        var tiles = (ggml_tensor*)node->src[0];
        var matrix = (ggml_tensor*)node->src[1];
        var finish = new RepackedProduct.Finish(Data(node->src[2]), (ProductActivation)(nint)activation, Data(node->src[3]));
        long panels = matrix->ne[1];
        RepackedProduct.Run(
            (byte*)tiles->data, node->ne[1], RepackedRows.WidthOf(tiles->ne[0]), (byte*)matrix->data, panels * thread / threads,
            panels * (thread + 1) / threads, finish, (float*)node->data, node->ne[0]);
    }

    static float* Data(nint tensor) => tensor == 0 ? null : (float*)((ggml_tensor*)tensor)->data;
}
