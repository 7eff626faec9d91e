using System.Runtime.InteropServices;
using SK.FasterVlm.Gguf;
using SK.FasterVlm.Native;
using static SK.FasterVlm.Native.Ggml;

namespace SK.FasterVlm.Vision;

/// <summary>
/// The tower's and projector's weights on their device: read-only, shared by every encode. Shapes are right by <see cref="ClipHeader"/>.
/// <para>
/// Matrices are held in the type <see cref="WeightConversion.TargetType"/> says; those already stored so stay in the mapped file when the
/// CPU runs the tower, so that they cost no memory twice. Vectors, positions and the patch embedding are 32-bit floats: they are small,
/// and the patch embedding meets raw pixels, which lose most by rounding.
/// </para>
/// </summary>
internal sealed unsafe class VisionWeights : SafeHandle
{
    const int Alignment = 32;

    readonly GgufFile _file;
    readonly GgmlContextHandle _context;
    readonly TowerPrecision _asked;
    readonly bool _repack;
    readonly List<(GgufTensorInfo Source, nint Tensor)> _copied = [];
    readonly List<(GgufTensorInfo Source, nint Tensor)> _mapped = [];
    GgmlBufferHandle? _buffer;
    GgmlBufferHandle? _mappedBuffer;
    GgufMapping? _mapping;

    VisionWeights(GgufFile file, ClipHeader header, TowerDevice device, TowerPrecision precision, bool ownKernels) : base(0, ownsHandle: true)
    {
        (_file, Header, Device, _asked) = (file, header, device, precision);
        _repack = ownKernels && device.IsCpu && RepackedMatrix.IsSupported && Matrices(header).All(CanRepack);
        int tensors = 16 * header.LayerCount + 64;
        _context = GgmlContextHandle.Create((nuint)tensors * ggml_tensor_overhead());
        SetHandle((nint)_context.Pointer);

        // The convolution is stored as [p, p, 3, w]; as a matrix it has one row per output channel.
        ggml_tensor* patches = Declare(_copied, header.PatchEmbedding, ggml_type.GGML_TYPE_F32, 3 * header.PatchSize * header.PatchSize, header.Width);
        PatchEmbedding = new Linear(patches, patches->ne[0], header.PatchBias is { } bias ? Floats(bias) : null);
        ClassEmbedding = Floats(header.ClassEmbedding);
        PositionEmbedding = Floats(header.PositionEmbedding);
        PreNorm = NormOf(header.PreNorm);
        Blocks = [.. header.Layers.Select(l => new Block(
            NormOf(l.Norm1), LinearOf(l.Query), LinearOf(l.Key), LinearOf(l.Value), LinearOf(l.Output),
            NormOf(l.Norm2), LinearOf(l.Up), LinearOf(l.Down)))];
        Projector1 = LinearOf(header.Projector1);
        ProjectorNorm1 = header.ProjectorNorm1 is { } norm1 ? NormOf(norm1) : null;
        Projector2 = LinearOf(header.Projector2);
        ProjectorNorm2 = header.ProjectorNorm2 is { } norm2 ? NormOf(norm2) : null;
        Mobile = header.Mobile is { } mobile ? MobileOf(mobile) : null;
    }

    /// <summary>Sizes, checked against the file.</summary>
    public ClipHeader Header { get; }

    /// <summary>Where the weights are.</summary>
    public TowerDevice Device { get; }

    /// <summary>[3pp, w] and an optional bias.</summary>
    public Linear PatchEmbedding { get; }

    /// <summary>[w].</summary>
    public ggml_tensor* ClassEmbedding { get; }

    /// <summary>[w, n + 1]; row 0 belongs to [CLS].</summary>
    public ggml_tensor* PositionEmbedding { get; }

    /// <summary>Before the first block.</summary>
    public Norm PreNorm { get; }

    /// <summary>The blocks that are run.</summary>
    public Block[] Blocks { get; }

    /// <summary>First linear layer of the projector.</summary>
    public Linear Projector1 { get; }

    /// <summary>After the first layer of <c>mlp_norm</c>; null for <c>mlp</c>.</summary>
    public Norm? ProjectorNorm1 { get; }

    /// <summary>Second linear layer of the projector.</summary>
    public Linear Projector2 { get; }

    /// <summary>After the second layer of <c>mlp_norm</c>; null for <c>mlp</c>.</summary>
    public Norm? ProjectorNorm2 { get; }

    /// <summary>The rest of <c>ldp</c> and <c>ldpv2</c>; null for the others.</summary>
    public LdpProjector.Weights? Mobile { get; }

    /// <summary>How the matrices are held: what was asked for, with <see cref="TowerPrecision.Auto"/> resolved.</summary>
    public TowerPrecision Precision { get; private set; }

    /// <summary>Bytes of weights, mapped ones included.</summary>
    public long Bytes { get; private set; }

    /// <summary>Bytes of the weights that do not stay in the mapped file.</summary>
    public long CopiedBytes => _copied.Sum(static t => (long)ggml_nbytes((ggml_tensor*)t.Tensor));

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>Reads, converts and places the weights.</summary>
    /// <param name="file">Stays the caller's; may be closed afterwards.</param>
    /// <param name="header">Of the same file.</param>
    /// <param name="device">Where the weights go.</param>
    /// <param name="precision">How matrices are held.</param>
    /// <param name="threads">Threads to convert with.</param>
    /// <param name="ownKernels">False leaves 8-bit matrices to ggml's kernels even where ours run; for tests and measurements.</param>
    /// <exception cref="ModelFormatException">A matrix is stored in a type that cannot be converted as asked.</exception>
    /// <exception cref="NativeRuntimeException">There is not enough memory on the device.</exception>
    public static VisionWeights Load(
        GgufFile file, ClipHeader header, TowerDevice device, TowerPrecision precision, int threads, bool ownKernels = true)
    {
        var weights = new VisionWeights(file, header, device, precision, ownKernels);
        try
        {
            // On a GPU the weights are the device's affair, which is asked for its memory and refuses with a message.
            VisionEncoder.CheckMemory(header, device.IsCpu ? weights.CopiedBytes : 0, threads, HostMachine.AvailableMemory());
            weights.Place(threads);
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        _context.Dispose();
        _buffer?.Dispose();
        _mappedBuffer?.Dispose();
        _mapping?.Dispose();
        return true;
    }

    void Place(int threads)
    {
        // Tensors that lie in the file get their memory first: what is left without memory is what the next call allocates.
        if (_mapped.Count > 0)
        {
            _mapping = _file.Map();
            void* start = (void*)_mapping.Address;
            _mappedBuffer = new GgmlBufferHandle(GgmlBackend.ggml_backend_cpu_buffer_from_ptr(start, (nuint)_mapping.Length));
            if (_mappedBuffer.IsInvalid) throw NotEnoughMemory();
            GgmlBackend.ggml_backend_buffer_set_usage(_mappedBuffer.Pointer, ggml_backend_buffer_usage.GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
            foreach ((GgufTensorInfo source, nint tensor) in _mapped)
            {
                void* address = (void*)_mapping.AddressOf(source);
                ggml_status status = GgmlBackend.ggml_backend_tensor_alloc(_mappedBuffer.Pointer, (ggml_tensor*)tensor, address);
                if (status != ggml_status.GGML_STATUS_SUCCESS) throw NotEnoughMemory();
            }
        }
        _buffer = new GgmlBufferHandle(GgmlBackend.ggml_backend_alloc_ctx_tensors_from_buft(_context.Pointer, Device.BufferType));
        if (_buffer.IsInvalid) throw NotEnoughMemory();
        GgmlBackend.ggml_backend_buffer_set_usage(_buffer.Pointer, ggml_backend_buffer_usage.GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
        WeightConversion.Run(_file, _copied, threads, Device.IsCpu);

        Bytes = _copied.Concat(_mapped).Sum(static t => (long)ggml_nbytes((ggml_tensor*)t.Tensor));
        Precision = Blocks[0].Query.Weight->type switch
        {
            _ when _asked != TowerPrecision.Auto => _asked,
            ggml_type.GGML_TYPE_Q8_0 or ggml_type.GGML_TYPE_I8 => TowerPrecision.Q8_0,
            ggml_type.GGML_TYPE_F16 => TowerPrecision.F16,
            _ => TowerPrecision.AsStored,
        };

        NativeRuntimeException NotEnoughMemory() => new($"Not enough memory on {Device.Name} for the vision tower.");
    }

    Linear LinearOf(ClipTensors layer)
    {
        if (!_repack) return PlainLinear(layer.Weight, layer.Bias);
        GgufTensorInfo matrix = layer.Weight;
        long inputs = matrix.Ne(0), outputs = matrix.Ne(1);
        ggml_tensor* panels = Declare(
            _copied, matrix, ggml_type.GGML_TYPE_I8, RepackedMatrix.PanelBytes(inputs), outputs / RepackedMatrix.Panel);
        return new Linear(panels, inputs, Floats(layer.Bias));
    }

    Linear PlainLinear(GgufTensorInfo matrix, GgufTensorInfo? bias)
    {
        long inputs = matrix.Ne(0), outputs = matrix.Ne(1);
        GgmlType target = WeightConversion.TargetType(matrix.Type, inputs, _asked, Device.IsCpu);
        // ggml's CPU kernels read aligned memory only.
        bool map = target == matrix.Type && Device.IsCpu && _file.CanMap && matrix.Offset % Alignment == 0;
        ggml_tensor* tensor = Declare(map ? _mapped : _copied, matrix, (ggml_type)target, inputs, outputs);
        return new Linear(tensor, inputs, bias is null ? null : Floats(bias));
    }

    // Small against the tower, so that nothing is won by repacking; kernels are stored [3, 3, e] and declared [9, e].
    LdpProjector.Weights MobileOf(ClipMobileProjector mobile)
    {
        return new LdpProjector.Weights(
            [.. mobile.Blocks.Select(b => new LdpProjector.MobileBlock(
                Kernel(b.Depthwise), NormOf(b.DepthwiseNorm), PlainLinear(b.Squeeze.Weight, b.Squeeze.Bias),
                PlainLinear(b.Excite.Weight, b.Excite.Bias), PlainLinear(b.Pointwise, null), NormOf(b.PointwiseNorm)))],
            mobile.Positions is { } p ? new Norm(Kernel(p.Weight), Floats(p.Bias)) : null);

        ggml_tensor* Kernel(GgufTensorInfo kernel) => Declare(_copied, kernel, ggml_type.GGML_TYPE_F32, 9, kernel.ElementCount / 9);
    }

    // All or none, so that layers with the same input can share it.
    bool CanRepack(ClipTensors layer)
    {
        GgufTensorInfo matrix = layer.Weight;
        return _asked != TowerPrecision.AsStored && RepackedMatrix.Fits(matrix.Ne(0), matrix.Ne(1))
            && WeightConversion.TargetType(matrix.Type, matrix.Ne(0), _asked, isCpu: true) == GgmlType.Q8_0;
    }

    static IEnumerable<ClipTensors> Matrices(ClipHeader header) =>
    [
        .. header.Layers.SelectMany(static l => (ClipTensors[])[l.Query, l.Key, l.Value, l.Output, l.Up, l.Down]),
        header.Projector1, header.Projector2,
    ];

    Norm NormOf(ClipTensors norm) => new(Floats(norm.Weight), Floats(norm.Bias));

    ggml_tensor* Floats(GgufTensorInfo source) => Declare(_copied, source, ggml_type.GGML_TYPE_F32, source.Ne(0), source.Ne(1));

    ggml_tensor* Declare(List<(GgufTensorInfo, nint)> list, GgufTensorInfo source, ggml_type type, long ne0, long ne1)
    {
        ggml_tensor* tensor = ggml_set_name(ggml_new_tensor_2d(_context.Pointer, type, ne0, ne1), source.Name);
        list.Add((source, (nint)tensor));
        return tensor;
    }

    /// <summary>Matrix [in, out], or its panels as <see cref="RepackedMatrix"/> has them, and bias [out] or null.</summary>
    internal readonly struct Linear(ggml_tensor* weight, long inputs, ggml_tensor* bias)
    {
        public ggml_tensor* Weight { get; } = weight;
        public long Inputs { get; } = inputs;
        public bool IsRepacked => Weight->type == ggml_type.GGML_TYPE_I8;
        public ggml_tensor* Bias { get; } = bias;
    }

    /// <summary>Weight and bias of a LayerNorm.</summary>
    internal readonly struct Norm(ggml_tensor* weight, ggml_tensor* bias)
    {
        public ggml_tensor* Weight { get; } = weight;
        public ggml_tensor* Bias { get; } = bias;
    }

    /// <summary>One block of the tower.</summary>
    internal sealed record Block(Norm Norm1, Linear Query, Linear Key, Linear Value, Linear Output, Norm Norm2, Linear Up, Linear Down);
}
