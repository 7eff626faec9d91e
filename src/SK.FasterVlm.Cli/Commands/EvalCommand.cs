using System.CommandLine;
using SK.FasterVlm.Cli.Bench;
using SK.FasterVlm.Cli.Options;
using SK.FasterVlm.Cli.Output;
using SK.FasterVlm.Evaluation.Benchmarks;
using SK.FasterVlm.Evaluation.Reporting;
using SK.FasterVlm.Evaluation.Running;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Cli.Commands;

/// <summary><c>fastervlm eval pope --questions ... --keep 1,0.25,0.1 --selector cls,random</c>: quality at several budgets, as a table and a chart.</summary>
internal sealed class EvalCommand
{
    readonly Argument<string> _benchmark = BenchmarkArgument();
    readonly Option<string> _questions = EvalOptions.Questions();
    readonly Option<string?> _labels = EvalOptions.Labels();
    readonly Option<string?> _images = new("--images") { Description = "Folder of the images the questions name.", HelpName = "folder" };
    readonly Option<string> _output = new("--out", "-o") { Description = "Run directory; a run that was interrupted is continued.", HelpName = "folder", Required = true };
    readonly Option<string[]> _selectors = new("--selector")
    {
        Description = "Who is kept, several separated by commas: cls (FasterVLM), random, uniform.",
        HelpName = "names",
        DefaultValueFactory = static _ => ["cls"],
        CustomParser = ValueParsers.SelectorNames,
    };
    readonly Option<double[]> _keeps = new("--keep")
    {
        Description = "Shares of the visual tokens to keep, separated by commas: 1,0.5,10%.",
        HelpName = "shares",
        DefaultValueFactory = static _ => [1],
        CustomParser = ValueParsers.Shares,
    };
    readonly Option<int[]> _seeds = new("--seeds")
    {
        Description = "Seeds for random selection, separated by commas; the report gives their mean.",
        HelpName = "numbers",
        DefaultValueFactory = static _ => [0],
        CustomParser = ValueParsers.Integers,
    };
    readonly Option<int> _limit = ValueParsers.Integer("--limit", "Ask about this many questions only (whole images, spread over the file).", 1, int.MaxValue);
    readonly Option<int> _maxTokens = ValueParsers.Integer("--max-tokens", "Most tokens of an answer. Default: the benchmark's (128 or 1024).", 1, 1_048_576);
    readonly Option<bool> _circular = new("--circular") { Description = "MMBench: ask every rotation of the choices." };
    readonly Option<bool> _textOnly = new("--with-text-questions") { Description = "ScienceQA: ask the questions without an image too." };
    readonly Option<TowerPrecision> _precision = new("--precision")
    {
        Description = "Precision of the vision tower: auto (q8_0 on a CPU), q8_0, f16, f32, or asstored for the file's.",
        HelpName = "name",
        CustomParser = ValueParsers.Name<TowerPrecision>,
    };
    readonly Option<string?> _title = new("--title") { Description = "What report and chart call the benchmark; default: its name.", HelpName = "text" };
    readonly Option<bool> _retry = new("--retry-failed") { Description = "Ask again what failed in an earlier attempt." };
    readonly ModelOptions _model = new();
    readonly CommandContext _context;

    EvalCommand(CommandContext context) => _context = context;

    /// <summary>Builds the command with its subcommands.</summary>
    public static Command Create(CommandContext context)
    {
        EvalCommand self = new(context);
        Command command = new("eval", "Run a benchmark of the field: " + string.Join(", ", BenchmarkCatalog.All.Select(static b => b.Name)) + ".")
        {
            self._benchmark, self._questions, self._images, self._labels, self._output, self._selectors, self._keeps, self._seeds,
            self._limit, self._maxTokens, self._circular, self._textOnly, self._retry, self._precision, self._title,
        };
        self._model.AddTo(command);
        command.Add(GlobalOptions.Json);
        command.Add(EvalScoreCommand.Create(context));
        command.Add(EvalSummaryCommand.Create(context));
        command.SetAction(self.RunAsync);
        return command;
    }

    /// <summary>The name of a benchmark.</summary>
    internal static Argument<string> BenchmarkArgument()
    {
        Argument<string> argument = new("benchmark") { Description = "Name of the benchmark." };
        argument.AcceptOnlyFromAmong(StringComparer.Ordinal, [.. BenchmarkCatalog.All.Select(static b => b.Name)]);
        return argument;
    }

    async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        Terminal terminal = _context.Terminal;
        EvaluationRunOptions options = Read(parsed);
        string? labels = parsed.GetValue(_labels);
        EvalOptions.RequirePath(labels);
        if (options.Benchmark.NeedsLabels && labels is null && options.Benchmark.UploadExtension is null)
            throw new CliException($"{options.Benchmark.Title} needs --labels: {options.Benchmark.Files}");

        EvaluationReport.CheckLabels(options, labels);

        FasterVlmOptions model = _model.Read(parsed);
        model.TowerPrecision = parsed.GetValue(_precision);
        // An answer must not depend, not even in its last bits, on the questions before it.
        (model.PrefixCache, model.MaxSequences) = (false, 1);
        ModelSession session = await ModelSession.LoadAsync(terminal, model, parsed.GetValue(GlobalOptions.Verbose), cancellationToken).ConfigureAwait(false);
        await using (session.ConfigureAwait(false))
        {
            EvaluationRun run = new(options, await FasterVlmEvaluationModel.CreateAsync(session.Model, cancellationToken).ConfigureAwait(false));
            EvaluationRunResult result = await ProgressDisplay.RunAsync(terminal, options.Benchmark.Title, show => run.RunAsync(
                new ImmediateProgress<EvaluationProgress>(p => show((double)p.Done / p.Total, Title(options.Benchmark, p))), cancellationToken)).ConfigureAwait(false);
            EvaluationReport report = EvaluationReport.Create(result, options.QuestionsPath, labels);
            report = report with { MeasuredOn = MeasuredOn(model) };
            if (parsed.GetValue(_title) is { Length: > 0 } title) report = report with { Title = title };
            IReadOnlyList<string> files = ReportFiles.Write(report, options.Directory);

            if (parsed.GetValue(GlobalOptions.Json)) await terminal.Out.WriteAsync(JsonReport.Render(report)).ConfigureAwait(false);
            else await terminal.Out.WriteAsync(TerminalText.Clean(MarkdownReport.Table(report))).ConfigureAwait(false);
            int failed = report.Rows.Sum(static r => r.Failed);
            if (failed > 0) terminal.WriteNote($"{failed} answers failed and count as wrong; report.md lists them.");
            if (!ChartWriter.CanWriteText) terminal.WriteNote("No chart: this machine has no font. Install one, or name a font file in FASTERVLM_FONT.");
            foreach (string file in files) terminal.WriteNote($"wrote {file}");
            return ExitCodes.Success;
        }
    }

    EvaluationRunOptions Read(ParseResult parsed)
    {
        string questions = parsed.GetRequiredValue(_questions);
        InputFiles.RequireFile(questions);
        return new()
        {
            Benchmark = BenchmarkCatalog.Find(parsed.GetRequiredValue(_benchmark)),
            QuestionsPath = questions,
            ImageFolder = parsed.GetValue(_images),
            Directory = parsed.GetRequiredValue(_output),
            Configurations = EvaluationConfiguration.Sweep(parsed.GetRequiredValue(_selectors), parsed.GetRequiredValue(_keeps), parsed.GetRequiredValue(_seeds)),
            Limit = parsed.GetResult(_limit) is { Implicit: false } ? parsed.GetValue(_limit) : null,
            MaxOutputTokens = parsed.GetResult(_maxTokens) is { Implicit: false } ? parsed.GetValue(_maxTokens) : null,
            Reading = new ReadOptions(parsed.GetValue(_circular), parsed.GetValue(_textOnly)),
            RetryFailed = parsed.GetValue(_retry),
        };
    }

    static string MeasuredOn(FasterVlmOptions model)
    {
        MachineInfo machine = MachineInfo.Current();
        string threads = model.Threads switch { 0 => "one thread per physical core", 1 => "1 thread", int n => Format.Invariant($"{n} threads") };
        return Format.Invariant($"{threads} of {machine.Processor}, {machine.LogicalProcessors} logical processors, {machine.System}");
    }

    /// <summary>The line beside the bar. Large benchmarks take days, so hours are counted on.</summary>
    internal static string Title(Benchmark benchmark, EvaluationProgress p) => Format.Invariant(
        $"{benchmark.Title} {p.Done}/{p.Total}{(p.Failed > 0 ? $", {p.Failed} failed" : "")}, {(int)p.Remaining.TotalHours:00}:{p.Remaining:mm\\:ss} left");
}
