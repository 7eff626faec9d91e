using System.CommandLine;
using SK.FasterVlm.Cli.Options;

namespace SK.FasterVlm.Cli.Commands;

/// <summary><c>fastervlm inspect</c>: which native libraries run here, and what is in a model file.</summary>
internal static class InspectCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CommandContext context)
    {
        Argument<string?> file = new("file") { Description = "A GGUF file. Default: the embedded model.", Arity = ArgumentArity.ZeroOrOne };
        ModelOptions model = new();
        Command command = new("inspect", "Show the native libraries and devices in use and the facts of a model.") { file };
        model.AddNativeTo(command);
        command.Add(GlobalOptions.Json);
        command.SetAction((parsed, cancellationToken) =>
        {
            if (parsed.GetValue(file) is string path) InputFiles.RequireFile(path);
            _ = context;
            throw new CliException("The engine is not part of this build yet.");
        });
        return command;
    }
}
