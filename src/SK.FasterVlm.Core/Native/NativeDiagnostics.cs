namespace SK.FasterVlm.Native;

/// <summary>A device ggml can compute on.</summary>
/// <param name="Name">Short name, for example <c>CPU</c> or <c>CUDA0</c>.</param>
/// <param name="Description">Model of the device.</param>
/// <param name="Kind"><c>cpu</c>, <c>gpu</c>, <c>igpu</c> or <c>accel</c>.</param>
/// <param name="Backend">Name of the backend it belongs to.</param>
/// <param name="MemoryBytes">Memory of the device.</param>
/// <param name="FreeBytes">Memory of the device that was free when asked.</param>
public sealed record NativeDevice(string Name, string Description, string Kind, string Backend, long MemoryBytes, long FreeBytes);

/// <summary>What of llama.cpp is loaded, for people to read.</summary>
/// <param name="Directory">Where the libraries lie.</param>
/// <param name="LlamaVersion">Release of libllama.</param>
/// <param name="GgmlVersion">Release of ggml.</param>
/// <param name="GgmlCommit">Source revision ggml was built from.</param>
/// <param name="Backends">Backends loaded, with the file of each.</param>
/// <param name="Devices">Devices found.</param>
/// <param name="CpuFeatures">Instruction sets in use, as the library reports them.</param>
public sealed record NativeDiagnostics(
    string Directory, string LlamaVersion, string GgmlVersion, string GgmlCommit,
    IReadOnlyList<string> Backends, IReadOnlyList<NativeDevice> Devices, string CpuFeatures);
