using System.Runtime.InteropServices;

namespace SK.FasterVlm.Native;

/// <summary>
/// Descriptions of tensors and graphs. Tensors made in a context die with it: keep the handle as long as any pointer is used.
/// </summary>
internal sealed unsafe class GgmlContextHandle : SafeHandle
{
    /// <summary>An invalid handle; use Create.</summary>
    public GgmlContextHandle() : base(0, true) { }

    /// <summary>The pointer, valid until disposal.</summary>
    internal ggml_context* Pointer => (ggml_context*)handle;

    /// <summary>A context without tensor data.</summary>
    /// <param name="bytes">
    /// Room for descriptions: count * ggml_tensor_overhead() plus ggml_graph_overhead_custom(). Too little ends the process.
    /// </param>
    /// <exception cref="NativeRuntimeException">The memory cannot be had.</exception>
    internal static GgmlContextHandle Create(nuint bytes)
    {
        var result = new GgmlContextHandle();
        result.SetHandle((nint)Ggml.ggml_init(new ggml_init_params { mem_size = bytes, mem_buffer = null, no_alloc = 1 }));
        return result.IsInvalid ? throw new NativeRuntimeException($"ggml could not reserve {bytes} bytes for a graph.") : result;
    }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Ggml.ggml_free((ggml_context*)handle);
        return true;
    }
}

/// <summary>A device ready to compute.</summary>
internal sealed unsafe class GgmlBackendHandle : SafeHandle
{
    /// <summary>An invalid handle; use Create.</summary>
    public GgmlBackendHandle() : base(0, true) { }

    /// <summary>The pointer, valid until disposal.</summary>
    internal ggml_backend* Pointer => (ggml_backend*)handle;

    /// <summary>Starts a device.</summary>
    /// <exception cref="NativeRuntimeException">The device does not start.</exception>
    internal static GgmlBackendHandle Create(ggml_backend_device* device)
    {
        var result = new GgmlBackendHandle();
        result.SetHandle((nint)GgmlBackend.ggml_backend_dev_init(device, null));
        if (!result.IsInvalid) return result;
        throw new NativeRuntimeException(
            $"The device {Utf8.Read(GgmlBackend.ggml_backend_dev_name(device))} could not be started. {NativeLog.Tail()}");
    }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        GgmlBackend.ggml_backend_free((ggml_backend*)handle);
        return true;
    }
}

/// <summary>Memory of a device that holds tensors.</summary>
internal sealed unsafe class GgmlBufferHandle : SafeHandle
{
    /// <summary>Takes over a buffer.</summary>
    internal GgmlBufferHandle(ggml_backend_buffer* buffer) : base(0, true) => SetHandle((nint)buffer);

    /// <summary>The pointer, valid until disposal.</summary>
    internal ggml_backend_buffer* Pointer => (ggml_backend_buffer*)handle;

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        GgmlBackend.ggml_backend_buffer_free((ggml_backend_buffer*)handle);
        return true;
    }
}

/// <summary>A scheduler over one or more backends. Dispose it before its backends.</summary>
internal sealed unsafe class GgmlSchedHandle : SafeHandle
{
    readonly GgmlBackendHandle[] _backends;

    GgmlSchedHandle(GgmlBackendHandle[] backends) : base(0, true) => _backends = backends;

    /// <summary>The pointer, valid until disposal.</summary>
    internal ggml_backend_sched* Pointer => (ggml_backend_sched*)handle;

    /// <summary>Makes a scheduler; the last backend must be the CPU. It keeps the backends referenced until it is released.</summary>
    /// <param name="graphSize">Most nodes of a graph.</param>
    /// <param name="backends">Fastest first.</param>
    /// <exception cref="NativeRuntimeException">The memory cannot be had.</exception>
    internal static GgmlSchedHandle Create(nuint graphSize, params GgmlBackendHandle[] backends)
    {
        var result = new GgmlSchedHandle(backends);
        ggml_backend** pointers = stackalloc ggml_backend*[backends.Length];
        for (int i = 0; i < backends.Length; i++) pointers[i] = backends[i].Pointer;
        ggml_backend_sched* sched = GgmlBackend.ggml_backend_sched_new(pointers, null, backends.Length, graphSize, false, true);
        if (sched is null) throw new NativeRuntimeException($"ggml could not make a scheduler for {graphSize} nodes.");
        bool added = false;
        foreach (GgmlBackendHandle backend in backends) backend.DangerousAddRef(ref added);
        result.SetHandle((nint)sched);
        return result;
    }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        GgmlBackend.ggml_backend_sched_free((ggml_backend_sched*)handle);
        foreach (GgmlBackendHandle backend in _backends) backend.DangerousRelease();
        return true;
    }
}
