using System.CommandLine;
using System.Reflection;
using SK.FasterVlm.Cli.Bench;
using SK.FasterVlm.Cli.Options;
using SK.FasterVlm.Cli.Output;
using SK.FasterVlm.Native;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Cli.Commands;

/// <summary><c>fastervlm bench</c>: where the time and the memory go, with and without pruning.</summary>
internal sealed class BenchCommand
{
    const int TextTokens = 40;
    const int PrecisionPictures = 3;

    readonly GeometryOptions _geometry = new();
    readonly Option<string?> _image = new("--image", "-i")
    {
        Description = "Picture to measure with. Default: a generated one, 640 x 480.",
        HelpName = "file",
    };
    readonly Option<double[]> _keeps = new("--keep")
    {
        Description = "Shares of the visual tokens, separated by commas.",
        HelpName = "shares",
        DefaultValueFactory = static _ => [1, 0.5, 0.25, 0.1, 0.05],
        CustomParser = ValueParsers.Shares,
    };
    readonly Option<int[]> _tokens = new("--tokens")
    {
        Description = "Numbers of visual tokens per view instead of shares, separated by commas.",
        HelpName = "numbers",
        CustomParser = ValueParsers.Integers,
    };
    readonly Option<string> _selector = PruningOptions.SelectorOption();
    readonly Option<int> _seed = PruningOptions.SeedOption();
    readonly Option<int> _runs = ValueParsers.Integer("--runs", "Measured rounds; 0 measures only --precision.", 0, 1000, 3);
    readonly Option<int> _warmUp = ValueParsers.Integer("--warm-up", "Requests before the first measured one.", 0, 100, 1);
    readonly Option<int> _outputTokens = ValueParsers.Integer("--max-tokens", "Tokens to generate per request.", 1, 4096, 16);
    readonly Option<TowerPrecision[]> _precisions = new("--precision")
    {
        Description = "Also compare the tower in these precisions (for example q8_0,f16), the last being the reference.",
        HelpName = "names",
        CustomParser = ValueParsers.Names<TowerPrecision>,
    };
    readonly Option<string?> _report = new("--report")
    {
        Description = "Write PATH.md and PATH.json after every request; an interrupted measurement goes on from there.",
        HelpName = "path",
    };
    readonly ModelOptions _model = new();
    readonly CommandContext _context;

    BenchCommand(CommandContext context) => _context = context;

    /// <summary>Builds the command.</summary>
    public static Command Create(CommandContext context)
    {
        BenchCommand self = new(context);
        Command command = new("bench", "Measure encode, prefill, time to first token and memory at several keep ratios.")
        {
            self._image, self._keeps, self._tokens, self._selector, self._seed, self._runs, self._warmUp, self._outputTokens, self._precisions, self._report,
        };
        self._selector.AcceptOnlyFromAmong(StringComparer.Ordinal, [.. VisualTokenSelectors.Names]);
        command.Validators.Add(result =>
        {
            if (result.GetResult(self._keeps) is { Implicit: false } && result.GetResult(self._tokens) is not null)
                result.AddError("--keep and --tokens exclude each other: give one of them.");
        });
        self._geometry.AddTo(command, self._model);
        self._model.AddTo(command);
        command.Add(GlobalOptions.Json);
        command.SetAction(self.RunAsync);
        command.Add(BenchServeCommand.Create(context));
        command.Add(BenchLoadCommand.Create(context));
        return command;
    }

    async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        FasterVlmOptions options = await ModelFetch.ResolveAsync(_context.Terminal, _model.Read(parsed), cancellationToken);
        options.Selector = parsed.GetRequiredValue(_selector);
        // Every request is measured as if it were the first.
        (options.PrefixCache, options.ImageCacheBytes, options.MaxSequences) = (false, 0, 1);
        byte[] image = parsed.GetValue(_image) is string path
            ? await InputFiles.ReadImageAsync(path, _context.Terminal.OpenInput, cancellationToken)
            : BenchImage.Create(seed: 1);
        await _geometry.ApplyAsync(_context.Terminal, parsed, options, TextTokens, cancellationToken);
        ReportFile file = new(parsed.GetValue(_report));

        BenchReport report = await MeasureAsync(parsed, options, image, file, cancellationToken);
        // After the model is gone: further towers beside it would not be the memory anybody wants to know.
        int pairs = 2 * Math.Max(1, parsed.GetValue(_runs));
        string projector = options.Files.ProjectorPath;
        report.Attention ??= await ProgressDisplay.RunAsync(_context.Terminal, "Measuring [CLS] attention", show => Task.Run(
            () => AttentionCost.Measure(projector, options, pairs, share => show(share, null), cancellationToken), cancellationToken));
        if (parsed.GetValue(_precisions) is { Length: > 0 } precisions && report.Precisions.Count == 0)
            await ComparePrecisionsAsync(report, options, projector, precisions, image, pairs / 2, cancellationToken);
        file.Save(report);

        if (parsed.GetValue(GlobalOptions.Json)) JsonOutput.Write(_context.Terminal.Out, report);
        else _context.Terminal.Out.Write(TerminalText.Clean(BenchMarkdown.Render(report)));
        return ExitCodes.Success;
    }

    async Task<BenchReport> MeasureAsync(
        ParseResult parsed, FasterVlmOptions options, byte[] image, ReportFile file, CancellationToken cancellationToken)
    {
        Terminal terminal = _context.Terminal;
        ResidentMemory.TryResetPeak();
        bool verbose = parsed.GetValue(GlobalOptions.Verbose);
        await using ModelSession session = await ModelSession.LoadAsync(terminal, options, verbose, cancellationToken);
        BenchPrompt prompt = BenchPrompt.Create(session.Model.Generator.Tokenizer, TextTokens);
        BenchSettings settings = new()
        {
            Keeps = Shares(parsed, session.Model.Vision.Info.TokenCount),
            Seed = parsed.GetValue(_seed),
            Runs = parsed.GetValue(_runs),
            WarmUp = parsed.GetValue(_warmUp),
            OutputTokens = parsed.GetValue(_outputTokens),
            TextTokens = prompt.TextTokens,
            Selector = session.Model.Selector.Name,
            Threads = HostMachine.Threads(options.Threads, session.Model.Language.Info.WeightBytes),
            Views = options.Views.ToString(),
            Image = parsed.GetValue(_image) is string path ? Path.GetFileName(path) : "generated, 640 x 480",
        };
        BenchReport report = file.Continue(new BenchReport
        {
            Command = $"fastervlm {string.Join(' ', parsed.Tokens.Select(static t => t.Value))}",
            Version = typeof(BenchCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion,
            Machine = MachineInfo.Current(),
            Model = BenchModel.Of(session),
            Settings = settings,
            LoadPeakBytes = ResidentMemory.PeakBytes(),
            LoadMs = session.LoadMs,
        });
        BenchRunner runner = new(session.Model.Generator, session.Model.Selector, prompt, image, settings);
        await ProgressDisplay.RunAsync(terminal, "Measuring", async show =>
        {
            await runner.RunAsync(report, sample =>
            {
                file.Save(report);
                show((double)report.Samples.Count / runner.PlannedCount, null);
                if (terminal.ShowsProgress) return;
                string keep = Format.Invariant($"run {sample.Run + 1}: keep {sample.Keep * 100:0.##} %");
                terminal.WriteNote($"{keep}, first token after {Format.Ms(sample.TimeToFirstToken)}");
            }, cancellationToken);
            return true;
        });
        return report;
    }

    double[] Shares(ParseResult parsed, int tokensPerView)
    {
        if (parsed.GetValue(_tokens) is not { Length: > 0 } numbers) return parsed.GetRequiredValue(_keeps);
        foreach (int number in numbers)
            if (number > tokensPerView) throw new CliException($"A view has {tokensPerView} visual tokens, so {number} cannot be kept.");
        return [.. numbers.Select(number => (double)number / tokensPerView)];
    }

    async Task ComparePrecisionsAsync(
        BenchReport report, FasterVlmOptions options, string projector, TowerPrecision[] precisions, byte[] image, int runs,
        CancellationToken cancellationToken)
    {
        NativeRuntime runtime = NativeRuntime.Load(options.Native);
        List<IVisionEncoder> towers = [];
        try
        {
            foreach (TowerPrecision precision in precisions)
            {
                options.TowerPrecision = precision;
                towers.Add(await Task.Run(() => VisionEncoder.Load(projector, options, runtime), cancellationToken));
            }

            PrecisionComparison comparison = new([image, .. Enumerable.Range(2, PrecisionPictures - 1).Select(BenchImage.Create)], runs);
            report.Precisions = await ProgressDisplay.RunAsync(_context.Terminal, "Comparing precisions", show =>
                comparison.RunAsync(towers, share => show(share, null), cancellationToken));
            report.PrecisionReference = report.Precisions[^1].Precision.ToString();
        }
        finally
        {
            foreach (IVisionEncoder tower in towers) tower.Dispose();
        }
    }
}
