using System.CommandLine;
using SK.FasterVlm.Cli.Options;

namespace SK.FasterVlm.Cli.Commands;

/// <summary><c>fastervlm synth</c>: a random model of real geometry, so that speed can be measured without weights.</summary>
internal static class SynthCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CommandContext context)
    {
        Option<string> geometry = new("--geometry", "-g") { Description = "llava-1.5-7b or tiny.", HelpName = "name", Required = true };
        Option<string> directory = new("--out", "-o") { Description = "Directory to write the model and the projector to.", HelpName = "directory", Required = true };
        Option<int> seed = ValueParsers.Integer("--seed", "Seed of the weights.", 0, int.MaxValue, 0);
        geometry.AcceptOnlyFromAmong(StringComparer.Ordinal, "tiny", "llava-1.5-7b");
        Command command = new("synth", "Write a model with seeded random weights.") { geometry, directory, seed };
        command.SetAction((parsed, cancellationToken) =>
        {
            _ = context;
            throw new CliException("The engine is not part of this build yet.");
        });
        return command;
    }
}
