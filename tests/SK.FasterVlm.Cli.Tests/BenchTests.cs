using System.Text.Json;
using SK.FasterVlm.Cli.Bench;

namespace SK.FasterVlm.Cli.Tests;

public class BenchTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    [Fact]
    public async Task Measures_every_ratio_and_writes_both_files()
    {
        string report = tiny.At("report");
        CliRun run = await BenchAsync("--runs", "2", "--keep", "1,50%,0.1", "--precision", "q8_0,f16", "--report", report);
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Equal(run.Output, File.ReadAllText($"{report}.md"));
        Assert.Contains("| 100 % | 36 of 36 |", run.Output, StringComparison.Ordinal);
        Assert.Contains("| 50 % | 18 of 36 |", run.Output, StringComparison.Ordinal);
        Assert.Contains("| 10 % | 4 of 36 |", run.Output, StringComparison.Ordinal);
        Assert.Contains("| Q8_0 |", run.Output, StringComparison.Ordinal);
        Assert.Contains("Asking for [CLS] attention takes", run.Output, StringComparison.Ordinal);
        Assert.Contains("Peak resident memory", run.Output, StringComparison.Ordinal);
        Assert.Contains("fastervlm bench --model", run.Output, StringComparison.Ordinal);
        Assert.Equal(6, Samples(report).GetArrayLength());
    }

    [Fact]
    public async Task Numbers_of_tokens_and_another_selector_are_measured()
    {
        CliRun run = await BenchAsync("--runs", "1", "--tokens", "36,7,0", "--selector", "random", "--seed", "5", "--json");
        Assert.True(run.ExitCode == 0, run.Error);
        JsonElement report = JsonDocument.Parse(run.Output).RootElement;
        Assert.Equal([36, 7, 0], report.GetProperty("samples").EnumerateArray().Select(static s => s.GetProperty("visualTokens").GetInt32()));
        JsonElement settings = report.GetProperty("settings");
        Assert.Equal(("random", 5), (settings.GetProperty("selector").GetString(), settings.GetProperty("seed").GetInt32()));
        Assert.Equal(2, (await BenchAsync("--tokens", "7", "--keep", "1")).ExitCode);
        run = await BenchAsync("--runs", "1", "--tokens", "37");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("36 visual tokens", run.ErrorLines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_interrupted_measurement_goes_on_where_it_stopped()
    {
        string report = tiny.At("resumed");
        Assert.Equal(0, (await BenchAsync("--runs", "1", "--keep", "1,0.1", "--report", report)).ExitCode);
        string[] first = [.. Samples(report).EnumerateArray().Select(static s => s.GetRawText())];
        CliRun run = await BenchAsync("--runs", "2", "--keep", "1,0.1", "--report", report);
        Assert.True(run.ExitCode == 0, run.Error);
        string[] second = [.. Samples(report).EnumerateArray().Select(static s => s.GetRawText())];
        Assert.Equal(4, second.Length);
        Assert.Equal(first, second[..2]);
    }

    [Fact]
    public async Task A_synthetic_model_is_written_once()
    {
        string cache = tiny.At("cache");
        string[] args = ["bench", "--geometry", "tiny", "--cache", cache, "--runs", "1", "--keep", "1", "--max-tokens", "2", "--threads", "1", "--json"];
        CliRun run = await CliRun.InProcessAsync(args);
        Assert.True(run.ExitCode == 0, run.Error);
        string model = Assert.Single(Directory.GetFiles(cache, "tiny-*.gguf", SearchOption.AllDirectories));
        DateTime written = File.GetLastWriteTimeUtc(model);
        run = await CliRun.InProcessAsync(args);
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Equal(written, File.GetLastWriteTimeUtc(model));
        JsonElement sample = JsonDocument.Parse(run.Output).RootElement.GetProperty("samples")[0];
        Assert.Equal(36, sample.GetProperty("visualTokens").GetInt32());
        Assert.True(sample.GetProperty("peakResidentBytes").GetInt64() > 0);
    }

    [Theory]
    [InlineData("tiny")]
    [InlineData("tiny-next")] // several views of an image, whose kept tokens must fit as well
    public async Task Serving_is_measured_with_a_report(string geometry)
    {
        string report = tiny.At($"serve-{geometry}");
        CliRun run = await CliRun.InProcessAsync(
            ["bench", "serve", "--geometry", geometry, "--cache", tiny.At("serve-cache"), "--runs", "1", "--streams", "3", "--max-tokens", "4",
            "--text-tokens", "20", "--threads", "1", "--report", report]);
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Equal(run.Output, File.ReadAllText($"{report}.md"));
        JsonElement root = JsonDocument.Parse(File.ReadAllText($"{report}.json")).RootElement;
        JsonElement reuse = root.GetProperty("reuse")[0], streams = root.GetProperty("streams")[0];
        Assert.True(reuse.GetProperty("cachedTokens").GetInt32() > 0, "The second question found nothing of the first.");
        // The weights are drawn, so tokens lie close and last bits of a shared pass may choose: how many texts are the same is measured, not known.
        Assert.Contains($"{streams.GetProperty("sameTexts").GetInt32()} of 3", run.Output, StringComparison.Ordinal);
        Assert.True(streams.GetProperty("aloneGapMs").GetDouble() > 0 && streams.GetProperty("medianGapMs").GetDouble() > 0);
        int[] chats = [.. root.GetProperty("room").EnumerateArray().Select(static r => r.GetProperty("chats").GetInt32())];
        Assert.True(chats[1] > chats[0], $"{chats[1]} chats fit at 10 %, {chats[0]} at 100 %.");
    }

    [Fact]
    public void A_spread_is_the_middle_and_the_ends()
    {
        Assert.Equal(new Spread(2, 1, 9), Spread.Of([9, 1, 2]));
        Assert.Equal(new Spread(2.5, 1, 9), Spread.Of([9, 1, 2, 3]));
        Assert.Throws<ArgumentException>(static () => Spread.Of([]));
    }

    Task<CliRun> BenchAsync(params string[] options) =>
        CliRun.InProcessAsync(["bench", .. tiny.Options, "--max-tokens", "2", "--warm-up", "0", .. options]);

    static JsonElement Samples(string report) => JsonDocument.Parse(File.ReadAllText($"{report}.json")).RootElement.GetProperty("samples");
}
