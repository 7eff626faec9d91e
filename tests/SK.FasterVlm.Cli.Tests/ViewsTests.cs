using System.Buffers.Binary;
using System.Text.Json;
using SK.FasterVlm.Gguf;

namespace SK.FasterVlm.Cli.Tests;

/// <summary>LLaVA-NeXT and MobileVLM from the command line, on models of their kind.</summary>
public sealed class ViewsTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    string[] Options(ModelGeometry geometry)
    {
        (string model, string projector) = SyntheticModel.Write(tiny.At(geometry.Name), geometry, cancellationToken: TestContext.Current.CancellationToken);
        return ["--model", model, "--projector", projector, "--threads", "1"];
    }

    // The picture is 640 x 480, so 2 x 2 tiles.
    [Theory]
    [InlineData("auto", 180, 18 + 2)] // ceil(3.6) of each of five views
    [InlineData("base", 36, 4)]
    [InlineData("2x1,tiles", 108, 12)]
    public async Task Views_are_an_option_of_every_command_that_loads_a_model(string views, int total, int kept)
    {
        CliRun run = await CliRun.InProcessAsync(
            ["describe", tiny.Picture, "What is it?", .. Options(ModelGeometry.TinyNext), "--views", views, "--keep", "10%", "--max-tokens", "2", "--json"]);
        Assert.True(run.ExitCode == 0, run.Error);
        JsonElement report = JsonDocument.Parse(run.Output).RootElement;
        Assert.Equal((total, kept), (report.GetProperty("visualTokens").GetInt32(), report.GetProperty("visualTokensKept").GetInt32()));
    }

    [Fact]
    public async Task Wrong_views_are_one_line_that_says_what_can_be_written()
    {
        CliRun run = await CliRun.InProcessAsync(["describe", tiny.Picture, "What?", .. tiny.Options, "--views", "sideways"]);
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains("spatial_unpad", run.Error, StringComparison.Ordinal);
        run = await CliRun.InProcessAsync(["describe", tiny.Picture, "What?", .. tiny.Options, "--views", "spatial_unpad"]);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("image_newline", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Heatmap_draws_the_whole_picture_above_its_tiles()
    {
        string output = tiny.At("views.png");
        CliRun run = await CliRun.InProcessAsync(["heatmap", tiny.Picture, "-o", output, .. Options(ModelGeometry.TinyNext), "--keep", "25%", "--json"]);
        Assert.True(run.ExitCode == 0, run.Error);
        byte[] png = File.ReadAllBytes(output);
        // 672 and the gap and 672 again, both ways; a caption where there are fonts.
        Assert.Equal(1360, BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(16)));
        Assert.InRange(BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(20)), 1360, 1448);
        JsonElement report = JsonDocument.Parse(run.Output).RootElement;
        Assert.Equal((180, 45), (report.GetProperty("visualTokens").GetInt32(), report.GetProperty("visualTokensKept").GetInt32()));
        Assert.Equal(4, report.GetProperty("tiles").GetArrayLength());
    }

    [Fact]
    public async Task Heatmap_of_joined_patches_has_the_joined_grid()
    {
        CliRun run = await CliRun.InProcessAsync(["heatmap", tiny.Picture, "-o", tiny.At("ldp.png"), .. Options(ModelGeometry.TinyLdp), "--json"]);
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Equal(9, JsonDocument.Parse(run.Output).RootElement.GetProperty("clsAttention").GetArrayLength());
    }

    [Fact]
    public async Task Bench_counts_all_views()
    {
        CliRun run = await CliRun.InProcessAsync(
            ["bench", "--geometry", "tiny-next", "--cache", tiny.At("bench"), "--views", "2x2", "--keep", "1,0.25,0.1,0.05", "--runs", "1",
             "--warm-up", "0", "--max-tokens", "2", "--threads", "1"]);
        Assert.True(run.ExitCode == 0, run.Error);
        foreach (string row in (string[])["| 100 % | 180 of 180 |", "| 25 % | 45 of 180 |", "| 10 % | 20 of 180 |", "| 5 % | 10 of 180 |"])
            Assert.Contains(row, run.Output, StringComparison.Ordinal);
        Assert.Contains("| KV | smaller |", run.Output, StringComparison.Ordinal);
        Assert.Contains("in 5 views (2x2)", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspect_says_what_the_files_are_together()
    {
        string[] options = Options(ModelGeometry.TinyNext);
        CliRun run = await CliRun.InProcessAsync("inspect", options[3], options[1]); // in either order
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("Recognised as LLaVA-1.6 (Vicuna)", run.Output, StringComparison.Ordinal);
        Assert.Contains("168x168", run.Output, StringComparison.Ordinal);
        run = await CliRun.InProcessAsync("inspect", tiny.Model, tiny.ForeignProjector());
        Assert.Contains("cannot be used together", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Synth_lists_what_memory_models_take()
    {
        CliRun run = await CliRun.InProcessAsync("synth", "--list");
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Contains("| llava-next-7b | 2,880 |", run.Output, StringComparison.Ordinal);
        Assert.Contains("| mobilevlm-1.7b | 144 |", run.Output, StringComparison.Ordinal);
        run = await CliRun.InProcessAsync("synth", "--list", "--geometry", "llava-1.5-7b", "--json");
        JsonElement row = JsonDocument.Parse(run.Output).RootElement[0];
        Assert.Equal(512 * 1024, row.GetProperty("kvBytesPerToken").GetInt64()); // 0.5 MiB: 32 layers, keys and values, 4096 wide, 16 bit
        Assert.Equal(58, row.GetProperty("visualTokensKept").GetInt32());
        Assert.NotEqual(0, (await CliRun.InProcessAsync("synth", "--geometry", "tiny")).ExitCode);
    }
}
