using SK.FasterVlm.Gguf;
using SK.FasterVlm.Native;
using static SK.FasterVlm.Native.Ggml;

namespace SK.FasterVlm.Vision;

/// <summary>
/// What MobileVLM's projectors do behind their two linear layers, as part of the tower's graph. Both see the whole grid: a token
/// depends on its neighbours, and <c>ldp</c> on a mean over all of them, so that all patches are finished whatever is kept and rows are
/// picked at the end.
/// <code>
/// ldp    block(x, stride 1) + x, then block(x, stride 2), with
///        block: depthwise 3 x 3, LayerNorm, hardswish, times hardsigmoid(fc2(relu(fc1(mean)))), pointwise, LayerNorm
/// ldpv2  a = average of 2 x 2 tokens;  a + depthwise 3 x 3 of a
/// </code>
/// Sources: MobileVLM, arXiv 2312.16886 section 3.3; MobileVLM V2, arXiv 2402.03766 section 3.3; the layers' order and defaults from
/// the authors' vision_projector.py with torchvision's InvertedResidual and timm's LayerNormAct2d.
/// Shapes: e width of a token, n = s * s tokens in raster order, fastest running dimension first.
/// </summary>
internal sealed unsafe class LdpProjector(LdpProjector.Weights weights, int side)
{
    // Default of timm's LayerNormAct2d; not the tower's, though CLIP's happens to be the same.
    const float Epsilon = 1e-5f;

    /// <summary>[e, n] -> [e, n / 4].</summary>
    public ggml_tensor* Build(GraphBuilder g, ggml_tensor* x)
    {
        if (weights.Positions is { } kernel)
        {
            ggml_tensor* mean = Average(g, x);
            ggml_tensor* positions = g.Name(ggml_add(g.Context, Depthwise(g, mean, kernel.Weight, side / 2, stride: 1), kernel.Bias), "mm.peg");
            return g.Name(ggml_add(g.Context, mean, positions), "mm.peg_residual");
        }
        ggml_tensor* first = Block(g, weights.Blocks[0], x, stride: 1);
        return Block(g, weights.Blocks[1], g.Name(ggml_add(g.Context, x, first), "mm.block_residual"), stride: 2);
    }

    ggml_tensor* Block(GraphBuilder g, MobileBlock block, ggml_tensor* x, int stride)
    {
        ggml_tensor* y = g.LayerNorm(block.DepthwiseNorm, Depthwise(g, x, block.Depthwise, side, stride), Epsilon, "mm.dw");
        y = g.Name(ggml_hardswish(g.Context, y), "mm.dw_act");                                                        // [e, m]
        ggml_tensor* mean = ggml_mean(g.Context, ggml_cont(g.Context, ggml_transpose(g.Context, y)));                 // [1, e]
        mean = g.Name(ggml_reshape_1d(g.Context, mean, y->ne[0]), "mm.mean");
        ggml_tensor* factor = ggml_relu(g.Context, g.Linear(block.Squeeze, mean, "mm.fc1"));
        factor = g.Name(ggml_hardsigmoid(g.Context, g.Linear(block.Excite, factor, "mm.fc2")), "mm.factor");          // [e]
        y = g.Linear(block.Pointwise, ggml_mul(g.Context, y, factor), "mm.pw");
        return g.LayerNorm(block.PointwiseNorm, y, Epsilon, "mm.pw_ln");
    }

    /// <summary>
    /// 3 x 3 convolution of every channel by itself, zeros around the grid: [e, side * side] -> [e, m]. The operation wants width first
    /// and takes channels side by side, as rows of tokens have them, when strides say so; the kernel is turned to the same order.
    /// </summary>
    static ggml_tensor* Depthwise(GraphBuilder g, ggml_tensor* x, ggml_tensor* kernel, int side, int stride)
    {
        long width = x->ne[0];
        ggml_tensor* image = ggml_permute(g.Context, ggml_reshape_4d(g.Context, x, width, side, side, 1), 2, 0, 1, 3);  // [s, s, e, 1]
        ggml_tensor* turned = ggml_cont(g.Context, ggml_transpose(g.Context, kernel));                                 // [e, 9]
        turned = ggml_permute(g.Context, ggml_reshape_4d(g.Context, turned, 1, width, 3, 3), 2, 3, 0, 1);               // [3, 3, 1, e]
        ggml_tensor* y = ggml_conv_2d_dw_direct(g.Context, turned, image, stride, stride, 1, 1, 1, 1);
        y = ggml_permute(g.Context, y, 1, 2, 0, 3);                                                                   // [e, s', s', 1]
        return g.Name(ggml_reshape_2d(g.Context, y, width, y->ne[1] * y->ne[2]), "mm.conv");
    }

    /// <summary>The mean of every 2 x 2 tokens: [e, n] -> [e, n / 4], as four views that are added up.</summary>
    ggml_tensor* Average(GraphBuilder g, ggml_tensor* x)
    {
        long width = x->ne[0], half = side / 2;
        nuint row = (nuint)width * sizeof(float), line = row * (nuint)side;
        ggml_tensor* sum = null;
        for (nuint corner = 0; corner < 4; corner++)
        {
            nuint offset = (corner % 2 * row) + (corner / 2 * line);
            ggml_tensor* part = ggml_cont(g.Context, ggml_view_3d(g.Context, x, width, half, half, 2 * row, 2 * line, offset));
            sum = sum is null ? part : ggml_add(g.Context, sum, part);
        }
        return g.Name(ggml_scale(g.Context, ggml_reshape_2d(g.Context, sum, width, half * half), 0.25f), "mm.pooled");
    }

    /// <summary>On the device.</summary>
    /// <param name="Blocks">Of <c>ldp</c>.</param>
    /// <param name="Positions">Kernel [9, e] and bias [e] of <c>ldpv2</c>.</param>
    internal sealed record Weights(MobileBlock[] Blocks, VisionWeights.Norm? Positions);

    /// <summary>On the device; see <see cref="ClipMobileBlock"/>.</summary>
    internal sealed class MobileBlock(
        ggml_tensor* depthwise, VisionWeights.Norm depthwiseNorm, VisionWeights.Linear squeeze, VisionWeights.Linear excite,
        VisionWeights.Linear pointwise, VisionWeights.Norm pointwiseNorm)
    {
        /// <summary>[9, e].</summary>
        public ggml_tensor* Depthwise { get; } = depthwise;
        public VisionWeights.Norm DepthwiseNorm { get; } = depthwiseNorm;
        public VisionWeights.Linear Squeeze { get; } = squeeze;
        public VisionWeights.Linear Excite { get; } = excite;
        public VisionWeights.Linear Pointwise { get; } = pointwise;
        public VisionWeights.Norm PointwiseNorm { get; } = pointwiseNorm;
    }
}
