using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SK.FasterVlm.Native;
using static SK.FasterVlm.Native.Ggml;

namespace SK.FasterVlm.Vision;

/// <summary>
/// Our own kernels as nodes of a ggml graph: ggml calls back on each of its threads with the node and the share of the work. Everything a
/// callback needs is in the node. A callback must not throw: it would end the process.
/// </summary>
internal static unsafe class KernelNodes
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

    /// <summary>q [d, m, h], k and v [d, n + 1, h] -> heads side by side, [w, m].</summary>
    /// <param name="context">The graph's.</param>
    /// <param name="q">Queries.</param>
    /// <param name="k">Keys.</param>
    /// <param name="v">Values.</param>
    /// <param name="scale">Of the scores.</param>
    /// <param name="threads">Most threads that will compute it; each has working memory behind the result.</param>
    public static ggml_tensor* Attention(ggml_context* context, ggml_tensor* q, ggml_tensor* k, ggml_tensor* v, float scale, int threads)
    {
        long width = q->ne[0] * q->ne[2], rows = q->ne[1];
        nint* arguments = stackalloc nint[3] { (nint)q, (nint)k, (nint)v };
        ggml_tensor* all = ggml_custom_4d(
            context, ggml_type.GGML_TYPE_F32, width * rows + threads * HeadAttention.ScratchFloats(q->ne[0], k->ne[1]), 1, 1, 1,
            (ggml_tensor**)arguments, 3, &AttentionShare, threads, (void*)BitConverter.SingleToUInt32Bits(scale));
        return ggml_view_2d(context, all, width, rows, (nuint)width * sizeof(float), 0);
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

    // Shares are cut across heads and blocks of queries, in this order: few threads get whole heads.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    static void AttentionShare(ggml_tensor* node, int thread, int threads, void* scale)
    {
        var q = (ggml_tensor*)node->src[0];
        var k = (ggml_tensor*)node->src[1];
        var v = (ggml_tensor*)node->src[2];
        long width = q->ne[0], rows = q->ne[1], heads = q->ne[2], keys = k->ne[1], blocks = (rows + HeadAttention.Lanes - 1) / HeadAttention.Lanes;
        float* scratch = (float*)node->data + width * heads * rows + thread * HeadAttention.ScratchFloats(width, keys);
        long from = heads * blocks * thread / threads, to = heads * blocks * (thread + 1) / threads;
        for (long head = from / blocks; head * blocks < to; head++)
        {
            long first = Math.Max(from - head * blocks, 0), end = Math.Min(to - head * blocks, blocks);
            HeadAttention.Run(
                Head(q, head), Head(k, head), Head(v, head), (int)keys, (int)width, BitConverter.UInt32BitsToSingle((uint)scale),
                first * HeadAttention.Lanes, Math.Min(end * HeadAttention.Lanes, rows),
                new((byte*)node->data + head * width * sizeof(float), (nint)(width * heads * sizeof(float))), scratch);
        }

        static HeadAttention.Rows Head(ggml_tensor* x, long head) => new((byte*)x->data + head * (long)x->nb[2], (nint)x->nb[1]);
    }

    static float* Data(nint tensor) => tensor == 0 ? null : (float*)((ggml_tensor*)tensor)->data;
}
