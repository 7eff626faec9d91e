namespace SK.FasterVlm.Cli.Tests;

public class CommandLineTests
{
    static readonly string[] Commands = ["describe", "chat", "inspect", "pull", "models", "heatmap", "synth", "bench", "eval"];

    [Fact]
    public async Task Without_arguments_the_help_is_shown()
    {
        CliRun run = await CliRun.InProcessAsync();
        Assert.Equal(0, run.ExitCode);
        Assert.All(Commands, command => Assert.Contains($"\n  {command}", run.Output, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Every_command_explains_itself()
    {
        foreach (string command in Commands)
        {
            CliRun run = await CliRun.InProcessAsync(command, "--help");
            Assert.Equal(0, run.ExitCode);
            Assert.Matches($@"Usage:\n  \S+ {command} ", run.Output);
        }
    }

    [Theory]
    [InlineData("describe")]
    [InlineData("frobnicate")]
    [InlineData("describe a.png b c")]
    [InlineData("describe a.png --keep 10% --tokens 3")]
    [InlineData("describe a.png --keep 10% --mass 0.5")]
    [InlineData("describe a.png --keep 3")]
    [InlineData("describe a.png --keep -0.1")]
    [InlineData("describe a.png --keep 101%")]
    [InlineData("describe a.png --keep many")]
    [InlineData("describe a.png --keep nan")]
    [InlineData("describe a.png --tokens -1")]
    [InlineData("describe a.png --tokens 1.5")]
    [InlineData("describe a.png --max-tokens 0")]
    [InlineData("describe a.png --threads 1000")]
    [InlineData("describe a.png --selector best")]
    [InlineData("describe a.png --backend abacus")]
    [InlineData("describe a.png --model m.gguf")]
    [InlineData("describe a.png --projector p.gguf")]
    [InlineData("describe a.png --model ../llava")]
    [InlineData("pull")]
    [InlineData("pull x --from a/b/c.gguf")]
    [InlineData("pull x --sha256 abc")]
    [InlineData("pull llava-1.5-7b --sha256 0000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("models")]
    [InlineData("models remove")]
    [InlineData("heatmap a.png")]
    [InlineData("synth --geometry tiny")]
    public async Task A_wrong_command_line_is_one_line_with_a_way_to_the_help_and_exit_code_2(string line)
    {
        CliRun run = await CliRun.InProcessAsync(line.Split(' '));
        Assert.Equal(2, run.ExitCode);
        Assert.Empty(run.Output);
        string error = Assert.Single(run.ErrorLines);
        Assert.StartsWith("fastervlm: ", error, StringComparison.Ordinal);
        Assert.EndsWith("--help'.", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_question_may_begin_with_an_at_sign()
    {
        CliRun run = await CliRun.InProcessAsync("describe", "no-such.png", "@home?");
        Assert.Contains("No such file: 'no-such.png'.", run.Error, StringComparison.Ordinal);
    }
}
