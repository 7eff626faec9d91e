using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace SK.FasterVlm.Native;

/// <summary>
/// The three core libraries of llama.cpp, loaded. Whoever loaded them may hand them in: the bindings resolve to these handles,
/// so that a process never holds two copies of ggml.
/// </summary>
/// <param name="Directory">Where they lie; backends are looked for in the same place.</param>
/// <param name="GgmlBase">Handle of libggml-base.</param>
/// <param name="Ggml">Handle of libggml.</param>
/// <param name="Llama">Handle of libllama.</param>
internal sealed partial record NativeLibraries(string Directory, nint GgmlBase, nint Ggml, nint Llama)
{
    /// <summary>Environment variable with the directory of the libraries.</summary>
    internal const string DirectoryVariable = "FASTERVLM_NATIVE_DIR";

    /// <summary>Names as the bindings import them, in loading order: each needs the ones before it.</summary>
    internal static readonly string[] Names = [Native.Ggml.Base, "ggml", Native.Llama.Library];

    /// <summary>Runtime identifier of this process, for example <c>linux-x64</c>.</summary>
    internal static string Rid { get; } =
        (OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux")
        + "-" + RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();

    /// <summary>
    /// Directories in search order. An explicit directory (option, then environment variable) is the only one searched: falling
    /// back from it would run other libraries than the ones asked for.
    /// </summary>
    internal static IReadOnlyList<(string Directory, string Origin)> SearchPlaces(string? explicitDirectory)
    {
        if (!string.IsNullOrEmpty(explicitDirectory)) return [(Path.GetFullPath(explicitDirectory), "NativeOptions.Directory")];
        if (Environment.GetEnvironmentVariable(DirectoryVariable) is { Length: > 0 } fromEnvironment)
            return [(Path.GetFullPath(fromEnvironment), DirectoryVariable)];

        List<(string, string)> places = [];
        string[] roots = [Path.GetDirectoryName(typeof(NativeLibraries).Assembly.Location) ?? "", AppContext.BaseDirectory];
        IEnumerable<string> distinct = roots.Where(static r => r.Length > 0).Select(Path.TrimEndingDirectorySeparator).Distinct();
        foreach (string root in distinct)
        {
            places.Add((root, "beside the assembly"));
            places.Add((Path.Combine(root, "runtimes", Rid, "native"), "beside the assembly"));
        }
        return places;
    }

    /// <summary>Finds and loads the libraries.</summary>
    /// <exception cref="NativeRuntimeException">They are missing or do not load.</exception>
    internal static NativeLibraries Load(string? explicitDirectory)
    {
        IReadOnlyList<(string Directory, string Origin)> places = SearchPlaces(explicitDirectory);
        foreach ((string directory, _) in places)
        {
            string?[] files = [.. Names.Select(name => Find(directory, name))];
            if (files.Any(static f => f is null)) continue;
            nint[] handles = new nint[Names.Length];
            try
            {
                for (int i = 0; i < files.Length; i++) handles[i] = LoadWhole(files[i]!);
            }
            catch
            {
                // The next attempt, perhaps with another directory, must not meet half of this one.
                foreach (nint handle in handles.Where(static h => h != 0).Reverse()) NativeLibrary.Free(handle);
                throw;
            }
            return new NativeLibraries(directory, handles[0], handles[1], handles[2]);
        }
        throw new NativeRuntimeException(Missing(places));
    }

    /// <summary>Gives the libraries back. The system may keep them all the same, until the process ends.</summary>
    internal void Free()
    {
        foreach (nint handle in (nint[])[Llama, Ggml, GgmlBase]) NativeLibrary.Free(handle);
    }

    static nint LoadWhole(string file)
    {
        LibraryFile.CheckWhole(file);
        try
        {
            return NativeLibrary.Load(file);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            throw new NativeRuntimeException($"{file} was found but does not load: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    /// <summary>The file of a library in a directory, or null.</summary>
    /// <param name="directory">Need not exist.</param>
    /// <param name="name"><c>ggml-base</c>, <c>ggml</c>, <c>llama</c> or a backend such as <c>ggml-cuda</c>.</param>
    internal static string? Find(string directory, string name)
    {
        if (!System.IO.Directory.Exists(directory)) return null;
        // Packages put the backend and the release into the name: libllama.v0.5.0.so, libggml.metal.v0.5.0.dylib.
        return System.IO.Directory.EnumerateFiles(directory)
            .Where(file => NameOf(file) == name)
            .Order(StringComparer.Ordinal)
            .FirstOrDefault();
    }

    /// <summary>Name of the library a file holds by its file name, in the words of <see cref="Find"/>; empty for any other file.</summary>
    internal static string NameOf(string file) => LibraryName().Match(Path.GetFileName(file)).Groups["name"].Value;

    /// <summary>The handle behind a name the bindings import; 0 for any other name.</summary>
    internal nint Resolve(string name) => name == Names[0] ? GgmlBase : name == Names[1] ? Ggml : name == Names[2] ? Llama : 0;

    static string Missing(IReadOnlyList<(string Directory, string Origin)> places)
    {
        var text = new StringBuilder($"The llama.cpp {AbiTable.LlamaVersion} libraries (")
            .AppendJoin(", ", Names.Select(static n => OperatingSystem.IsWindows() ? n : "lib" + n))
            .Append(") were not found in ")
            .AppendJoin(", ", places.Select(static p => $"{p.Directory} ({p.Origin})"))
            .Append(". Three ways out: (1) build with npm on the PATH, which puts the pinned libraries beside the output; ")
            .Append("(2) set ").Append(DirectoryVariable).Append(" to a directory that holds them; ")
            .Append("(3) set NativeOptions.Directory to that directory.");
        return text.ToString();
    }

    const string Decoration = @"(?:\.(?:cuda|vulkan|metal))?(?:\.v\d+\.\d+\.\d+)?";

    [GeneratedRegex("^(?:lib)?(?<name>ggml-base|ggml-[a-z]+|ggml|llama)" + Decoration + @"\.(?:so|dylib|dll)(?:\.\d+)*$")]
    private static partial Regex LibraryName();
}
