namespace SK.FasterVlm.Gguf;

/// <summary>
/// One block of MobileVLM's <c>ldp</c> projector, an inverted residual of MobileNetV3 (arXiv 1905.02244) without expansion; c channels.
/// </summary>
/// <param name="Depthwise">Kernel of the depthwise convolution, 3 x 3 for each of c channels: F32, F16 or BF16.</param>
/// <param name="DepthwiseNorm">After it, [c].</param>
/// <param name="Squeeze">From the mean over all positions, [c, s].</param>
/// <param name="Excite">To a factor per channel, [s, c].</param>
/// <param name="Pointwise">[c, c], without bias.</param>
/// <param name="PointwiseNorm">After it, [c].</param>
public sealed record ClipMobileBlock(
    GgufTensorInfo Depthwise, ClipTensors DepthwiseNorm, ClipTensors Squeeze, ClipTensors Excite,
    GgufTensorInfo Pointwise, ClipTensors PointwiseNorm);

/// <summary>
/// What a projector of MobileVLM has behind its two linear layers. It works on the whole grid and leaves a quarter of the tokens.
/// </summary>
/// <param name="Blocks">Of <c>ldp</c> (arXiv 2312.16886): two, the second with stride 2; empty for <c>ldpv2</c>.</param>
/// <param name="Positions">
/// Of <c>ldpv2</c> (arXiv 2402.03766): 3 x 3 depthwise convolution and bias [c], added to the average of 2 x 2 tokens; null for <c>ldp</c>.
/// </param>
public sealed record ClipMobileProjector(IReadOnlyList<ClipMobileBlock> Blocks, ClipTensors? Positions)
{
    /// <summary>Patches per row and column that become one visual token.</summary>
    public const int Stride = 2;

    internal static ClipMobileProjector ReadLdp(TensorCheck tensors, GgufFile file, int width) =>
        new([ReadBlock(tensors, file, "mm.model.mb_block.1.block.", width), ReadBlock(tensors, file, "mm.model.mb_block.2.block.", width)], null);

    internal static ClipMobileProjector ReadLdpV2(TensorCheck tensors, int width) => new([], new ClipTensors(
        Kernel(tensors, "mm.model.peg.0.weight", width), tensors.Vector("mm.model.peg.0.bias", width)));

    // 0: convolution and norm, 1: squeeze and excitation, 2: pointwise convolution and norm (torchvision's numbering).
    static ClipMobileBlock ReadBlock(TensorCheck tensors, GgufFile file, string name, int width)
    {
        long squeezed = file.GetTensor(name + "1.fc1.weight").Ne(1);
        if (squeezed > width)
            throw new ModelFormatException($"The tensor '{name}1.fc1.weight' is {squeezed} wide; at most {width} are allowed.", name + "1.fc1.weight");
        return new ClipMobileBlock(
            Kernel(tensors, name + "0.0.weight", width), tensors.Norm(name + "0.1", width),
            tensors.Linear(name + "1.fc1", width, (int)squeezed), tensors.Linear(name + "1.fc2", (int)squeezed, width),
            tensors.Matrix(name + "2.0.weight", width, width), tensors.Norm(name + "2.1", width));
    }

    // The converter drops dimensions of size 1; the order in memory is the same.
    static GgufTensorInfo Kernel(TensorCheck tensors, string name, int width) =>
        tensors.Ne(name, 2) == 1 && width > 1 ? tensors.Plain(name, 3, 3, 1, width) : tensors.Plain(name, 3, 3, width);
}
