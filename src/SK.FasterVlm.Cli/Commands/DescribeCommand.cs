using System.CommandLine;
using SK.FasterVlm.Cli.Options;

namespace SK.FasterVlm.Cli.Commands;

/// <summary><c>fastervlm describe photo.jpg "What is in the picture?"</c>: the answer on stdout, what happened on stderr.</summary>
internal static class DescribeCommand
{
    const string DefaultQuestion = "What is in the picture?";

    /// <summary>Builds the command.</summary>
    public static Command Create(CommandContext context)
    {
        Argument<string> image = new("image") { Description = "Image file (PNG, JPEG, WebP, GIF, BMP), or - for standard input." };
        Argument<string> question = new("question")
        {
            Description = "What to ask, or - to read it from standard input.",
            DefaultValueFactory = static _ => DefaultQuestion,
        };
        Option<string[]> more = new("--image", "-i") { Description = "A further image; may be repeated.", HelpName = "file" };
        Option<int> maxTokens = ValueParsers.Integer("--max-tokens", "Longest answer in tokens.", 1, 1_048_576, 512);
        ModelOptions model = new();
        PruningOptions pruning = new();

        Command command = new("describe", "Ask about an image.") { image, question, more };
        pruning.AddTo(command);
        command.Add(maxTokens);
        model.AddTo(command);
        command.Add(GlobalOptions.Json);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            FasterVlmOptions options = model.Read(parsed);
            options.MaxOutputTokens = parsed.GetValue(maxTokens);
            options.VisualTokens = pruning.Budget(parsed) ?? options.VisualTokens;
            options.Selector = pruning.Selector(parsed);
            ModelOptions.Check(options);

            string[] paths = [parsed.GetRequiredValue(image), .. parsed.GetValue(more) ?? []];
            List<byte[]> images = [];
            foreach (string path in paths)
                images.Add(await InputFiles.ReadImageAsync(path, context.Terminal.OpenInput, cancellationToken).ConfigureAwait(false));
            throw new CliException("The engine is not part of this build yet.");
        });
        return command;
    }
}
