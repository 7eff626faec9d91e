using System.Text;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Cli.Tests;

/// <summary>
/// Row L10: llama.cpp's libraries missing, damaged, of another release or with a function less. Each run is a process of its own, because a
/// process loads libraries once; each ends with one line that says what to do.
/// </summary>
public sealed class NativeFailureTests(TinyModel tiny) : IClassFixture<TinyModel>, IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("fastervlm-natives-").FullName;

    static string[] Originals { get; } = [.. Directory.GetFiles(AppContext.BaseDirectory, "*ggml*.so*", SearchOption.AllDirectories)
        .Concat(Directory.GetFiles(AppContext.BaseDirectory, "*llama*.so*", SearchOption.AllDirectories))];

    public void Dispose() => Directory.Delete(_folder, true);

    [Theory]
    [InlineData("an empty folder", "not found")]
    [InlineData("no folder", "not found")]
    [InlineData("libllama missing", "not found")]
    [InlineData("libllama is a text", "does not load")]
    [InlineData("libllama is cut in half", "does not load: it is truncated")]
    [InlineData("libllama is cut after 40 bytes", "does not load: it is truncated")]
    [InlineData("libllama lacks a function", "lack llama_memory_seq_cp")]
    [InlineData("libllama says another release", "wrong release")]
    public async Task L10_libraries_that_cannot_be_used_are_one_line_that_says_what_to_do(string what, string part)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the files of these attacks are made of Linux's libraries");
        Assert.NotEmpty(Originals);
        string directory = what == "no folder" ? Path.Combine(_folder, "nowhere") : _folder;
        string llama = "";
        if (what.StartsWith("libllama", StringComparison.Ordinal))
        {
            foreach (string path in Originals)
            {
                string copy = Path.Combine(_folder, Path.GetFileName(path));
                if (Path.GetFileName(path).StartsWith("libllama.", StringComparison.Ordinal)) File.Copy(path, llama = copy);
                else File.CreateSymbolicLink(copy, path);
            }
            byte[] bytes = File.ReadAllBytes(llama);
            switch (what["libllama ".Length..])
            {
                case "missing":
                    File.Delete(llama);
                    break;
                case "is a text":
                    File.WriteAllText(llama, "not a library");
                    break;
                case "is cut in half":
                    File.WriteAllBytes(llama, bytes[..(bytes.Length / 2)]);
                    break;
                case "is cut after 40 bytes":
                    File.WriteAllBytes(llama, bytes[..40]);
                    break;
                case "lacks a function":
                    Replace(bytes, "\0llama_memory_seq_cp\0", "\0llama_memory_seq_xx\0");
                    File.WriteAllBytes(llama, bytes);
                    break;
                default:
                    Replace(bytes, "0.5.0-dev\0", "9.9.9-dev\0");
                    File.WriteAllBytes(llama, bytes);
                    break;
            }
        }
        CliRun run = await CliRun.ChildProcessAsync(
            ["describe", tiny.Picture, .. tiny.Options], new Dictionary<string, string> { ["FASTERVLM_NATIVE_DIR"] = directory });
        Assert.True(run.ExitCode == 1, $"exit code {run.ExitCode}: {run.Error}");
        string line = Assert.Single(run.ErrorLines);
        Assert.StartsWith("fastervlm: ", line, StringComparison.Ordinal);
        Assert.Contains(part, line, StringComparison.Ordinal);
        Assert.Contains(directory, line, StringComparison.Ordinal);
        if (!part.StartsWith("does not load", StringComparison.Ordinal)) Assert.True(line.Contains("FASTERVLM_NATIVE_DIR", StringComparison.Ordinal) || line.Contains("release", StringComparison.Ordinal), line);
    }

    [Fact]
    public async Task L10_cpu_libraries_that_are_all_cut_off_are_one_line()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the files of these attacks are made of Linux's libraries");
        foreach (string path in Originals) Place(path, cut: IsCpu(path));
        CliRun run = await CliRun.ChildProcessAsync(
            ["describe", tiny.Picture, .. tiny.Options], new Dictionary<string, string> { ["FASTERVLM_NATIVE_DIR"] = _folder });
        Assert.True(run.ExitCode == 1, $"exit code {run.ExitCode}: {run.Error}");
        string line = Assert.Single(run.ErrorLines);
        Assert.Contains("ggml-cpu", line, StringComparison.Ordinal);
        Assert.Contains("does not load: it is truncated", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task L10_a_cpu_library_that_is_cut_off_is_passed_over_for_another()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the files of these attacks are made of Linux's libraries");
        string best = NativeRuntime.Load(new NativeOptions()).Describe().Backends.Single(static b => b.Contains("ggml-cpu", StringComparison.Ordinal));
        foreach (string path in Originals) Place(path, cut: Path.GetFileName(path) == best);
        CliRun run = await CliRun.ChildProcessAsync(
            ["describe", tiny.Picture, .. tiny.Options], new Dictionary<string, string> { ["FASTERVLM_NATIVE_DIR"] = _folder });
        Assert.True(run.ExitCode == 0, $"exit code {run.ExitCode}: {run.Error}");
    }

    [Fact]
    public async Task L10_a_gpu_library_that_is_cut_off_is_one_line_when_it_is_asked_for()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the files of these attacks are made of Linux's libraries");
        foreach (string path in Originals) Place(path, cut: false);
        byte[] whole = File.ReadAllBytes(Originals.First(IsCpu));
        File.WriteAllBytes(Path.Combine(_folder, "libggml-vulkan.so"), whole[..(whole.Length / 2)]);
        CliRun run = await CliRun.ChildProcessAsync(
            ["describe", tiny.Picture, .. tiny.Options, "--backend", "vulkan"], new Dictionary<string, string> { ["FASTERVLM_NATIVE_DIR"] = _folder });
        Assert.True(run.ExitCode == 1, $"exit code {run.ExitCode}: {run.Error}");
        Assert.Contains("libggml-vulkan.so was found but does not load: it is truncated", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
    }

    static bool IsCpu(string path) => Path.GetFileName(path).StartsWith("libggml-cpu", StringComparison.Ordinal);

    void Place(string path, bool cut)
    {
        string copy = Path.Combine(_folder, Path.GetFileName(path));
        if (!cut)
        {
            File.CreateSymbolicLink(copy, path);
            return;
        }
        byte[] bytes = File.ReadAllBytes(path);
        File.WriteAllBytes(copy, bytes[..(bytes.Length / 2)]);
    }

    static void Replace(byte[] bytes, string old, string replacement)
    {
        byte[] wanted = Encoding.ASCII.GetBytes(old), with = Encoding.ASCII.GetBytes(replacement);
        Assert.Equal(wanted.Length, with.Length);
        int found = 0;
        for (int at = bytes.AsSpan().IndexOf(wanted); at >= 0; at = bytes.AsSpan().IndexOf(wanted), found++) with.CopyTo(bytes, at);
        Assert.True(found > 0, $"The library has no text {old.Trim('\0')}.");
    }
}
