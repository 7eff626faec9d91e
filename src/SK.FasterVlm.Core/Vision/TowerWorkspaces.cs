using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SK.FasterVlm.Native;
using static SK.FasterVlm.Native.GgmlBackend;

namespace SK.FasterVlm.Vision;

/// <summary>
/// Pool of workspaces: as many as ever ran at once, each reused, so that memory is flat however many images come.
/// </summary>
internal sealed class TowerWorkspaces(TowerDevice device, int threads, int maxNodes) : IDisposable
{
    readonly ConcurrentBag<TowerWorkspace> _idle = [];
    volatile bool _disposed;

    /// <summary>Takes a workspace, or makes one.</summary>
    public Lease Rent()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new Lease(this, _idle.TryTake(out TowerWorkspace? workspace) ? workspace : new TowerWorkspace(device, threads, maxNodes));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _disposed = true; // leases that are out end their workspace when they come back
        while (_idle.TryTake(out TowerWorkspace? workspace)) workspace.Dispose();
    }

    void Return(TowerWorkspace workspace)
    {
        _idle.Add(workspace);
        if (_disposed) Dispose();
    }

    /// <summary>A workspace in use by one call.</summary>
    internal readonly struct Lease(TowerWorkspaces pool, TowerWorkspace workspace) : IDisposable
    {
        public TowerWorkspace Workspace => workspace;

        public void Dispose() => pool.Return(workspace);
    }
}

/// <summary>
/// What one running graph needs beside the weights: a backend with its threads and a scheduler with its compute buffers.
/// For one caller at a time.
/// </summary>
internal sealed unsafe class TowerWorkspace : IDisposable
{
    readonly int _maxNodes;
    readonly GgmlBackendHandle _cpu;
    readonly GgmlBackendHandle? _gpu;
    readonly GgmlSchedHandle _scheduler;
    readonly byte* _abort; // read by ggml between operations; native memory, since the garbage collector moves managed memory

    /// <summary>Starts the device's backend, and the CPU's behind it for operations the device lacks.</summary>
    /// <exception cref="NativeRuntimeException">The device does not start.</exception>
    public TowerWorkspace(TowerDevice device, int threads, int maxNodes)
    {
        _maxNodes = maxNodes;
        _cpu = GgmlBackendHandle.Create(device.Cpu);
        _gpu = device.IsCpu ? null : GgmlBackendHandle.Create(device.Device);
        _scheduler = GgmlSchedHandle.Create((nuint)maxNodes, _gpu is null ? [_cpu] : [_gpu, _cpu]);
        _abort = (byte*)NativeMemory.AllocZeroed(1);
        device.SetCpuThreads(_cpu.Pointer, threads);
        device.SetCpuAbort(_cpu.Pointer, &ShouldAbort, _abort);
    }

    /// <summary>An empty graph of the size this workspace was made for.</summary>
    public GraphBuilder NewGraph() => new(_maxNodes);

    /// <summary>Gives every node memory; inputs can be filled afterwards.</summary>
    /// <exception cref="NativeRuntimeException">There is not enough memory.</exception>
    public void Allocate(GraphBuilder graph)
    {
        ggml_backend_sched_reset(_scheduler.Pointer);
        if (!ggml_backend_sched_alloc_graph(_scheduler.Pointer, graph.Graph))
            throw new NativeRuntimeException("Not enough memory for the vision tower's compute buffers; encode fewer images at once.");
    }

    /// <summary>Runs the graph.</summary>
    /// <exception cref="OperationCanceledException">Cancelled; the workspace stays usable.</exception>
    public void Compute(GraphBuilder graph, CancellationToken cancellationToken)
    {
        Volatile.Write(ref *_abort, 0);
        ggml_status status;
        using (cancellationToken.UnsafeRegister(static w => Volatile.Write(ref *((TowerWorkspace)w!)._abort, 1), this))
            status = ggml_backend_sched_graph_compute(_scheduler.Pointer, graph.Graph);
        if (status == ggml_status.GGML_STATUS_SUCCESS) return;
        cancellationToken.ThrowIfCancellationRequested();
        throw new NativeRuntimeException($"The vision graph failed ({status}). {NativeLog.Tail()}");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_scheduler.IsClosed) return;
        _scheduler.Dispose();
        _gpu?.Dispose();
        _cpu.Dispose();
        NativeMemory.Free(_abort);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    static byte ShouldAbort(void* flag) => *(byte*)flag;
}
