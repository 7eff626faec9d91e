using System.Diagnostics;

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
