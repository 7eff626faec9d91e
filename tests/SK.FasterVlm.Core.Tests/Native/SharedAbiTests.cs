using System.Text.RegularExpressions;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Core.Tests.Native;

public sealed partial class SharedAbiTests
{
    // What runs on libraries that another binding has loaded.
    static readonly string[] s_sources =
    [
        "Vision/*.cs", "Gguf/*.cs", "Language/EmbeddingTable.cs", "Language/LlamaTokenizer.cs", "Language/PlainSpelling.cs",
        "Language/LlamaTokenSampler.cs", "Language/Grammar*.cs", "Native/GgmlHandles.cs", "Native/LlamaHandles.cs", "Native/AbiProbe.cs",
        "Native/NativeRuntime.cs",
    ];

    // Called only where the libraries are our own: model and context handles, the log, the version where there is one.
    static readonly string[] s_ownOnly =
        ["llama_model_free", "llama_init_from_model", "llama_free", "llama_attach_threadpool", "llama_backend_init", "llama_version"];

    [Fact]
    public void Needed_IsWhatTheSharedSourcesCall()
    {
        string core = Path.Combine(RepositoryRoot(), "src", "SK.FasterVlm.Core");
        HashSet<string> bindings = [.. AbiExports.All.SelectMany(static l => l.Functions)];
        HashSet<string> called = [.. s_sources
            .SelectMany(pattern => Directory.EnumerateFiles(Path.Combine(core, Path.GetDirectoryName(pattern)!), Path.GetFileName(pattern)))
            .SelectMany(static file => FunctionName().Matches(Uncommented(File.ReadAllText(file))).Select(static m => m.Value))
            .Where(bindings.Contains).Except(s_ownOnly)];
        string[] needed = [.. SharedAbi.Needed.SelectMany(static l => l.Functions)];

        string[] unchecked_ = [.. called.Except(needed)], unused = [.. needed.Except(called)];
        Assert.True(unchecked_.Length == 0,
            $"{string.Join(", ", unchecked_)}: compare with the headers of every release in SharedAbi.Accepted (docs/llamasharp.md), then list here.");
        Assert.Empty(unused);
    }

    [Fact]
    public void Needed_IsInTheLibraryTheBindingsImportItFrom()
    {
        Dictionary<string, string> libraries = AbiExports.All.SelectMany(static l => l.Functions.Select(f => (f, l.Library))).ToDictionary();
        foreach ((string library, string[] functions) in SharedAbi.Needed) Assert.All(functions, f => Assert.Equal(library, libraries[f]));
    }

    [Fact]
    public void ThePinnedLibraries_PassAsShared()
    {
        NativeLibraries libraries = NativeLibraries.Load(NativeRuntime.Load(new NativeOptions()).Directory);
        Assert.Same(SharedAbi.Pinned, AbiCheck.RunShared(libraries));
        Assert.Null(AbiProbe.FindDifference(libraries));
        Assert.True(AbiCheck.IsPinned(libraries));
    }

    [Theory]
    [InlineData("0.12.0", false)]
    [InlineData("0.25.1", true)]
    [InlineData("0.12.1", null)]
    [InlineData("", null)]
    public void OnlyReleasesOfTheTable_AreAccepted(string ggml, bool? penaltiesTakeVocabulary) =>
        Assert.Equal(penaltiesTakeVocabulary, SharedAbi.Find(ggml)?.PenaltiesTakeVocabulary);

    [Fact]
    public void LibrariesOfNoKnownRelease_AreRefusedWithTheReleasesThatAreKnown()
    {
        NativeRuntime.Load(new NativeOptions());
        string file = OperatingSystem.IsWindows() ? "kernel32" : OperatingSystem.IsMacOS() ? "libSystem.dylib" : "libc.so.6";
        nint wrong = System.Runtime.InteropServices.NativeLibrary.Load(file);
        var e = Assert.Throws<NativeRuntimeException>(() => AbiCheck.RunShared(new NativeLibraries("/wrong", wrong, wrong, wrong)));
        Assert.Contains("/wrong", e.Message, StringComparison.Ordinal);
        Assert.All(SharedAbi.Accepted, a => Assert.Contains(a.GgmlVersion, e.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void TheCopyInUse_IsNoSecondCopy_ButAnyOtherIs()
    {
        NativeRuntime runtime = NativeRuntime.Load(new NativeOptions());
        NativeLibraries own = NativeLibraries.Load(runtime.Directory);
        NativeModules.RefuseSecondCopy(own);
        Assert.Equal(Path.GetFileName(NativeLibraries.Find(runtime.Directory, "ggml-base")), Path.GetFileName(Assert.Single(NativeModules.Loaded("ggml-base"))));

        var e = Assert.Throws<NativeRuntimeException>(() => NativeModules.RefuseSecondCopy(own with { GgmlBase = 1, Directory = "/second" }));
        Assert.Contains("/second", e.Message, StringComparison.Ordinal);
    }

    static string Uncommented(string source) => Comment().Replace(source, "");

    static string RepositoryRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "SK.FasterVlm.sln"))) return folder.FullName;
        throw new InvalidOperationException("The tests do not run inside the repository.");
    }

    [GeneratedRegex(@"\b(?:ggml|llama)_\w+")]
    private static partial Regex FunctionName();

    [GeneratedRegex("//.*")]
    private static partial Regex Comment();
}
