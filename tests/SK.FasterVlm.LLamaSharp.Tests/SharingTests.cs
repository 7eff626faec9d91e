using LLama.Native;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.LLamaSharp.Tests;

/// <summary>One llama.cpp for LLamaSharp and the tower.</summary>
public sealed class SharingTests
{
    [Fact]
    public void TheLibraryIsLLamaSharps_AndOfAReleaseThatWasChecked()
    {
        NativeRuntime runtime = LLamaSharpNatives.Share();
        Assert.Same(runtime, LLamaSharpNatives.Share());
        Assert.Equal("0.12.0", runtime.Abi.GgmlVersion);
        Assert.False(runtime.Abi.PenaltiesTakeVocabulary);

        NativeDiagnostics found = runtime.Describe();
        Assert.Equal(("unversioned", "0.12.0"), (found.LlamaVersion, found.GgmlVersion));
        Assert.Single(found.Devices, static d => d.Kind == "cpu");
        string library = Assert.Single(NativeModules.Loaded("llama"));
        Assert.Equal(runtime.Directory, Path.GetDirectoryName(library));
        Assert.NotNull(NativeApi.GetLoadedNativeLibrary(NativeLibraryName.LLama));
        Assert.Single(NativeModules.Loaded("ggml-base"));
    }

    [Fact]
    public void TheBuiltInModel_IsRefusedBesideIt()
    {
        LLamaSharpNatives.Share();
        var e = Assert.Throws<NativeRuntimeException>(() => NativeRuntime.Load(new NativeOptions()));
        Assert.Contains("UseLLamaSharp", e.Message, StringComparison.Ordinal);
        Assert.Single(NativeModules.Loaded("ggml-base"));
    }

    [Fact]
    public void AnotherCopy_IsNotAdopted()
    {
        NativeRuntime runtime = LLamaSharpNatives.Share();
        var e = Assert.Throws<NativeRuntimeException>(() => NativeRuntime.Adopt(new NativeLibraries("/elsewhere", 1, 2, 3)));
        Assert.Contains(runtime.Directory, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void EveryFunctionThatIsNeeded_IsInLLamaSharpsLibrary()
    {
        LLamaSharpNatives.Share();
        NativeLibraries libraries = new(
            "", Handle("ggml-base"), Handle("ggml"), Handle("llama"));
        Assert.Equal("0.12.0", AbiCheck.RunShared(libraries).GgmlVersion);
        Assert.False(AbiCheck.IsPinned(libraries));
        Assert.Null(AbiProbe.FindDifference(libraries));

        static nint Handle(string name) => System.Runtime.InteropServices.NativeLibrary.Load(Assert.Single(NativeModules.Loaded(name)));
    }
}
