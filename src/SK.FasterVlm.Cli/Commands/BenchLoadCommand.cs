using System.CommandLine;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using SK.FasterVlm.Cli.Bench;
using SK.FasterVlm.Cli.Options;
using SK.FasterVlm.Cli.Output;

namespace SK.FasterVlm.Cli.Commands;

/// <summary><c>fastervlm bench load</c>: OpenAI-compatible servers side by side, as a client sees them.</summary>
internal sealed class BenchLoadCommand(CommandContext context)
{
    readonly Option<string[]> _servers = new("--url", "-u")
    {
        Description = "Base address of an OpenAI-compatible server, ending in /v1; once for each server.",
        HelpName = "address",
        Required = true,
    };
    readonly Option<int> _runs = ValueParsers.Integer("--runs", "Measured rounds.", 1, 1000, 5);
    readonly Option<int> _streams = ValueParsers.Integer("--streams", "Streams at once.", 2, 256, 16);
    readonly Option<int> _outputTokens = ValueParsers.Integer("--max-tokens", "Tokens of each stream.", 4, 4096, 64);
    readonly Option<int[]> _banned = new("--ban")
    {
        Description = "Token ids that no answer may hold, separated by commas: the end of the text, so that all streams have full length.",
        HelpName = "ids",
        DefaultValueFactory = static _ => [],
        CustomParser = ValueParsers.IntegerRanges,
    };
    readonly Option<string?> _report = new("--report") { Description = "Write PATH.md and PATH.json.", HelpName = "path" };

    /// <summary>Builds the command.</summary>
    public static Command Create(CommandContext context)
    {
        BenchLoadCommand self = new(context);
        Command command = new("load", "Measure running servers over HTTP, side by side: time to the first text, streams at once.")
        {
            self._servers, self._runs, self._streams, self._outputTokens, self._banned, self._report, GlobalOptions.Json,
        };
        command.Validators.Add(result =>
        {
            foreach (string address in result.GetValue(self._servers) ?? [])
            {
                if (!Uri.TryCreate(address, UriKind.Absolute, out Uri? uri) || uri.Scheme is not ("http" or "https"))
                    result.AddError($"'{address}' is not an http(s) address.");
            }
        });
        command.SetAction(self.RunAsync);
        return command;
    }

    async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        LoadSettings settings = new(
            parsed.GetValue(_runs), parsed.GetValue(_streams), parsed.GetValue(_outputTokens), parsed.GetRequiredValue(_banned));
        List<LoadClient> clients = [];
        try
        {
            foreach (string address in parsed.GetRequiredValue(_servers)) clients.Add(await LoadClient.ConnectAsync(address, cancellationToken));
            LoadReport report = new(
                $"fastervlm {string.Join(' ', parsed.Tokens.Select(static t => t.Value))}",
                typeof(BenchLoadCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion,
                MachineInfo.Current(), settings, [.. clients.Select(static c => new LoadServer(c.Address, c.Model, []))]);
            await ProgressDisplay.RunAsync(context.Terminal, "Asking", async show =>
            {
                LoadBench bench = new(settings);
                for (int round = 0; round <= settings.Runs; round++) // the first warms up
                {
                    for (int i = 0; i < clients.Count; i++)
                    {
                        LoadSample sample = await bench.MeasureAsync(clients[i], round, cancellationToken);
                        if (round > 0) report.Servers[i].Samples.Add(sample);
                    }
                    show((round + 1.0) / (settings.Runs + 1), string.Create(CultureInfo.InvariantCulture, $"round {round} of {settings.Runs}"));
                }
                return true;
            });
            if (parsed.GetValue(_report) is string path) Save(report, path);
            if (parsed.GetValue(GlobalOptions.Json)) JsonOutput.Write(context.Terminal.Out, report);
            else context.Terminal.Out.Write(TerminalText.Clean(LoadMarkdown.Render(report)));
            return ExitCodes.Success;
        }
        finally
        {
            clients.ForEach(static c => c.Dispose());
        }
    }

    static void Save(LoadReport report, string path)
    {
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is string directory) Directory.CreateDirectory(directory);
        File.WriteAllText($"{path}.json", JsonSerializer.Serialize(report, JsonOutput.Settings) + "\n");
        File.WriteAllText($"{path}.md", LoadMarkdown.Render(report));
    }
}
