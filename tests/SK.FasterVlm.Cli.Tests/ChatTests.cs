using System.Diagnostics;
using System.Text.Json;

namespace SK.FasterVlm.Cli.Tests;

public class ChatTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    [Fact]
    public async Task A_piped_session_answers_every_turn()
    {
        CliRun run = await ChatAsync($"/image {tiny.Picture}", "What is it?", "/stats", "/keep 10%", tiny.Picture, "And now?", "/stats", "/reset", "Hello", "/exit", "never read");
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Contains("36 of 36", run.Error, StringComparison.Ordinal);
        // The second turn sends both pictures, both with the new budget.
        Assert.Contains("8 of 72 (11.1 %; keep 10 %, cls)", run.Error, StringComparison.Ordinal);
        Assert.Contains("forgotten", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_end_of_the_input_ends_the_session()
    {
        CliRun run = await ChatAsync("/help");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("/image PATH", run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    [Theory]
    [InlineData("/image no-such.jpg", "No such file")]
    [InlineData("/frobnicate", "There is no command /frobnicate")]
    [InlineData("/keep much", "/keep takes a share")]
    public async Task A_mistake_in_a_pipe_ends_the_session_with_one_line(string line, string message)
    {
        CliRun run = await ChatAsync(line, "Hello");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains(message, Assert.Single(run.ErrorLines), StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    [Fact]
    public async Task A_file_that_is_no_picture_is_refused_when_it_is_attached()
    {
        // Nothing is said afterwards, so that the error can only be the attaching's.
        CliRun run = await ChatAsync($"/image {tiny.TextCalledJpeg()}");
        Assert.Equal(1, run.ExitCode);
        Assert.DoesNotContain("Attached", run.Error, StringComparison.Ordinal);
        Assert.Contains("image", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
        run = await ChatAsync($"/image {tiny.HugePng()}");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("30000", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task In_a_terminal_damaged_pixels_cost_one_message_and_not_the_next()
    {
        byte[] whole = await File.ReadAllBytesAsync(tiny.Picture, TestContext.Current.CancellationToken);
        string damaged = tiny.At("damaged.jpg");
        await File.WriteAllBytesAsync(damaged, whole[..(whole.Length / 2)], TestContext.Current.CancellationToken);
        CliRun run = await CliRun.InTerminalAsync(["chat", .. tiny.Options, "--max-tokens", "4"], $"/image {damaged}\nWhat is it?\nAnd you?\n/stats\n");
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Contains("detached", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("Nothing was asked yet", run.Error, StringComparison.Ordinal); // the second message was answered
    }

    [Fact]
    public async Task More_images_than_a_conversation_may_have_are_an_error_in_words()
    {
        string[] lines = [.. Enumerable.Repeat($"/image {tiny.Picture}", 257), "What are they?"];
        CliRun run = await ChatAsync(lines);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("257 images", run.ErrorLines[^1], StringComparison.Ordinal);
        Assert.DoesNotContain("Parameter", run.ErrorLines[^1], StringComparison.Ordinal);
        Assert.DoesNotContain("defect", run.ErrorLines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Json_is_one_line_for_every_answer()
    {
        CliRun run = await CliRun.InProcessAsync(["chat", tiny.Picture, .. tiny.Options, "--max-tokens", "4", "--json", "--template", "chatml"], "What is it?\nAnd now?\n");
        Assert.True(run.ExitCode == 0, run.Error);
        string[] lines = run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, lines.Length);
        Assert.All(lines, static line => Assert.Equal(JsonValueKind.String, JsonDocument.Parse(line).RootElement.GetProperty("answer").ValueKind));
    }

    [Fact]
    public async Task A_template_there_is_not_is_a_usage_error()
    {
        CliRun run = await CliRun.InProcessAsync(["chat", .. tiny.Options, "--template", "nobody"], "");
        Assert.Equal(2, run.ExitCode);
    }

    [Fact]
    public async Task Interrupting_ends_a_waiting_session_with_130()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() || OperatingSystem.IsMacOS(), "needs kill");
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        using Process process = CliRun.Start(["chat", .. tiny.Options]);
        await process.StandardInput.WriteLineAsync("/help".AsMemory(), cancellation);
        await process.StandardInput.FlushAsync(cancellation);
        Assert.NotNull(await process.StandardError.ReadLineAsync(cancellation)); // the loop is running now
        using (Process kill = Process.Start("kill", ["-INT", $"{process.Id}"])) await kill.WaitForExitAsync(cancellation);
        string rest = await process.StandardError.ReadToEndAsync(cancellation);
        await process.WaitForExitAsync(cancellation);
        Assert.Equal(130, process.ExitCode);
        Assert.EndsWith("fastervlm: cancelled\n", rest, StringComparison.Ordinal);
    }

    Task<CliRun> ChatAsync(params string[] lines) =>
        CliRun.InProcessAsync(["chat", .. tiny.Options, "--max-tokens", "4"], string.Join('\n', lines));
}
