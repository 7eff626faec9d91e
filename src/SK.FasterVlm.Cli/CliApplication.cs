using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using SK.FasterVlm.Cli.Commands;
using SK.FasterVlm.Cli.Options;
using SK.FasterVlm.Cli.Output;

namespace SK.FasterVlm.Cli;

/// <summary>
/// The program: parses a command line, runs one command, and turns every way it can end into an exit code. Commands print their
/// results through <see cref="Terminal"/> and throw when they fail; only this class writes error lines.
/// </summary>
internal static class CliApplication
{
    /// <summary>Runs one command line.</summary>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, Terminal terminal, Interrupts interrupts)
    {
        RootCommand root = CreateRootCommand(new CommandContext(terminal, interrupts));
        // A question may begin with '@', so response files are off.
        ParserConfiguration parser = new() { ResponseFileTokenReplacer = null };
        ParseResult parsed = root.Parse(args.Count == 0 ? ["--help"] : args, parser);
        if (parsed.Action is ParseErrorAction || (parsed.Action is null && parsed.Errors.Count > 0)) return ReportUsage(parsed, terminal);

        bool verbose = parsed.GetValue(GlobalOptions.Verbose);
        try
        {
            InvocationConfiguration invocation = new()
            {
                Output = terminal.Out,
                Error = terminal.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null, // signals are handled by Interrupts
            };
            return await parsed.InvokeAsync(invocation, interrupts.Token);
        }
        catch (Exception error)
        {
            return Report(error, verbose, terminal, interrupts);
        }
        finally
        {
            await terminal.Out.FlushAsync(CancellationToken.None);
        }
    }

    static RootCommand CreateRootCommand(CommandContext context) => new(
        "Vision-language models of the LLaVA family on llama.cpp, sped up by FasterVLM visual-token pruning.\n"
        + "Exit codes: 0 done, 1 failed (one line on stderr says why), 2 wrong command line, 70 defect of this program, 130 interrupted.")
    {
        GlobalOptions.Verbose,
        DescribeCommand.Create(context),
        ChatCommand.Create(context),
        PullCommand.Create(context),
        ModelsCommand.Create(context),
        InspectCommand.Create(context),
        HeatmapCommand.Create(context),
        ServeCommand.Create(context),
        SynthCommand.Create(context),
        BenchCommand.Create(context),
        EvalCommand.Create(context),
    };

    static int ReportUsage(ParseResult parsed, Terminal terminal)
    {
        string path = Path(parsed.CommandResult);
        // An unknown word is a better hint than what is missing because of it.
        string message = parsed.UnmatchedTokens is [string unknown, ..]
            ? $"Unknown command or argument '{unknown}'."
            : parsed.Errors[0].Message;
        terminal.WriteError($"{message} Try '{path} --help'.");
        return ExitCodes.Usage;
    }

    static string Path(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{Path(parent)} {command.Command.Name}" : "fastervlm";

    static int Report(Exception error, bool verbose, Terminal terminal, Interrupts interrupts)
    {
        if (error is OperationCanceledException && interrupts.Token.IsCancellationRequested)
        {
            terminal.WriteError("cancelled");
            return interrupts.ExitCode;
        }

        bool expected = IsExpected(error);
        terminal.WriteError(expected
            ? error.Message
            : $"unexpected {error.GetType().Name}: {error.Message} This is a defect; please report it with the output of --verbose.");
        if (verbose) terminal.Error.WriteLine(TerminalText.Clean(error.ToString()));
        return expected ? ExitCodes.Failure : ExitCodes.Unexpected;
    }

    /// <summary>Whether a user, a file or the machine can cause this error. Anything else is a defect of ours.</summary>
    public static bool IsExpected(Exception error) =>
        error is CliException or FasterVlmException or IOException or UnauthorizedAccessException or OutOfMemoryException;
}
