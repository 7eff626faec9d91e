using SK.FasterVlm.Native;
using static SK.FasterVlm.Native.GgmlBackend;
using DeviceType = SK.FasterVlm.Native.ggml_backend_dev_type;

namespace SK.FasterVlm.Vision;

/// <summary>The ggml device that runs the tower, and the CPU for what it cannot do.</summary>
internal sealed unsafe class TowerDevice
{
    readonly delegate* unmanaged[Cdecl]<ggml_backend*, int, void> _setThreads;
    readonly delegate* unmanaged[Cdecl]<ggml_backend*, delegate* unmanaged[Cdecl]<void*, byte>, void*, void> _setAbort;

    TowerDevice(ggml_backend_device* device, ggml_backend_device* cpu)
    {
        Device = device;
        Cpu = cpu;
        Name = Utf8.Read(ggml_backend_dev_name(device));
        BufferType = ggml_backend_dev_buffer_type(device);

        // Functions of the CPU backend alone are found by name.
        ggml_backend_reg* registry = ggml_backend_dev_backend_reg(cpu);
        void* setThreads = ggml_backend_reg_get_proc_address(registry, "ggml_backend_set_n_threads");
        void* setAbort = ggml_backend_reg_get_proc_address(registry, "ggml_backend_set_abort_callback");
        _setThreads = (delegate* unmanaged[Cdecl]<ggml_backend*, int, void>)setThreads;
        _setAbort = (delegate* unmanaged[Cdecl]<ggml_backend*, delegate* unmanaged[Cdecl]<void*, byte>, void*, void>)setAbort;
        if (setThreads is null || setAbort is null)
            throw new NativeRuntimeException("The CPU backend lacks functions this version needs.");
    }

    /// <summary>Where weights and compute buffers are.</summary>
    public ggml_backend_device* Device { get; }

    /// <summary>The CPU; the same as <see cref="Device"/> without a GPU.</summary>
    public ggml_backend_device* Cpu { get; }

    /// <summary>Memory of the device.</summary>
    public ggml_backend_buffer_type* BufferType { get; }

    /// <summary>ggml's name, for example <c>CPU</c> or <c>CUDA0</c>.</summary>
    public string Name { get; }

    /// <summary>Whether the tower runs on the CPU.</summary>
    public bool IsCpu => Device == Cpu;

    /// <summary>
    /// Element type of keys and values: the CPU kernel works in 32-bit floats and converts anything else first; GPU kernels read
    /// 16-bit floats.
    /// </summary>
    public ggml_type AttentionType => IsCpu ? ggml_type.GGML_TYPE_F32 : ggml_type.GGML_TYPE_F16;

    /// <summary>The CPU.</summary>
    public static TowerDevice OnCpu()
    {
        ggml_backend_device* cpu = ggml_backend_dev_by_type(DeviceType.GGML_BACKEND_DEVICE_TYPE_CPU);
        return cpu is null ? throw new NativeRuntimeException("No CPU backend of ggml is loaded.") : new TowerDevice(cpu, cpu);
    }

    /// <summary>The first GPU of the loaded backends, or the CPU when there is none or the options ask for the CPU.</summary>
    public static TowerDevice Best(NativeBackend wanted)
    {
        TowerDevice cpu = OnCpu();
        if (wanted == NativeBackend.Cpu) return cpu;
        ggml_backend_device* gpu = ggml_backend_dev_by_type(DeviceType.GGML_BACKEND_DEVICE_TYPE_GPU);
        if (gpu is null) gpu = ggml_backend_dev_by_type(DeviceType.GGML_BACKEND_DEVICE_TYPE_IGPU);
        return gpu is null ? cpu : new TowerDevice(gpu, cpu.Cpu);
    }

    /// <summary>Sets how many threads a CPU backend computes with.</summary>
    public void SetCpuThreads(ggml_backend* cpu, int threads) => _setThreads(cpu, threads);

    /// <summary>Has a CPU backend ask <paramref name="callback"/> between operations whether to stop.</summary>
    public void SetCpuAbort(ggml_backend* cpu, delegate* unmanaged[Cdecl]<void*, byte> callback, void* data) =>
        _setAbort(cpu, callback, data);
}
