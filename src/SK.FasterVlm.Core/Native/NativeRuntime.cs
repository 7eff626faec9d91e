using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;

namespace SK.FasterVlm.Native;

/// <summary>
/// llama.cpp in this process: found, checked and loaded once. The libraries keep global state (backends, log), so there is one per
/// process; a second <see cref="Load"/> shares it, adds backends that are not loaded yet, and is refused when it names another directory.
/// <para>
/// Searched, in this order: <see cref="NativeOptions.Directory"/>, the environment variable <c>FASTERVLM_NATIVE_DIR</c>, the
/// assembly's own directory, <c>runtimes/&lt;rid&gt;/native</c> below it. A directory given by one of the first two is the only one
/// searched. Versions, exports and struct layouts are checked before first use.
/// </para>
/// </summary>
public sealed unsafe class NativeRuntime
{
    static readonly Lock s_gate = new();
    static NativeRuntime? s_current;

    readonly NativeLibraries _libraries;
    readonly List<string> _backends = [];

    NativeRuntime(NativeLibraries libraries, SharedAbi abi) => (_libraries, Abi) = (libraries, abi);

    /// <summary>The release that is loaded, as far as it may be used.</summary>
    internal SharedAbi Abi { get; }

    /// <summary>What the process runs on, null before anything was loaded.</summary>
    internal static NativeRuntime? Current => Volatile.Read(ref s_current);

    /// <summary>Where the libraries lie.</summary>
    public string Directory => _libraries.Directory;

    /// <summary>Finds, checks and loads the libraries, or shares what this process has loaded already. Thread-safe.</summary>
    /// <param name="options">Where to look and which backends to use.</param>
    /// <param name="loggers">Receives the libraries' log (category <c>SK.FasterVlm.Native</c>); null keeps an earlier one.</param>
    /// <exception cref="NativeRuntimeException">
    /// The libraries are missing, of another release, do not load, or another directory is in use.
    /// </exception>
    public static NativeRuntime Load(NativeOptions options, ILoggerFactory? loggers = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        lock (s_gate)
        {
            if (s_current is null)
            {
                NativeLibraries libraries = NativeLibraries.Load(options.Directory);
                try
                {
                    NativeModules.RefuseSecondCopy(libraries);
                    AbiCheck.Run(libraries);
                }
                catch
                {
                    // A later load from the right directory must not find them in its way.
                    libraries.Free();
                    NativeModules.Refused.Add(libraries.Directory);
                    throw;
                }
                Start(libraries, SharedAbi.Pinned);
                Own(loggers);
            }
            else if (s_current.Abi != SharedAbi.Pinned)
            {
                throw new NativeRuntimeException(
                    $"This process runs on ggml {s_current.Abi.GgmlVersion} from {s_current.Directory}, which another package loaded; a process "
                    + "holds one copy, so every model of it takes its language model from that package (UseLLamaSharp).");
            }
            else
            {
                RefuseOtherDirectory(options.Directory, s_current.Directory);
                if (loggers is not null) NativeLog.Attach(loggers);
            }
            s_current!._backends.AddRange(NativeBackends.Load(s_current.Directory, options.Backend));
            return s_current;
        }
    }

    /// <summary>
    /// Runs on libraries that another binding of this process has loaded, backends and log included. Of a release other than the pinned
    /// one only the tower, the tokeniser and the samplers run; language models come from that binding.
    /// </summary>
    /// <exception cref="NativeRuntimeException">They are of no release that was checked, or other libraries are in use already.</exception>
    internal static NativeRuntime Adopt(NativeLibraries libraries)
    {
        lock (s_gate)
        {
            if (s_current is not null)
            {
                return s_current._libraries.Llama == libraries.Llama
                    ? s_current
                    : throw new NativeRuntimeException(
                        $"llama.cpp is in use from {s_current.Directory}, so the one in {libraries.Directory} cannot be shared: a process "
                        + "holds one copy. Load every model through the same package.");
            }
            // The log and the backends stay as their owner set them up.
            SharedAbi abi = AbiCheck.RunShared(libraries);
            if (AbiCheck.IsPinned(libraries)) AbiCheck.Run(libraries);
            Start(libraries, abi);
            return s_current!;
        }
    }

    /// <summary>What is loaded, for people to read.</summary>
    public NativeDiagnostics Describe()
    {
        List<NativeDevice> devices = [];
        for (nuint i = 0; i < GgmlBackend.ggml_backend_dev_count(); i++)
        {
            ggml_backend_device* device = GgmlBackend.ggml_backend_dev_get(i);
            nuint free = 0, total = 0;
            GgmlBackend.ggml_backend_dev_memory(device, &free, &total);
            string kind = GgmlBackend.ggml_backend_dev_type(device) switch
            {
                ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU => "cpu",
                ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_GPU => "gpu",
                ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_IGPU => "igpu",
                _ => "accel",
            };
            devices.Add(new NativeDevice(
                Utf8.Read(GgmlBackend.ggml_backend_dev_name(device)), Utf8.Read(GgmlBackend.ggml_backend_dev_description(device)), kind,
                Utf8.Read(GgmlBackend.ggml_backend_reg_name(GgmlBackend.ggml_backend_dev_backend_reg(device))), (long)total, (long)free));
        }
        string[] loaded;
        lock (s_gate) loaded = [.. _backends];
        return new NativeDiagnostics(
            Directory, LlamaVersion(), Utf8.Read(Ggml.ggml_version()), Utf8.Read(Ggml.ggml_commit()),
            loaded, devices, Utf8.Read(Llama.llama_print_system_info()).Trim());
    }

    // Releases before 0.5.0 have no number of their own.
    string LlamaVersion() =>
        NativeLibrary.TryGetExport(_libraries.Llama, nameof(Llama.llama_version), out _) ? Utf8.Read(Llama.llama_version()) : "unversioned";

    static void Start(NativeLibraries libraries, SharedAbi abi)
    {
        NativeLibrary.SetDllImportResolver(typeof(NativeRuntime).Assembly, (name, _, _) => s_current?._libraries.Resolve(name) ?? 0);
        s_current = new NativeRuntime(libraries, abi);
    }

    static void Own(ILoggerFactory? loggers)
    {
        NativeLog.Attach(loggers);
        Llama.llama_backend_init();
    }

    static void RefuseOtherDirectory(string? wanted, string loaded)
    {
        if (string.IsNullOrEmpty(wanted)) return;
        if (Path.TrimEndingDirectorySeparator(Path.GetFullPath(wanted)) == Path.TrimEndingDirectorySeparator(loaded)) return;
        throw new NativeRuntimeException(
            $"llama.cpp is loaded from {loaded}; a process holds one copy, so {wanted} cannot be used until it restarts.");
    }
}
