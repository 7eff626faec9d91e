using System.Buffers.Binary;
using System.Text.Json;

namespace SK.FasterVlm.Cli.Tests;

public class HeatmapTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    [Fact]
    public async Task Writes_two_panels_side_by_side()
    {
        string output = tiny.At("heatmap.png");
        CliRun run = await CliRun.InProcessAsync(["heatmap", tiny.Picture, "-o", output, .. tiny.Options, "--keep", "25%", "--json"]);
        Assert.True(run.ExitCode == 0, run.Error);
        byte[] png = File.ReadAllBytes(output);
        Assert.Equal("PNG"u8, png.AsSpan(1, 3));
        // 6 x 6 patches of 112 pixels, twice, and the gap.
        Assert.Equal(1360, BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(16)));
        Assert.InRange(BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(20)), 672, 760);
        JsonElement report = JsonDocument.Parse(run.Output).RootElement;
        Assert.Equal(9, report.GetProperty("kept").GetArrayLength());
        Assert.Equal(36, report.GetProperty("clsAttention").GetArrayLength());
        Assert.InRange(report.GetProperty("attentionHeld").GetDouble(), 0.25, 1);
    }

    [Fact]
    public async Task An_output_that_cannot_be_written_is_one_line()
    {
        CliRun run = await CliRun.InProcessAsync(["heatmap", tiny.Picture, "-o", tiny.At("no/such/directory/out.png"), .. tiny.Options]);
        Assert.Equal(1, run.ExitCode);
        Assert.Single(run.ErrorLines);
    }
}
