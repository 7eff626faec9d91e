using System.CommandLine;
using System.Diagnostics;
using System.Reflection;
using System.Text.Json;
using SK.FasterVlm.Cli.Bench;
using SK.FasterVlm.Cli.Options;
using SK.FasterVlm.Cli.Output;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Cli.Commands;

/// <summary><c>fastervlm bench serve</c>: what sharing one model among many requests is worth.</summary>
internal sealed class BenchServeCommand(CommandContext context)
{
    // The first words of a prompt, which make it differ from the others, take a token more or less.
    const int OpeningSlack = 16;

    static readonly TimeSpan s_warmUp = TimeSpan.FromSeconds(4);

    readonly Option<int> _runs = ValueParsers.Integer("--runs", "Measured rounds.", 1, 1000, 5);
    readonly Option<int> _streams = ValueParsers.Integer("--streams", "Streams at once.", 2, 64, 16);
    readonly Option<int> _outputTokens = ValueParsers.Integer("--max-tokens", "Tokens of each stream.", 4, 4096, 64);
    readonly Option<int> _textTokens = ValueParsers.Integer("--text-tokens", "Text tokens of a prompt, about.", 10, 200, 40);
    readonly Option<string?> _report = new("--report") { Description = "Write PATH.md and PATH.json.", HelpName = "path" };
    readonly GeometryOptions _geometry = new();
    readonly ModelOptions _model = new();

    /// <summary>Builds the command.</summary>
    public static Command Create(CommandContext context)
    {
        BenchServeCommand self = new(context);
        Command command = new("serve", "Measure many requests on one model: prefix and image cache, streams at once, chats that fit a context.")
        {
            self._runs, self._streams, self._outputTokens, self._textTokens, self._report,
        };
        self._geometry.AddTo(command, self._model);
        self._model.AddTo(command);
        command.Add(GlobalOptions.Json);
        command.SetAction(self.RunAsync);
        return command;
    }

    async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        FasterVlmOptions options = await ModelFetch.ResolveAsync(context.Terminal, _model.Read(parsed), cancellationToken);
        await _geometry.ApplyAsync(context.Terminal, parsed, options, parsed.GetValue(_textTokens), cancellationToken);
        ServeSettings settings = new(
            parsed.GetValue(_runs), parsed.GetValue(_streams), parsed.GetValue(_outputTokens), parsed.GetValue(_textTokens),
            options.Threads);
        ServeReport? report = null;
        await WithModelAsync(parsed, options, settings, "Asking twice", async (session, bench, show) =>
        {
            report = NewReport(
                parsed, session, settings with { Threads = HostMachine.Threads(options.Threads, session.Model.Language.Info.WeightBytes) });
            await bench.ReuseAsync(settings.Runs, cancellationToken); // warm-up
            for (int run = 0; run < settings.Runs; run++)
            {
                report.Reuse.Add(await bench.ReuseAsync(run, cancellationToken));
                show((run + 1.0) / settings.Runs, null);
            }
        }, cancellationToken);

        // Nothing may be found of the time before: the same prompts run twice.
        (options.PrefixCache, options.MaxSequences) = (false, settings.Streams);
        int prompt = report!.Reuse.Max(static r => r.NewTokens + r.CachedTokens);
        options.KvCacheLength = Math.Max(report.Model.ContextLength, settings.Streams * (prompt + OpeningSlack + settings.OutputTokens));
        await WithModelAsync(parsed, options, settings, "Streaming", async (_, bench, show) =>
        {
            // The runtime compiles what is hot in the background, on cores that small models need.
            long start = Stopwatch.GetTimestamp();
            do await bench.StreamsAsync(cancellationToken);
            while (Stopwatch.GetElapsedTime(start) < s_warmUp);
            for (int run = 0; run < settings.Runs; run++)
            {
                report.Streams.Add(await bench.StreamsAsync(cancellationToken));
                show((run + 1.0) / settings.Runs, null);
            }
        }, cancellationToken);

        string directory = Directory.CreateTempSubdirectory("fastervlm-bench-").FullName;
        try
        {
            foreach (double keep in new[] { 1, 0.1 }) report.Room.Add(await ServeBench.RoomAsync(directory, keep, options, cancellationToken));
        }
        finally
        {
            Directory.Delete(directory, true);
        }
        Save(report, parsed.GetValue(_report));
        if (parsed.GetValue(GlobalOptions.Json)) JsonOutput.Write(context.Terminal.Out, report);
        else context.Terminal.Out.Write(TerminalText.Clean(ServeMarkdown.Render(report)));
        return ExitCodes.Success;
    }

    async Task WithModelAsync(
        ParseResult parsed, FasterVlmOptions options, ServeSettings settings, string title,
        Func<ModelSession, ServeBench, Action<double, string?>, Task> measure, CancellationToken cancellationToken)
    {
        ModelOptions.Check(options);
        await using ModelSession session = await ModelSession.LoadAsync(
            context.Terminal, options, parsed.GetValue(GlobalOptions.Verbose), cancellationToken);
        ServeBench bench = new(session.Model, settings);
        await ProgressDisplay.RunAsync(context.Terminal, title, async show =>
        {
            await measure(session, bench, show);
            return true;
        });
    }

    static ServeReport NewReport(ParseResult parsed, ModelSession session, ServeSettings settings) => new()
    {
        Command = $"fastervlm {string.Join(' ', parsed.Tokens.Select(static t => t.Value))}",
        Version = typeof(BenchServeCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion,
        Machine = MachineInfo.Current(),
        Model = BenchModel.Of(session),
        Settings = settings,
    };

    static void Save(ServeReport report, string? path)
    {
        if (path is null) return;
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is string directory) Directory.CreateDirectory(directory);
        File.WriteAllText($"{path}.json", JsonSerializer.Serialize(report, JsonOutput.Settings) + "\n");
        File.WriteAllText($"{path}.md", ServeMarkdown.Render(report));
    }
}
