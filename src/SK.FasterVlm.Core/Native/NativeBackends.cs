using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace SK.FasterVlm.Native;

/// <summary>
/// Brings ggml's backends into the process: only the ones asked for, even when others lie in the same directory. Of the CPU
/// variants the one that ggml itself rates highest on this machine.
/// </summary>
internal static unsafe partial class NativeBackends
{
    /// <summary>Loads what an option asks for and is not loaded yet; returns the file names of what was loaded.</summary>
    /// <exception cref="NativeRuntimeException">A backend asked for by name, or every CPU backend, is missing or does not load.</exception>
    internal static List<string> Load(string directory, NativeBackend backend)
    {
        List<string> loaded = [];
        if (Device(ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU) is null)
        {
            loaded.Add(Register(BestCpu(directory)));
        }
        foreach (string name in GpuBackends(backend))
        {
            string? file = NativeLibraries.Find(directory, "ggml-" + name);
            bool required = backend != NativeBackend.Auto;
            if (IsRegistered(name)) continue;
            if (file is null)
            {
                if (!required) continue;
                throw new NativeRuntimeException(
                    $"The {name} backend was asked for but {directory} has no ggml-{name} library; "
                    + $"build with -p:FasterVlmBackends={name}, or use NativeBackend.Cpu.");
            }
            try
            {
                loaded.Add(Register(file));
            }
            catch (NativeRuntimeException e) when (!required)
            {
                // The package is there but the driver is not: the next best backend serves.
                NativeLog.Write(ggml_log_level.GGML_LOG_LEVEL_WARN, e.Message + "\n");
            }
            if (!required && IsRegistered(name)) break;
        }
        return loaded;
    }

    static string[] GpuBackends(NativeBackend backend) => backend switch
    {
        NativeBackend.Cpu => [],
        NativeBackend.Cuda => ["cuda"],
        NativeBackend.Vulkan => ["vulkan"],
        _ => ["cuda", "vulkan", "metal"],
    };

    static ggml_backend_device* Device(ggml_backend_dev_type type) => GgmlBackend.ggml_backend_dev_by_type(type);

    static bool IsRegistered(string name)
    {
        for (nuint i = 0; i < GgmlBackend.ggml_backend_reg_count(); i++)
        {
            string registered = Utf8.Read(GgmlBackend.ggml_backend_reg_name(GgmlBackend.ggml_backend_reg_get(i)));
            if (registered.Equals(name, StringComparison.OrdinalIgnoreCase)) return true;
        }
        return false;
    }

    static string Register(string file)
    {
        long mark = NativeLog.Mark();
        LibraryFile.CheckWhole(file);
        // Loading it here first gives the loader's own words when a driver library is missing; ggml would only log "failed to load".
        try
        {
            NativeLibrary.Load(file);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            throw new NativeRuntimeException($"{file} does not load: {e.Message.ReplaceLineEndings(" ")}", e);
        }
        if (GgmlBackend.ggml_backend_load(file) is null)
            throw new NativeRuntimeException($"{file} loads but finds no device to run on. {NativeLog.Since(mark)}");
        return Path.GetFileName(file);
    }

    /// <summary>
    /// The CPU variant that suits this processor best. A damaged one is logged and passed over: a slower one serves as well.
    /// (ggml_backend_load_all_from_path does the same rating but brings in every GPU backend of the directory.)
    /// </summary>
    /// <exception cref="NativeRuntimeException">There is none; the message names a damaged one if there is.</exception>
    static string BestCpu(string directory)
    {
        string? best = null;
        int bestScore = 0;
        NativeRuntimeException? damaged = null;
        foreach (string file in Directory.EnumerateFiles(directory).Order(StringComparer.Ordinal))
        {
            if (!CpuLibrary().IsMatch(Path.GetFileName(file))) continue;
            try
            {
                LibraryFile.CheckWhole(file);
            }
            catch (NativeRuntimeException e)
            {
                damaged ??= e;
                NativeLog.Write(ggml_log_level.GGML_LOG_LEVEL_WARN, e.Message + "\n");
                continue;
            }
            if (!NativeLibrary.TryLoad(file, out nint library)) continue;
            // A library without a rating is the only one of its build.
            int score = NativeLibrary.TryGetExport(library, "ggml_backend_score", out nint address)
                ? ((delegate* unmanaged[Cdecl]<int>)address)()
                : 1;
            if (score > bestScore) (best, bestScore) = (file, score);
            NativeLibrary.Free(library);
        }
        return best ?? throw damaged ?? new NativeRuntimeException($"{directory} has no ggml-cpu library that runs on this processor.");
    }

    [GeneratedRegex(@"^(?:lib)?ggml-cpu(?:-[\w.]+?)?\.(?:so|dylib|dll)$")]
    private static partial Regex CpuLibrary();
}
