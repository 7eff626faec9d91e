using System.Text.Json;
using SK.FasterVlm.Cli.Output;

namespace SK.FasterVlm.Cli.Tests;

public class DescribeTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    [Fact]
    public async Task Json_is_one_object_with_every_fact_and_nothing_else()
    {
        CliRun run = await DescribeAsync("--keep", "10%", "--json");
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Empty(run.Error);
        JsonElement report = JsonDocument.Parse(run.Output).RootElement;
        Assert.Equal(JsonValueKind.String, report.GetProperty("answer").ValueKind);
        Assert.Equal(36, report.GetProperty("visualTokens").GetInt32());
        Assert.Equal(4, report.GetProperty("visualTokensKept").GetInt32());
        Assert.Equal((640, 480), (report.GetProperty("images")[0].GetProperty("width").GetInt32(), report.GetProperty("images")[0].GetProperty("height").GetInt32()));
        foreach (string stage in new[] { "decode", "preprocess", "encode", "select", "project", "prefill", "timeToFirstToken" })
            Assert.True(report.GetProperty("ms").GetProperty(stage).GetDouble() > 0, stage);
        foreach (string number in new[] { "promptTokens", "kvBytes", "loadMs" }) Assert.True(report.GetProperty(number).GetDouble() > 0, number);
        foreach (string text in new[] { "finish", "budget", "selector" }) Assert.NotEmpty(report.GetProperty(text).GetString()!);
        foreach (string text in new[] { "model", "modelFile", "projectorFile", "template", "towerPrecision", "towerDevice", "llamaVersion", "nativeDirectory" })
            Assert.NotEmpty(report.GetProperty("engine").GetProperty(text).GetString()!);
        Assert.NotEmpty(report.GetProperty("engine").GetProperty("devices").EnumerateArray());
        Assert.Equal(JsonValueKind.Number, report.GetProperty("tokensPerSecond").ValueKind);
    }

    [Fact]
    public async Task The_answer_goes_to_stdout_and_the_facts_to_stderr()
    {
        CliRun run = await DescribeAsync("--tokens", "9");
        Assert.True(run.ExitCode == 0, run.Error);
        CliRun json = await DescribeAsync("--tokens", "9", "--json");
        string answer = JsonDocument.Parse(json.Output).RootElement.GetProperty("answer").GetString()!;
        Assert.Equal(TerminalText.Clean(answer).TrimEnd('\n'), run.Output.TrimEnd('\n'));
        Assert.Contains("9 of 36 (25 %; 9 tokens, cls)", run.Error, StringComparison.Ordinal);
        foreach (string fact in new[] { "640 x 480", "decode", "preprocess", "encode", "select", "project", "prefill", "first token", "generation", "tokens/s", "model", "runs on", "llama.cpp" })
            Assert.Contains(fact, run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--keep", "1", 36)]
    [InlineData("--keep", "0", 0)]
    [InlineData("--keep", "50%", 18)]
    [InlineData("--tokens", "1", 1)]
    [InlineData("--mass", "100%", 36)]
    public async Task The_budget_is_kept(string option, string value, int kept)
    {
        CliRun run = await DescribeAsync(option, value, "--json");
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Equal(kept, JsonDocument.Parse(run.Output).RootElement.GetProperty("visualTokensKept").GetInt32());
    }

    [Fact]
    public async Task Further_images_add_their_visual_tokens()
    {
        CliRun run = await DescribeAsync("--image", tiny.Picture, "--image", tiny.Picture, "--keep", "50%", "--selector", "uniform", "--json");
        Assert.True(run.ExitCode == 0, run.Error);
        JsonElement report = JsonDocument.Parse(run.Output).RootElement;
        Assert.Equal(3, report.GetProperty("images").GetArrayLength());
        Assert.Equal((108, 54), (report.GetProperty("visualTokens").GetInt32(), report.GetProperty("visualTokensKept").GetInt32()));
    }

    [Fact]
    public async Task The_question_can_come_from_standard_input()
    {
        CliRun run = await CliRun.InProcessAsync(["describe", tiny.Picture, "-", .. tiny.Options, "--max-tokens", "4", "--json"], "What is this?\n");
        Assert.True(run.ExitCode == 0, run.Error);
        CliRun same = await CliRun.InProcessAsync(["describe", tiny.Picture, "What is this?", .. tiny.Options, "--max-tokens", "4", "--json"], "");
        Assert.Equal(Answer(same), Answer(run));

        static string Answer(CliRun run) => JsonDocument.Parse(run.Output).RootElement.GetProperty("answer").GetString()!;
    }

    Task<CliRun> DescribeAsync(params string[] options) =>
        CliRun.InProcessAsync(["describe", tiny.Picture, "What is it?", .. tiny.Options, "--max-tokens", "6", .. options]);
}
