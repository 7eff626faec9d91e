namespace SK.FasterVlm.Cli.Tests;

/// <summary>Everything a user can get wrong costs one line and exit code 1, in this process and as a process of its own.</summary>
public class FailureTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    [Theory]
    [InlineData("wrong path", "No such file")]
    [InlineData("directory", "is a directory")]
    [InlineData("text called jpeg", "")]
    [InlineData("huge png", "30000 x 30000")]
    [InlineData("truncated model", "truncated.gguf")]
    [InlineData("foreign projector", "belong")]
    [InlineData("wrong model path", "No such file")]
    [InlineData("picture as model", "picture.jpg")]
    [InlineData("long prompt", "context")]
    [InlineData("empty question", "question is empty")]
    [InlineData("file as question", "--image")]
    public async Task Is_one_line_and_exit_code_1(string what, string part)
    {
        (string[] args, string input) = Case(what);
        AssertFailure(await CliRun.InProcessAsync(args, input), part);
    }

    [Theory]
    [InlineData("wrong path", "No such file")]
    [InlineData("text called jpeg", "")]
    [InlineData("huge png", "30000 x 30000")]
    [InlineData("truncated model", "truncated.gguf")]
    [InlineData("foreign projector", "belong")]
    [InlineData("long prompt", "context")]
    public async Task Never_ends_the_process_by_a_signal(string what, string part)
    {
        (string[] args, string input) = Case(what);
        AssertFailure(await CliRun.ChildProcessAsync(args, input), part);
    }

    [Fact]
    public async Task Verbose_adds_the_stack_trace()
    {
        CliRun run = await CliRun.InProcessAsync("describe", "no-such.jpg", "--verbose");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("   at ", run.Error, StringComparison.Ordinal);
    }

    (string[] Args, string Input) Case(string what) => what switch
    {
        "wrong path" => (["describe", "no-such.jpg"], ""),
        "directory" => (["describe", "."], ""),
        "text called jpeg" => (["describe", tiny.TextCalledJpeg(), .. tiny.Options], ""),
        "huge png" => (["describe", tiny.HugePng(), .. tiny.Options], ""),
        "truncated model" => (["describe", tiny.Picture, "--model", tiny.TruncatedModel(), "--projector", tiny.Projector], ""),
        "foreign projector" => (["describe", tiny.Picture, "--model", tiny.Model, "--projector", tiny.ForeignProjector()], ""),
        "wrong model path" => (["describe", tiny.Picture, "--model", "no-such.gguf", "--projector", tiny.Projector], ""),
        "picture as model" => (["describe", tiny.Picture, "--model", tiny.Picture, "--projector", tiny.Projector], ""),
        // Longer than an argument may be on Linux, so it comes through standard input.
        "long prompt" => (["describe", tiny.Picture, "-", .. tiny.Options], string.Join(' ', Enumerable.Repeat("word", 100_000))),
        "empty question" => (["describe", tiny.Picture, "  ", .. tiny.Options], ""),
        "file as question" => (["describe", tiny.Picture, tiny.Picture, .. tiny.Options], ""),
        _ => throw new ArgumentOutOfRangeException(nameof(what)),
    };

    static void AssertFailure(CliRun run, string part)
    {
        Assert.True(run.ExitCode == 1, $"exit code {run.ExitCode}: {run.Error}");
        Assert.Empty(run.Output);
        string line = Assert.Single(run.ErrorLines);
        Assert.StartsWith("fastervlm: ", line, StringComparison.Ordinal);
        Assert.Contains(part, line, StringComparison.OrdinalIgnoreCase);
    }
}
