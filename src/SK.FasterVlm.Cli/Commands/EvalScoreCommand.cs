using System.CommandLine;
using SK.FasterVlm.Cli.Options;
using SK.FasterVlm.Cli.Output;
using SK.FasterVlm.Evaluation.Benchmarks;
using SK.FasterVlm.Evaluation.Reporting;
using SK.FasterVlm.Evaluation.Scoring;

namespace SK.FasterVlm.Cli.Commands;

/// <summary><c>fastervlm eval score pope --answers a.jsonl --questions q.jsonl --labels folder</c>: scores answers, whoever made them.</summary>
internal sealed class EvalScoreCommand
{
    readonly Argument<string> _benchmark = EvalCommand.BenchmarkArgument();
    readonly Option<string> _answers = new("--answers", "-a") { Description = "Answers file: JSON lines in LLaVA's format.", HelpName = "file", Required = true };
    readonly Option<string> _questions = EvalOptions.Questions();
    readonly Option<string?> _labels = EvalOptions.Labels();
    readonly Option<string?> _upload = new("--upload") { Description = "Also write the file that the benchmark's organiser takes.", HelpName = "file" };
    readonly CommandContext _context;

    EvalScoreCommand(CommandContext context) => _context = context;

    /// <summary>Builds the command.</summary>
    public static Command Create(CommandContext context)
    {
        EvalScoreCommand self = new(context);
        Command command = new("score", "Score an answers file.") { self._benchmark, self._answers, self._questions, self._labels, self._upload };
        command.Add(GlobalOptions.Json);
        command.SetAction(self.Run);
        return command;
    }

    int Run(ParseResult parsed)
    {
        Terminal terminal = _context.Terminal;
        Benchmark benchmark = BenchmarkCatalog.Find(parsed.GetRequiredValue(_benchmark));
        string questions = parsed.GetRequiredValue(_questions), answers = parsed.GetRequiredValue(_answers);
        string? labels = parsed.GetValue(_labels), upload = parsed.GetValue(_upload);
        InputFiles.RequireFile(questions);
        InputFiles.RequireFile(answers);
        EvalOptions.RequirePath(labels);

        AnswerSheet sheet = AnswersScorer.Join(benchmark, questions, answers);
        if (upload is not null)
        {
            if (benchmark.UploadExtension is null) throw new CliException($"{benchmark.Title} has no upload file; its answers are scored here.");
            benchmark.WriteUpload(sheet, upload);
            terminal.WriteNote($"wrote {upload}");
        }

        labels ??= benchmark.DefaultLabels(questions);
        if (!benchmark.CanScore || (benchmark.NeedsLabels && labels is null))
        {
            if (upload is not null) return ExitCodes.Success;
            throw new CliException(benchmark.CanScore
                ? $"{benchmark.Title} needs --labels: {benchmark.Files}"
                : $"{benchmark.Title} is scored by its organiser: write the file for it with --upload.");
        }

        BenchmarkScore score = benchmark.Score(sheet, labels);
        if (parsed.GetValue(GlobalOptions.Json)) JsonOutput.Write(terminal.Out, JsonReport.Score(score));
        else terminal.Out.WriteLine(TerminalText.Clean(ScoreText.Format(benchmark.Title, score)));
        return ExitCodes.Success;
    }
}
