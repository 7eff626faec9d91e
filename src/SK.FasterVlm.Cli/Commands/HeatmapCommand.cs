using System.CommandLine;
using SK.FasterVlm.Cli.Options;

namespace SK.FasterVlm.Cli.Commands;

/// <summary><c>fastervlm heatmap photo.jpg -o out.png</c>: where [CLS] looks, and which patches are kept.</summary>
internal sealed class HeatmapCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CommandContext context)
    {
        Argument<string> image = new("image") { Description = "Image file, or - for standard input." };
        Option<string> output = new("--output", "-o") { Description = "PNG file to write.", HelpName = "file", Required = true };
        ModelOptions model = new();
        PruningOptions pruning = new();
        Command command = new("heatmap", "Draw an image beside its [CLS] attention and the kept patches.") { image, output };
        pruning.AddTo(command);
        model.AddTo(command);
        command.Add(GlobalOptions.Json);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            _ = model.Read(parsed);
            _ = await InputFiles.ReadImageAsync(parsed.GetRequiredValue(image), context.Terminal.OpenInput, cancellationToken).ConfigureAwait(false);
            throw new CliException("The engine is not part of this build yet.");
        });
        return command;
    }
}
