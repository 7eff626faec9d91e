using System.CommandLine;
using SK.FasterVlm.Cli.Options;

namespace SK.FasterVlm.Cli.Commands;

/// <summary><c>fastervlm bench</c>: where the time goes, with and without pruning.</summary>
internal static class BenchCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CommandContext context)
    {
        ModelOptions model = new();
        Command command = new("bench", "Measure encode, prefill, time to first token and memory at several keep ratios.");
        model.AddTo(command);
        command.Add(GlobalOptions.Json);
        command.SetAction((parsed, cancellationToken) =>
        {
            _ = context;
            throw new CliException("The engine is not part of this build yet.");
        });
        return command;
    }
}
