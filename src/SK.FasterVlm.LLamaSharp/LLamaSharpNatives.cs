using System.Runtime.InteropServices;
using LLama.Exceptions;
using LLama.Native;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.LLamaSharp;

/// <summary>The llama.cpp that LLamaSharp has loaded, for the vision tower, the tokeniser and the samplers.</summary>
internal static class LLamaSharpNatives
{
    /// <summary>Makes LLamaSharp load its library, if it has not yet, and shares it.</summary>
    /// <exception cref="NativeRuntimeException">
    /// No <c>LLamaSharp.Backend.*</c> package is installed, its release was never checked, or this process runs on another copy already.
    /// </exception>
    internal static NativeRuntime Share()
    {
        // Before LLamaSharp touches anything: with another ggml in the process its library would be bound to that one by name.
        if (NativeRuntime.Current is { } current && current.Abi == SharedAbi.Pinned && NativeModules.Loaded("llama").Count == 1
            && current.Directory == Path.GetDirectoryName(NativeModules.Loaded("llama")[0]))
        {
            throw new NativeRuntimeException(
                $"This process runs on llama.cpp from {current.Directory} already, and a process holds one copy: "
                + "load every model with UseLLamaSharp, or none.");
        }
        try
        {
            NativeApi.llama_empty_call();
        }
        catch (Exception e) when (e is TypeInitializationException or RuntimeError or DllNotFoundException)
        {
            string reason = (e.InnerException ?? e).Message.ReplaceLineEndings(" ");
            throw new NativeRuntimeException(
                $"LLamaSharp has no library to run on; add the package LLamaSharp.Backend.Cpu, .Cuda12 or .Vulkan of LLamaSharp's own version. ({reason})", e);
        }
        string llama = Single("llama", null);
        string directory = Path.GetDirectoryName(llama)!;
        return NativeRuntime.Adopt(new NativeLibraries(
            directory, Handle(Single("ggml-base", directory)), Handle(Single("ggml", directory)), Handle(llama)));
    }

    // LLamaSharp keeps its handle to itself, so the file is looked up among the loaded ones.
    static string Single(string name, string? directory)
    {
        IReadOnlyList<string> files = NativeModules.Loaded(name);
        string[] near = [.. files.Where(f => directory is null || Path.GetDirectoryName(f) == directory)];
        return (near.Length, files.Count) switch
        {
            (1, _) => near[0],
            (0, 1) => files[0],
            (0, 0) => throw new NativeRuntimeException($"LLamaSharp's {name} library was not found among the libraries of this process."),
            _ => throw new NativeRuntimeException(
                $"This process holds several {name} libraries ({string.Join(", ", files)}); it cannot be told which one LLamaSharp uses."),
        };
    }

    // A file that is loaded already gives the handle it has.
    static nint Handle(string file) => NativeLibrary.Load(file);
}
