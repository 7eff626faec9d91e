using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace SK.FasterVlm.Native;

/// <summary>The shared libraries this process has loaded, whoever did it.</summary>
internal static class NativeModules
{
    /// <summary>Directories whose libraries this library has loaded and refused; the system may have kept them in the process.</summary>
    internal static HashSet<string> Refused { get; } = new(StringComparer.Ordinal);

    /// <summary>Full paths of the loaded files of a library.</summary>
    /// <param name="name">As in <see cref="NativeLibraries.Find"/>.</param>
    internal static IReadOnlyList<string> Loaded(string name)
    {
        try
        {
            using var process = Process.GetCurrentProcess();
            return [.. process.Modules.Cast<ProcessModule>()
                .Select(static m => m.FileName)
                .Where(file => !string.IsNullOrEmpty(file) && NativeLibraries.NameOf(file) == name)
                .Distinct(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is Win32Exception or NotSupportedException)
        {
            return []; // a system that does not say
        }
    }

    /// <summary>
    /// Refuses to go on when another copy of ggml is in the process: the loader would bind the libraries of one to the other by name.
    /// </summary>
    /// <exception cref="NativeRuntimeException">There is one; the message names both.</exception>
    internal static void RefuseSecondCopy(NativeLibraries libraries)
    {
        foreach (string file in Loaded(Ggml.Base))
        {
            // A file that is loaded gives the handle it has, under whatever path it is named.
            if (!NativeLibrary.TryLoad(file, out nint handle)) continue;
            NativeLibrary.Free(handle);
            if (handle == libraries.GgmlBase) continue;
            if (Path.GetDirectoryName(file) is { } directory && Refused.Contains(directory))
            {
                throw new NativeRuntimeException(
                    $"The libraries in {directory} were refused before and the system keeps them loaded; a process holds one copy, so "
                    + $"{libraries.Directory} cannot be used until it restarts.");
            }
            throw new NativeRuntimeException(
                $"Another package of this process has loaded ggml from {file}; a second copy from {libraries.Directory} would be mixed up "
                + "with it. With LLamaSharp, let both share its copy (UseLLamaSharp of the package SK.FasterVlm.LLamaSharp).");
        }
    }
}
