using System.Numerics.Tensors;
using SK.FasterVlm.Gguf;
using SK.FasterVlm.Native;
using static SK.FasterVlm.Native.Ggml;

namespace SK.FasterVlm.Vision;

/// <summary>
/// The CLIP vision tower and LLaVA's projector as two ggml graphs, with the choice of visual tokens between them on the host.
/// <code>
/// Encode  pixels -> patches -> [CLS] + patches + positions -> LayerNorm -> blocks 0 .. L-2
///                -> keys and values of block L-1 for every row, [CLS] attention of block L-1
///         (a selector picks rows by that attention)
/// Finish  block L-1 from its queries on and the projector, for the picked rows only -> visual tokens
/// </code>
/// Sources: CLIP, arXiv 2103.00020 section 2.4 (ViT, arXiv 2010.11929, with a LayerNorm before the first block); LLaVA-1.5,
/// arXiv 2310.03744 (features are the last-but-one hidden state, two-layer projector); FasterVLM, arXiv 2412.01818 section 3
/// ([CLS] attention of the layer that yields the features).
///
/// Rows of the last block do not see each other after its keys and values, so finishing only the picked rows gives the very rows the
/// full run would give. Attention (our own kernel, or ggml's flash attention) never stores the whole softmax; the one row of it that is
/// needed is computed beside it, from the [CLS] query and the keys: (n + 1) * width multiplications, 0.4 ms for LLaVA-1.5 on one core.
///
/// How many blocks are run (<see cref="ClipHeader.Layers"/>): LLaVA reads <c>hidden_states[-2]</c>, the output of the last block but one.
/// Published files have dropped the last block, so all they have are run (23 of CLIP-L's 24); files that kept it say in
/// <c>clip.vision.feature_layer</c> how many to run; a CLIP-L with all 24 blocks that says nothing is run up to the 23rd.
///
/// Stock llama.cpp (up to the pinned version) puts [CLS] behind the patches while positions count from the front, and runs one block
/// too few on published files. This tower does neither, so its features differ from stock ones on purpose.
///
/// Names in comments: p patch side, n patches, w width, h heads, d = w / h, f feed-forward width, k picked rows, e width of a visual token.
/// Shapes are in ggml's order, fastest running dimension first. Thread-safe.
/// </summary>
internal sealed unsafe class ClipVisionTower : IDisposable
{
    readonly VisionWeights _weights;
    readonly ClipHeader _header;
    readonly TowerWorkspaces _workspaces;
    readonly int _threads;
    readonly bool _ownAttention;

    /// <summary>Takes over the weights and disposes them.</summary>
    /// <param name="weights">Weights on the device that is to run the tower.</param>
    /// <param name="threads">Processor threads per encode.</param>
    /// <param name="ownKernels">False leaves attention to ggml even where ours runs; for tests and measurements.</param>
    public ClipVisionTower(VisionWeights weights, int threads, bool ownKernels = true)
    {
        _weights = weights;
        _header = weights.Header;
        _threads = threads;
        _ownAttention = ownKernels && weights.Device.IsCpu && HeadAttention.IsSupported && HeadAttention.Fits(_header.HeadWidth);
        _workspaces = new TowerWorkspaces(weights.Device, threads, maxNodes: 48 * (_header.LayerCount + 4));
    }

    /// <summary>How the matrices are held.</summary>
    public TowerPrecision Precision => _weights.Precision;

    /// <summary>Bytes of weights.</summary>
    public long WeightBytes => _weights.Bytes;

    /// <summary>Called when a graph is about to be computed; for tests of what happens meanwhile.</summary>
    internal Action? Computing { get; set; }

    /// <summary>Runs the tower up to the keys, the values and the [CLS] attention of the last block.</summary>
    /// <param name="pixels">One view, normalised: [3, S, S] planar, rows from top to bottom.</param>
    /// <param name="cancellationToken">On a CPU checked between operations, on a GPU before the start.</param>
    /// <exception cref="NativeRuntimeException">Not enough memory, or the weights give values that are not numbers.</exception>
    public EncodedView Encode(ReadOnlySpan<float> pixels, CancellationToken cancellationToken = default) =>
        RunEncode(pixels, withAttention: true, cancellationToken);

    /// <summary>As <see cref="Encode"/>, or without attention, to measure what asking for it costs.</summary>
    internal EncodedView RunEncode(ReadOnlySpan<float> pixels, bool withAttention, CancellationToken cancellationToken)
    {
        if (pixels.Length != 3 * _header.ImageSize * _header.ImageSize)
        {
            string expected = $"3 x {_header.ImageSize} x {_header.ImageSize}";
            throw new ArgumentException($"A view has {expected} values, got {pixels.Length}.", nameof(pixels));
        }
        cancellationToken.ThrowIfCancellationRequested();

        using var weightsInUse = new HandleHold(_weights);
        using TowerWorkspaces.Lease lease = _workspaces.Rent();
        EncodedView view = EncodedView.Allocate(_header, _weights.Device);
        try
        {
            using GraphBuilder g = lease.Workspace.NewGraph();
            long patchLength = 3L * _header.PatchSize * _header.PatchSize;
            ggml_tensor* patches = g.Input(ggml_type.GGML_TYPE_F32, patchLength, _header.PatchCount, "patches");     // [3pp, n]
            ggml_tensor* attention = BuildEncode(g, patches, view, withAttention);

            lease.Workspace.Allocate(g);
            GraphBuilder.Set<float>(patches, Patches.Flatten(pixels, _header.ImageSize, _header.PatchSize));
            Computing?.Invoke();
            lease.Workspace.Compute(g, cancellationToken);
            if (attention is not null) view.SetAttention(GraphBuilder.Get(attention), _header.HeadCount);
            return view;
        }
        catch
        {
            view.Dispose();
            throw;
        }
    }

    /// <summary>Finishes the last block and projects, for some rows only.</summary>
    /// <param name="view">From <see cref="Encode"/> of this tower; is not changed.</param>
    /// <param name="kept">
    /// Indices of visual tokens, or of patches without the projector, each 0 to n - 1; the result has their order. Projectors that join
    /// patches leave n / 4 tokens and see all patches, so that these are finished whatever is kept.
    /// </param>
    /// <param name="project">False stops at the tower's features, which tests compare.</param>
    /// <param name="cancellationToken">As in <see cref="Encode"/>.</param>
    /// <returns>[kept, e], or [kept, w] without the projector, row after row.</returns>
    public float[] Finish(EncodedView view, ReadOnlySpan<int> kept, bool project = true, CancellationToken cancellationToken = default)
    {
        if (kept.IsEmpty) return [];
        bool joined = project && _weights.Mobile is not null;
        int count = joined ? _header.TokenGridSide * _header.TokenGridSide : _header.PatchCount;
        int[] rows = new int[joined ? _header.PatchCount : kept.Length];
        foreach (int row in kept)
        {
            if ((uint)row >= (uint)count)
                throw new ArgumentOutOfRangeException(nameof(kept), row, $"A view has {(project ? "visual tokens" : "patches")} 0 to {count - 1}.");
        }
        for (int i = 0; i < rows.Length; i++) rows[i] = (joined ? i : kept[i]) + 1; // row 0 is [CLS]
        cancellationToken.ThrowIfCancellationRequested();

        using var weightsInUse = new HandleHold(_weights);
        using var viewInUse = new HandleHold(view);
        using TowerWorkspaces.Lease lease = _workspaces.Rent();
        using GraphBuilder g = lease.Workspace.NewGraph();
        ggml_tensor* picked = g.Input(ggml_type.GGML_TYPE_I32, rows.Length, 1, "picked");
        ggml_tensor* tokens = joined ? g.Input(ggml_type.GGML_TYPE_I32, kept.Length, 1, "tokens") : null;
        ggml_tensor* result = BuildFinish(g, picked, tokens, view, project);

        lease.Workspace.Allocate(g);
        GraphBuilder.Set<int>(picked, rows);
        if (joined) GraphBuilder.Set(tokens, kept);
        lease.Workspace.Compute(g, cancellationToken);
        float[] values = GraphBuilder.Get(result);
        return float.IsFinite(TensorPrimitives.Sum(values)) ? values : throw EncodedView.NotNumbers();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _workspaces.Dispose();
        _weights.Dispose();
    }

    // Scores are multiplied with this before the softmax.
    float Scale => 1 / MathF.Sqrt(_header.HeadWidth);

    // ---- The graphs ----------------------------------------------------------------------------------------------------------

    /// <summary>
    /// patches [3pp, n] -> [CLS] attention per head [n + 1, 1, h] or null; leaves hidden rows, keys and values in the view.
    /// </summary>
    ggml_tensor* BuildEncode(GraphBuilder g, ggml_tensor* patches, EncodedView view, bool withAttention)
    {
        // A convolution whose stride is its kernel is a matrix product over flattened patches.
        ggml_tensor* x = g.Linear(_weights.PatchEmbedding, patches, "patch_embd");                                    // [w, n]
        x = g.Name(ggml_concat(g.Context, _weights.ClassEmbedding, x, dim: 1), "cls_and_patches");                    // [w, n + 1]
        x = g.Name(ggml_add(g.Context, x, _weights.PositionEmbedding), "pos_embd");
        x = g.LayerNorm(_weights.PreNorm, x, _header.Epsilon, "pre_ln");

        int last = _header.LayerCount - 1;
        for (int layer = 0; layer < last; layer++)
        {
            VisionWeights.Block block = _weights.Blocks[layer];
            g.Layer = layer;
            GraphBuilder.LinearInput y = g.InputOf(block.Query, x, block.Norm1, _header.Epsilon, "ln1");
            ggml_tensor* q = Heads(g, block.Query, y, "q");
            ggml_tensor* k = Heads(g, block.Key, y, "k");
            ggml_tensor* v = Heads(g, block.Value, y, "v");
            x = RestOfBlock(g, block, x, q, ForAttention(g, k), ForAttention(g, v));
        }

        // The last block, as far as every row is needed.
        g.Layer = last;
        VisionWeights.Block final = _weights.Blocks[last];
        GraphBuilder.LinearInput normed = g.InputOf(final.Key, x, final.Norm1, _header.Epsilon, "ln1");
        ggml_tensor* keys = Heads(g, final.Key, normed, "k");
        g.Output(ggml_cpy(g.Context, x, view.Hidden), "hidden");
        g.Output(ggml_cpy(g.Context, keys, view.Keys), "keys");
        g.Output(ggml_cpy(g.Context, Heads(g, final.Value, normed, "v"), view.Values), "values");

        if (!withAttention) return null;

        // softmax(q_cls K^T / sqrt(d)) over all n + 1 keys.
        ggml_tensor* cls = ggml_view_2d(g.Context, x, _header.Width, 1, (nuint)_header.Width * sizeof(float), offset: 0);
        GraphBuilder.LinearInput normedCls = g.InputOf(final.Query, cls, final.Norm1, _header.Epsilon, "ln1_cls");
        ggml_tensor* qCls = Heads(g, final.Query, normedCls, "q_cls");                                                // [d, 1, h]
        ggml_tensor* scores = g.Name(ggml_mul_mat(g.Context, keys, qCls), "cls_scores");                              // [n + 1, 1, h]
        return g.Output(ggml_soft_max_ext(g.Context, scores, null, Scale, 0), "cls_attn");
    }

    /// <summary>picked [k] -> visual tokens [e, k], or features [w, k]; tokens [t] of them if given.</summary>
    ggml_tensor* BuildFinish(GraphBuilder g, ggml_tensor* picked, ggml_tensor* tokens, EncodedView view, bool project)
    {
        int last = _header.LayerCount - 1;
        g.Layer = last;
        VisionWeights.Block block = _weights.Blocks[last];
        ggml_tensor* x = g.Name(ggml_get_rows(g.Context, view.Hidden, picked), "picked_rows");                        // [w, k]
        GraphBuilder.LinearInput y = g.InputOf(block.Query, x, block.Norm1, _header.Epsilon, "ln1");
        ggml_tensor* features = RestOfBlock(g, block, x, Heads(g, block.Query, y, "q"), view.Keys, view.Values);
        if (!project) return g.Output(features, "features");
        ggml_tensor* projected = Project(g, features);
        return g.Output(tokens is null ? projected : ggml_get_rows(g.Context, projected, tokens), "visual_tokens");
    }

    /// <summary>A block from its attention on: x [w, m], q [d, m, h], k and v [d, n + 1, h] -> [w, m].</summary>
    ggml_tensor* RestOfBlock(GraphBuilder g, VisionWeights.Block block, ggml_tensor* x, ggml_tensor* q, ggml_tensor* k, ggml_tensor* v)
    {
        x = g.Linear(block.Output, Attention(g, q, k, v), "attn_residual", residual: x);

        GraphBuilder.LinearInput normed = g.InputOf(block.Up, x, block.Norm2, _header.Epsilon, "ln2");
        bool quick = _header.Activation == ClipActivation.QuickGelu;
        ggml_tensor* y = g.Linear(block.Up, normed, "ffn_up", quick ? ProductActivation.QuickGelu : ProductActivation.None); // [f, m]
        if (!quick) y = g.Name(ggml_gelu_erf(g.Context, y), "ffn_act");
        return g.Linear(block.Down, y, "block_out", residual: x);
    }

    /// <summary>
    /// [w, k] -> [e, k]. <c>mlp</c> (LLaVA-1.5): linear, GELU, linear. <c>mlp_norm</c> (Yi-VL): linear, LayerNorm, GELU, linear, LayerNorm.
    /// <c>ldp</c> and <c>ldpv2</c> (MobileVLM): linear, GELU, linear, then <see cref="LdpProjector"/>.
    /// GELU is the erf form the models were trained with; ggml's tanh form is a table of 16-bit floats, which costs more precision than
    /// the difference between the two forms (under 5e-4).
    /// </summary>
    ggml_tensor* Project(GraphBuilder g, ggml_tensor* x)
    {
        g.Layer = null;
        x = g.Linear(_weights.Projector1, x, "mm.0");
        if (_weights.ProjectorNorm1 is { } norm1) x = g.LayerNorm(norm1, x, _header.Epsilon, "mm.1");
        x = g.Name(ggml_gelu_erf(g.Context, x), "mm_act");
        x = g.Linear(_weights.Projector2, x, "mm.2");
        if (_weights.Mobile is { } mobile) return new LdpProjector(mobile, _header.GridSide).Build(g, x);
        return _weights.ProjectorNorm2 is { } norm2 ? g.LayerNorm(norm2, x, _header.Epsilon, "mm.4") : x;
    }

    /// <summary>Linear, then one matrix per head: x [w, m] -> [d, m, h], a view.</summary>
    ggml_tensor* Heads(GraphBuilder g, VisionWeights.Linear linear, GraphBuilder.LinearInput x, string name)
    {
        ggml_tensor* y = g.Linear(linear, x, name);
        y = ggml_reshape_3d(g.Context, y, _header.HeadWidth, _header.HeadCount, x.Rows);                        // [d, h, m]
        return ggml_permute(g.Context, y, 0, 2, 1, 3);
    }

    /// <summary>q [d, m, h], k and v [d, n + 1, h] -> heads side by side, [w, m].</summary>
    ggml_tensor* Attention(GraphBuilder g, ggml_tensor* q, ggml_tensor* k, ggml_tensor* v)
    {
        if (_ownAttention) return g.Name(KernelNodes.Attention(g.Context, q, k, v, Scale, _threads), "attn");
        ggml_tensor* a = g.Name(ggml_flash_attn_ext(g.Context, q, k, v, null, Scale, 0, 0), "attn");              // [d, h, m]
        ggml_flash_attn_ext_set_prec(a, ggml_prec.GGML_PREC_F32);
        return ggml_reshape_2d(g.Context, a, _header.Width, q->ne[1]);
    }

    /// <summary>Keys or values in the element type the device's flash attention reads.</summary>
    ggml_tensor* ForAttention(GraphBuilder g, ggml_tensor* x) =>
        _weights.Device.AttentionType == ggml_type.GGML_TYPE_F32 ? x : ggml_cast(g.Context, x, _weights.Device.AttentionType);
}
