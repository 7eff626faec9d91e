namespace SK.FasterVlm.Native;

/// <summary>Which of ggml's backends to bring into the process.</summary>
public enum NativeBackend
{
    /// <summary>The best of the packages found: CUDA, then Vulkan or Metal, then CPU.</summary>
    Auto,

    /// <summary>CPU only; the instruction-set variant is chosen by ggml.</summary>
    Cpu,

    /// <summary>CUDA (and CPU).</summary>
    Cuda,

    /// <summary>Vulkan (and CPU).</summary>
    Vulkan,
}

/// <summary>Where to find llama.cpp and what of it to use. Immutable; the first load in a process decides.</summary>
public sealed record NativeOptions
{
    /// <summary>A directory with libllama and the ggml libraries; null searches the documented places.</summary>
    public string? Directory { get; init; }

    /// <summary>Backends to load (default: CPU, since a GPU package is an explicit choice of the application).</summary>
    public NativeBackend Backend { get; init; } = NativeBackend.Cpu;
}
