using System.Text.Json;
using SK.FasterVlm.Gguf;

namespace SK.FasterVlm.Cli.Tests;

public sealed class SynthAndInspectTests : IDisposable
{
    readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task The_same_seed_gives_the_same_files()
    {
        (byte[] model, byte[] projector) = await SynthAsync("a", "--seed", "7");
        (byte[] modelAgain, byte[] projectorAgain) = await SynthAsync("b", "--seed", "7");
        Assert.Equal(model, modelAgain);
        Assert.Equal(projector, projectorAgain);
        Assert.NotEqual(model, (await SynthAsync("c", "--seed", "8")).Model);
    }

    [Fact]
    public async Task The_weight_types_are_those_asked_for()
    {
        (byte[] f16, _) = await SynthAsync("a");
        (byte[] q4, _) = await SynthAsync("b", "--type", "q4_0", "--vision-type", "q8_0", "--layout", "featurelayer");
        Assert.True(q4.Length < f16.Length);
        CliRun run = await CliRun.InProcessAsync(["inspect", .. Directory.GetFiles(_directory.At("b")), "--json"]);
        Assert.Contains("Q4_0", run.Output, StringComparison.Ordinal);
        Assert.Contains("Q8_0", run.Output, StringComparison.Ordinal);
        Assert.Contains("\"layout\": \"new\"", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspect_shows_the_libraries_and_both_files()
    {
        await SynthAsync("a");
        CliRun run = await CliRun.InProcessAsync("inspect", _directory.At("a/tiny-f16.gguf"), _directory.At("a/mmproj-tiny-f16.gguf"), "--json");
        Assert.Equal(0, run.ExitCode);
        JsonElement report = JsonDocument.Parse(run.Output).RootElement;
        Assert.NotEmpty(report.GetProperty("native").GetProperty("devices").EnumerateArray());
        JsonElement language = report.GetProperty("files")[0].GetProperty("language");
        JsonElement vision = report.GetProperty("files")[1].GetProperty("vision");
        Assert.Equal(64, language.GetProperty("width").GetInt32());
        Assert.Equal(36, vision.GetProperty("patches").GetInt32());
        Assert.Equal(64, vision.GetProperty("outputWidth").GetInt32());
    }

    [Fact]
    public async Task Inspect_says_for_people_whether_the_files_fit()
    {
        await SynthAsync("a");
        CliRun run = await CliRun.InProcessAsync("inspect", _directory.At("a/tiny-f16.gguf"), _directory.At("a/mmproj-tiny-f16.gguf"));
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("The two files fit each other", run.Output, StringComparison.Ordinal);
        Assert.Contains("36 visual tokens", run.Output, StringComparison.Ordinal);
        Assert.Contains("legacy", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bf16", "BF16")]
    [InlineData("q8_0", "Q8_0")]
    public async Task Models_of_the_other_types_run(string type, string name)
    {
        await SynthAsync("a", "--type", type, "--vision-type", type);
        string[] files = [_directory.At($"a/tiny-{type}.gguf"), _directory.At($"a/mmproj-tiny-{type}.gguf")];
        CliRun run = await CliRun.InProcessAsync(["inspect", "--model", files[0], "--projector", files[1], "--json"]);
        Assert.Equal(0, run.ExitCode);
        Assert.Contains($"\"{name}\"", run.Output, StringComparison.Ordinal);
        string picture = _directory.Write("picture.jpg", Bench.BenchImage.Create(seed: 3));
        run = await CliRun.InProcessAsync(["describe", picture, "--model", files[0], "--projector", files[1], "--max-tokens", "2", "--threads", "1"]);
        Assert.True(run.ExitCode == 0, run.Error);
    }

    [Fact]
    public async Task A_type_whose_blocks_do_not_fit_the_geometry_is_an_error_in_words()
    {
        CliRun run = await CliRun.InProcessAsync("synth", "--geometry", "tiny", "--out", _directory.At("a"), "--type", "q4_k");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("256", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspect_shows_a_file_whose_sizes_differ_by_layer()
    {
        string path = _directory.At("layers.gguf");
        GgufWriter writer = new GgufWriter().Add("general.architecture", "deci").Add("deci.block_count", 2u).Add("deci.embedding_length", 64u)
            .Add("deci.attention.head_count", [2, 0]).Add("deci.feed_forward_length", [128, 256]);
        writer.AddTensor("token_embd.weight", GgmlType.F32, [64, 1], new float[64]);
        await using (FileStream stream = File.Create(path)) writer.Write(stream, cancellationToken: TestContext.Current.CancellationToken);
        CliRun run = await CliRun.InProcessAsync("inspect", path);
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Contains("(by layer) heads", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspect_takes_files_or_a_model_but_not_both()
    {
        Assert.Equal(2, (await CliRun.InProcessAsync("inspect", "a.gguf", "--model", "b.gguf", "--projector", "c.gguf")).ExitCode);
        CliRun run = await CliRun.InProcessAsync("inspect", "--model", "no-such-model");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("fastervlm pull", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Missing_libraries_are_an_error_that_still_shows_the_file()
    {
        await SynthAsync("a");
        // A process of its own: this one has its libraries already.
        CliRun run = await CliRun.ChildProcessAsync(["inspect", _directory.At("a/tiny-f16.gguf"), "--native-dir", _directory.Path]);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("tiny-f16.gguf: language model", run.Output, StringComparison.Ordinal);
        Assert.StartsWith("fastervlm: ", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
    }

    async Task<(byte[] Model, byte[] Projector)> SynthAsync(string name, params string[] options)
    {
        CliRun run = await CliRun.InProcessAsync(["synth", "--geometry", "tiny", "--out", _directory.At(name), .. options, "--json"]);
        Assert.True(run.ExitCode == 0, run.Error);
        JsonElement files = JsonDocument.Parse(run.Output).RootElement;
        return (Bytes("model"), Bytes("projector"));

        byte[] Bytes(string part) => File.ReadAllBytes(files.GetProperty(part).GetProperty("path").GetString()!);
    }
}
