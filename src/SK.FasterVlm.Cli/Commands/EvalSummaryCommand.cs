using System.CommandLine;
using SK.FasterVlm.Cli.Output;
using SK.FasterVlm.Evaluation.Reporting;

namespace SK.FasterVlm.Cli.Commands;

/// <summary><c>fastervlm eval summary runs/pope runs/gqa ...</c>: several benchmarks of one model side by side, with both aggregates of the literature.</summary>
internal static class EvalSummaryCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CommandContext context)
    {
        Argument<string[]> directories = new("run") { Description = "Run directories, each with its report.json.", Arity = ArgumentArity.OneOrMore };
        Command command = new("summary", "Put the reports of several benchmarks into one table.") { directories };
        command.SetAction(parsed =>
        {
            string[] runs = parsed.GetRequiredValue(directories);
            foreach (string run in runs) EvalOptions.RequirePath(run);
            context.Terminal.Out.Write(TerminalText.Clean(EvaluationSummary.Read(runs).ToMarkdown()));
            return ExitCodes.Success;
        });
        return command;
    }
}
