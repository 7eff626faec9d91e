namespace SK.FasterVlm.Cli.Tests;

public class FailureTests
{
    [Fact]
    public async Task A_wrong_path_is_one_line_and_exit_code_1() =>
        AssertFailure(await CliRun.InProcessAsync("describe", "no-such.jpg"), "No such file: 'no-such.jpg'.");

    [Fact]
    public async Task A_wrong_path_in_a_process_of_its_own_is_one_line_and_exit_code_1() =>
        AssertFailure(await CliRun.ChildProcessAsync(["describe", "no-such.jpg"]), "No such file: 'no-such.jpg'.");

    [Fact]
    public async Task A_directory_is_not_an_image() =>
        AssertFailure(await CliRun.InProcessAsync("describe", "."), "'.' is a directory; a file is needed.");

    [Fact]
    public async Task Verbose_adds_the_stack_trace()
    {
        CliRun run = await CliRun.InProcessAsync("describe", "no-such.jpg", "--verbose");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("   at ", run.Error, StringComparison.Ordinal);
    }

    static void AssertFailure(CliRun run, string message)
    {
        Assert.Equal(1, run.ExitCode);
        Assert.Empty(run.Output);
        Assert.Equal($"fastervlm: {message}", Assert.Single(run.ErrorLines));
    }
}
