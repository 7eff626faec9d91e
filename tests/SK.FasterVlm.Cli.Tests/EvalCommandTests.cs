namespace SK.FasterVlm.Cli.Tests;

public sealed class EvalCommandTests : IDisposable
{
    readonly TemporaryDirectory _folder = new();
    readonly string _questions;
    readonly string _labels;
    readonly string _answers;

    public EvalCommandTests()
    {
        _questions = Write("q.jsonl", """{"question_id": 1, "image": "a.png", "text": "Is it?", "category": "x"}""");
        _labels = Write("l.jsonl", """{"question_id": 1, "label": "yes"}""");
        _answers = Write("a.jsonl", """{"question_id": 1, "prompt": "Is it?", "text": "Yes"}""");
    }

    [Fact]
    public async Task Score_prints_the_headline()
    {
        CliRun run = await CliRun.InProcessAsync("eval", "score", "jsonl", "--answers", _answers, "--questions", _questions, "--labels", _labels);
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("1 questions, 1 answered", run.Output, StringComparison.Ordinal);
        Assert.Contains("100.00 %", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Score_as_json_is_one_object()
    {
        CliRun run = await CliRun.InProcessAsync("eval", "score", "jsonl", "-a", _answers, "-q", _questions, "-l", _labels, "--json");
        Assert.Equal(100, System.Text.Json.JsonDocument.Parse(run.Output).RootElement.GetProperty("value").GetDouble());
    }

    [Fact]
    public async Task Score_without_labels_says_which()
    {
        CliRun run = await CliRun.InProcessAsync("eval", "score", "pope", "-a", _answers, "-q", _questions);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("coco_pope", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Upload_files_are_written_without_labels()
    {
        string upload = Path.Combine(_folder.Path, "up.json");
        CliRun run = await CliRun.InProcessAsync("eval", "score", "vqav2", "-a", _answers, "-q", _questions, "--upload", upload);
        Assert.Equal(0, run.ExitCode);
        Assert.Equal("""[{"question_id":1,"answer":"yes"}]""", await File.ReadAllTextAsync(upload, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("eval nonsense -q a -o b")]
    [InlineData("eval pope -o b")]
    [InlineData("eval pope -q a -o b --keep 2")]
    [InlineData("eval pope -q a -o b --selector best")]
    [InlineData("eval pope -q a -o b --seeds -1")]
    [InlineData("eval pope -q a -o b --keep ,")]
    [InlineData("eval pope -q a -o b --selector ,")]
    [InlineData("eval pope -q a -o b --seeds ,")]
    [InlineData("eval pope -q a -o b --precision q5")]
    [InlineData("eval pope -q a -o b --precision f16,f32")]
    [InlineData("eval score pope -q a")]
    [InlineData("eval summary")]
    public async Task A_wrong_command_line_is_refused(string line) => Assert.Equal(2, (await CliRun.InProcessAsync(line.Split(' '))).ExitCode);

    [Fact]
    public async Task A_missing_question_file_is_one_line() =>
        Assert.Contains("No such file", Assert.Single((await CliRun.InProcessAsync("eval", "pope", "-q", "nowhere", "-o", "x")).ErrorLines), StringComparison.Ordinal);

    string Write(string name, string line)
    {
        string path = Path.Combine(_folder.Path, name);
        File.WriteAllText(path, line + "\n");
        return path;
    }

    public void Dispose() => _folder.Dispose();
}
