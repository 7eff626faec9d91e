using SK.FasterVlm.Native;
using static SK.FasterVlm.Native.Ggml;

namespace SK.FasterVlm.Vision;

/// <summary>
/// Describes one graph: named nodes, the two layers a transformer is made of, inputs and outputs. Computes nothing.
/// ggml ends the process on shapes that do not fit, so products are checked here.
/// </summary>
internal sealed unsafe class GraphBuilder : IDisposable
{
    readonly GgmlContextHandle _context;

    /// <summary>Creates an empty graph.</summary>
    /// <param name="maxNodes">Most nodes the graph may get, and most tensors it may read.</param>
    public GraphBuilder(int maxNodes)
    {
        nuint size = (nuint)(2 * maxNodes) * ggml_tensor_overhead() + ggml_graph_overhead_custom((nuint)maxNodes, false);
        _context = GgmlContextHandle.Create(size);
        Graph = ggml_new_graph_custom(Context, (nuint)maxNodes, false);
    }

    /// <summary>Holds the descriptions of nodes; their memory is the scheduler's.</summary>
    public ggml_context* Context => _context.Pointer;

    /// <summary>The graph of all outputs so far.</summary>
    public ggml_cgraph* Graph { get; }

    /// <summary>Block the next nodes belong to; becomes part of their names.</summary>
    public int? Layer { get; set; }

    /// <summary>Names a node <c>name</c> or <c>name-layer</c>, as llama.cpp does, so that debugging tools show what is what.</summary>
    public ggml_tensor* Name(ggml_tensor* node, string name) => ggml_set_name(node, Layer is int layer ? $"{name}-{layer}" : name);

    /// <summary>A vector or matrix to be filled by <see cref="Set{T}"/> once memory is there.</summary>
    public ggml_tensor* Input(ggml_type type, long ne0, long ne1, string name)
    {
        ggml_tensor* input = Name(ne1 == 1 ? ggml_new_tensor_1d(Context, type, ne0) : ggml_new_tensor_2d(Context, type, ne0, ne1), name);
        ggml_set_input(input);
        return input;
    }

    /// <summary>Marks a node as to be computed and kept until read.</summary>
    public ggml_tensor* Output(ggml_tensor* node, string name)
    {
        Name(node, name);
        ggml_set_output(node);
        ggml_build_forward_expand(Graph, node);
        return node;
    }

    /// <summary>Rows for one or more linear layers of the same kind: x [w, m], after a LayerNorm if one is given.</summary>
    public LinearInput InputOf(VisionWeights.Linear linear, ggml_tensor* x, VisionWeights.Norm? norm, float epsilon, string name)
    {
        if (linear.Inputs != x->ne[0])
            throw new InvalidOperationException($"{name}: rows of {x->ne[0]} do not fit a matrix for rows of {linear.Inputs}.");
        if (linear.IsRepacked) return new(Name(KernelNodes.Quantize(Context, x, norm, epsilon), name), x->ne[1]);
        return new(norm is { } n ? LayerNorm(n, x, epsilon, name) : x, x->ne[1]);
    }

    /// <summary>W x + b: x [in, m] -> [out, m].</summary>
    public ggml_tensor* Linear(VisionWeights.Linear linear, ggml_tensor* x, string name, ggml_tensor* residual = null) =>
        Linear(linear, InputOf(linear, x, null, 0, name + "_in"), name, ProductActivation.None, residual);

    /// <summary>As the other, with an activation and then a residual [out, m] if there are any.</summary>
    public ggml_tensor* Linear(
        VisionWeights.Linear linear, LinearInput x, string name, ProductActivation activation = ProductActivation.None,
        ggml_tensor* residual = null)
    {
        if (linear.IsRepacked) return Name(KernelNodes.Multiply(Context, x.Values, x.Rows, linear, activation, residual), name);
        ggml_tensor* y = Name(ggml_mul_mat(Context, linear.Weight, x.Values), name + "_mm");
        if (linear.Bias is not null) y = Name(ggml_add(Context, y, linear.Bias), name + "_biased");
        if (activation == ProductActivation.QuickGelu) y = QuickGelu(y);
        return Name(residual is null ? y : ggml_add(Context, residual, y), name);
    }

    /// <summary>
    /// x * sigmoid(1.702 x), as silu(1.702 x) / 1.702: ggml's own quick GELU looks the value up in a table of 16-bit floats on a CPU, which
    /// is the largest error of the whole tower (6e-4 after three blocks, against 1e-6 so) and no faster.
    /// </summary>
    ggml_tensor* QuickGelu(ggml_tensor* x)
    {
        const float slope = 1.702f;
        return ggml_scale(Context, ggml_silu(Context, ggml_scale(Context, x, slope)), 1 / slope);
    }

    /// <summary>(x - mean) / sqrt(variance + epsilon) * weight + bias over ne[0].</summary>
    public ggml_tensor* LayerNorm(VisionWeights.Norm norm, ggml_tensor* x, float epsilon, string name)
    {
        ggml_tensor* y = Name(ggml_norm(Context, x, epsilon), name + "_norm");
        y = Name(ggml_mul(Context, y, norm.Weight), name + "_scaled");
        return Name(ggml_add(Context, y, norm.Bias), name);
    }

    /// <summary>Fills an input.</summary>
    public static void Set<T>(ggml_tensor* input, ReadOnlySpan<T> values) where T : unmanaged
    {
        nuint bytes = (nuint)values.Length * (nuint)sizeof(T);
        if (bytes != ggml_nbytes(input)) throw new InvalidOperationException($"An input of {ggml_nbytes(input)} bytes was given {bytes}.");
        fixed (T* first = values) GgmlBackend.ggml_backend_tensor_set(input, first, 0, bytes);
    }

    /// <summary>Reads a computed node of floats.</summary>
    public static float[] Get(ggml_tensor* output)
    {
        if (output->type != ggml_type.GGML_TYPE_F32 || !ggml_is_contiguous(output))
            throw new InvalidOperationException("Only dense floats can be read.");
        float[] values = new float[ggml_nelements(output)];
        fixed (float* first = values) GgmlBackend.ggml_backend_tensor_get(output, first, 0, ggml_nbytes(output));
        return values;
    }

    /// <inheritdoc/>
    public void Dispose() => _context.Dispose();

    /// <summary>What a linear layer multiplies: [w, m] in floats, or tiles of m rows for a repacked one.</summary>
    internal readonly struct LinearInput(ggml_tensor* values, long rows)
    {
        public ggml_tensor* Values { get; } = values;
        public long Rows { get; } = rows;
    }
}
