using System.Runtime.InteropServices;

namespace SK.FasterVlm.Native;

/// <summary>How a pool of threads is made. Initialised by <see cref="GgmlBackend.ggml_threadpool_params_init"/>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ggml_threadpool_params
{
    public fixed byte cpumask[512];
    public int n_threads;
    public int prio;
    public uint poll;
    public byte strict_cpu;
    public byte paused;
}

/// <summary>Opaque.</summary>
internal struct ggml_threadpool;

/// <summary>
/// Threads that wait for the next graph. Without a pool ggml starts and ends its threads in every evaluation, which a model of
/// 7 billion weights does not notice and a small one spends most of its time with.
/// </summary>
internal sealed unsafe class GgmlThreadPool : SafeHandle
{
    // Rounds of 131,072 looks for work before a thread sleeps, some milliseconds: as long as another token may follow.
    const uint Patience = 1;

    readonly delegate* unmanaged[Cdecl]<ggml_threadpool*, void> _free;

    GgmlThreadPool(ggml_threadpool* pool, delegate* unmanaged[Cdecl]<ggml_threadpool*, void> free) : base(0, true)
    {
        SetHandle((nint)pool);
        _free = free;
    }

    public override bool IsInvalid => handle == 0;

    internal ggml_threadpool* Pointer => (ggml_threadpool*)handle;

    /// <summary>Starts a pool of the CPU backend.</summary>
    /// <param name="threads">Threads, the caller's own included.</param>
    /// <returns>Null when one thread needs no pool, or the backend has none.</returns>
    internal static GgmlThreadPool? Start(int threads)
    {
        ggml_backend_device* cpu = GgmlBackend.ggml_backend_dev_by_type(ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU);
        if (threads < 2 || cpu is null) return null;
        ggml_backend_reg* registry = GgmlBackend.ggml_backend_dev_backend_reg(cpu);
        var create = (delegate* unmanaged[Cdecl]<ggml_threadpool_params*, ggml_threadpool*>)
            GgmlBackend.ggml_backend_reg_get_proc_address(registry, "ggml_threadpool_new");
        var free = (delegate* unmanaged[Cdecl]<ggml_threadpool*, void>)
            GgmlBackend.ggml_backend_reg_get_proc_address(registry, "ggml_threadpool_free");
        if (create is null || free is null) return null;
        ggml_threadpool_params parameters;
        GgmlBackend.ggml_threadpool_params_init(&parameters, threads);
        parameters.poll = Patience;
        ggml_threadpool* pool = create(&parameters);
        return pool is null ? null : new GgmlThreadPool(pool, free);
    }

    protected override bool ReleaseHandle()
    {
        _free(Pointer);
        return true;
    }
}
