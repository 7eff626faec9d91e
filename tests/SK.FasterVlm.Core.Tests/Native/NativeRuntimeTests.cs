using System.Runtime.InteropServices;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Core.Tests.Native;

public sealed unsafe class NativeRuntimeTests
{
    [Fact]
    public void Load_FindsChecksAndDescribesTheRestoredLibraries()
    {
        NativeDiagnostics found = NativeRuntime.Load(new NativeOptions()).Describe();

        Assert.Equal(AbiTable.LlamaVersion, found.LlamaVersion);
        Assert.Equal(AbiTable.GgmlVersion, found.GgmlVersion);
        Assert.Contains(found.Backends, b => b.Contains("ggml-cpu", StringComparison.Ordinal));
        NativeDevice cpu = Assert.Single(found.Devices, d => d.Kind == "cpu");
        Assert.NotEmpty(cpu.Description);
        Assert.True(cpu.MemoryBytes > 0);
        Assert.Contains("CPU", found.CpuFeatures, StringComparison.Ordinal);
        Assert.NotEmpty(found.GgmlCommit);
    }

    [Fact]
    public void Load_FromManyThreads_SharesOneRuntime()
    {
        var runtimes = new NativeRuntime[8];
        Parallel.For(0, runtimes.Length, i => runtimes[i] = NativeRuntime.Load(new NativeOptions()));
        Assert.All(runtimes, r => Assert.Same(runtimes[0], r));
        Assert.Single(runtimes[0].Describe().Backends);
    }

    [Fact]
    public void Load_OfAnotherDirectory_IsRefused()
    {
        NativeRuntime.Load(new NativeOptions());
        var e = Assert.Throws<NativeRuntimeException>(() => NativeRuntime.Load(new NativeOptions { Directory = Path.GetTempPath() }));
        Assert.Contains("holds one copy", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_OfABackendThatIsNotThere_SaysHowToGetIt()
    {
        var e = Assert.Throws<NativeRuntimeException>(() => NativeRuntime.Load(new NativeOptions { Backend = NativeBackend.Vulkan }));
        Assert.Contains("FasterVlmBackends=vulkan", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void L10_MissingLibraries_AreExplainedInOneMessage()
    {
        using var empty = new TemporaryDirectory();
        var e = Assert.Throws<NativeRuntimeException>(() => NativeLibraries.Load(empty.Path));
        Assert.Contains(empty.Path, e.Message, StringComparison.Ordinal);
        Assert.Contains("llama", e.Message, StringComparison.Ordinal);
        Assert.Contains("npm", e.Message, StringComparison.Ordinal);
        Assert.Contains("FASTERVLM_NATIVE_DIR", e.Message, StringComparison.Ordinal);
        Assert.Contains("NativeOptions.Directory", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Fact]
    public void SearchPlaces_AnExplicitDirectoryIsTheOnlyOne_TheOthersEndInTheRidFolder()
    {
        Assert.Equal([("/x", "NativeOptions.Directory")], NativeLibraries.SearchPlaces("/x"));
        Assert.EndsWith(Path.Combine("runtimes", NativeLibraries.Rid, "native"), NativeLibraries.SearchPlaces(null)[1].Directory, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("libllama.so", "llama")]
    [InlineData("libllama.v0.5.0.so", "llama")]
    [InlineData("libllama.so.0", "llama")]
    [InlineData("libllama.cuda.v0.5.0.so", "llama")]
    [InlineData("libggml.metal.v0.5.0.dylib", "ggml")]
    [InlineData("ggml-base.dll", "ggml-base")]
    [InlineData("libggml-cuda.so", "ggml-cuda")]
    [InlineData("libllama-common.so", null)]
    [InlineData("libllama.txt", null)]
    public void Find_KnowsThePackagesNames(string file, string? name)
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(Path.Combine(directory.Path, file), "");
        foreach (string candidate in (string[])["llama", "ggml", "ggml-base", "ggml-cuda"])
            Assert.Equal(candidate == name, NativeLibraries.Find(directory.Path, candidate) is not null);
    }

    [Fact]
    public void L10_FilesThatAreNoLibraries_AreNamed()
    {
        using var directory = new TemporaryDirectory();
        foreach (string name in NativeLibraries.Names) File.WriteAllText(Path.Combine(directory.Path, $"lib{name}.so"), "not a library");
        var e = Assert.Throws<NativeRuntimeException>(() => NativeLibraries.Load(directory.Path));
        Assert.Contains("libggml-base.so", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void L10_ALoadThatFailsHalfway_LeavesNothingBehind()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "reads /proc");
        using var directory = new TemporaryDirectory();
        // A library of the system stands in for the first, which loads; the second does not.
        string first = Path.Combine(directory.Path, "libggml-base.so");
        string system = File.ReadLines("/proc/self/maps").Select(static l => l[(l.IndexOf('/') + 1)..]).First(static l => l.Contains("libm.so", StringComparison.Ordinal) || l.Contains("libm-", StringComparison.Ordinal));
        File.Copy("/" + system, first);
        foreach (string name in NativeLibraries.Names[1..]) File.WriteAllText(Path.Combine(directory.Path, $"lib{name}.so"), "not a library");
        Assert.Throws<NativeRuntimeException>(() => NativeLibraries.Load(directory.Path));
        Assert.DoesNotContain(File.ReadLines("/proc/self/maps"), line => line.Contains(directory.Path, StringComparison.Ordinal));
    }

    [Fact]
    public void L10_LibrariesOfAnotherRelease_AreRefusedBeforeUse()
    {
        // The C library stands in for a libllama without llama_version.
        NativeRuntime.Load(new NativeOptions());
        nint wrong = NativeLibrary.Load(OperatingSystem.IsWindows() ? "kernel32" : OperatingSystem.IsMacOS() ? "libSystem.dylib" : "libc.so.6");
        var e = Assert.Throws<NativeRuntimeException>(() => AbiCheck.Run(new NativeLibraries("/wrong", wrong, wrong, wrong)));
        Assert.Contains("/wrong", e.Message, StringComparison.Ordinal);
        Assert.Contains(AbiTable.LlamaVersion, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Adopt_OfTheLibrariesInUse_SharesTheRuntime()
    {
        NativeRuntime runtime = NativeRuntime.Load(new NativeOptions());
        // Loading a file twice gives the same handle, which is how another owner's handles look.
        Assert.Same(runtime, NativeRuntime.Adopt(NativeLibraries.Load(runtime.Directory)));
    }

    [Fact]
    public void Ggml_ComputesAMatrixProduct()
    {
        NativeRuntime.Load(new NativeOptions());
        ggml_backend_device* cpu = GgmlBackend.ggml_backend_dev_by_type(ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU);
        using var backend = GgmlBackendHandle.Create(cpu);
        using var sched = GgmlSchedHandle.Create(64, backend);
        using var context = GgmlContextHandle.Create((16 * Ggml.ggml_tensor_overhead()) + Ggml.ggml_graph_overhead_custom(64, false));
        ggml_tensor* a = Ggml.ggml_new_tensor_2d(context.Pointer, ggml_type.GGML_TYPE_F32, 2, 3);
        ggml_tensor* b = Ggml.ggml_new_tensor_2d(context.Pointer, ggml_type.GGML_TYPE_F32, 2, 1);
        Ggml.ggml_set_input(a);
        Ggml.ggml_set_input(b);
        ggml_tensor* product = Ggml.ggml_set_name(Ggml.ggml_mul_mat(context.Pointer, a, b), "product");
        Ggml.ggml_set_output(product);
        ggml_cgraph* graph = Ggml.ggml_new_graph_custom(context.Pointer, 64, false);
        Ggml.ggml_build_forward_expand(graph, product);
        Assert.True(GgmlBackend.ggml_backend_sched_alloc_graph(sched.Pointer, graph));

        float[] left = [1, 2, 3, 4, 5, 6], right = [10, 100], result = new float[3];
        fixed (float* l = left, r = right, o = result)
        {
            GgmlBackend.ggml_backend_tensor_set(a, l, 0, 24);
            GgmlBackend.ggml_backend_tensor_set(b, r, 0, 8);
            Assert.Equal(ggml_status.GGML_STATUS_SUCCESS, GgmlBackend.ggml_backend_sched_graph_compute(sched.Pointer, graph));
            GgmlBackend.ggml_backend_tensor_get(product, o, 0, 12);
        }

        Assert.Equal([210, 430, 650], result);
        Assert.Equal("product", Utf8.Read(Ggml.ggml_get_name(product)));
        Assert.Equal(3, product->ne[0]);
        Assert.Equal(4ul, product->nb[0]);
    }

    [Fact]
    public void TypeTraits_HaveTheLayoutTheBindingsExpect()
    {
        NativeRuntime.Load(new NativeOptions());
        foreach (ggml_type type in Enum.GetValues<ggml_type>())
        {
            ggml_type_traits* traits = Ggml.ggml_get_type_traits(type);
            Assert.Equal(Ggml.ggml_blck_size(type), traits->blck_size);
            Assert.Equal(Ggml.ggml_type_size(type), traits->type_size);
            Assert.Equal(Ggml.ggml_is_quantized(type), traits->is_quantized != 0);
            Assert.Equal(type.ToString()["GGML_TYPE_".Length..], Utf8.Read(traits->type_name), ignoreCase: true);
        }
        ushort half = BitConverter.HalfToUInt16Bits((Half)1.5f);
        float value;
        Ggml.ggml_get_type_traits(ggml_type.GGML_TYPE_F16)->to_float(&half, &value, 1);
        Assert.Equal(1.5f, value);
    }
}

/// <summary>A directory that is gone after the test.</summary>
sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("fastervlm-test-").FullName;

    public void Dispose() => Directory.Delete(Path, true);
}
