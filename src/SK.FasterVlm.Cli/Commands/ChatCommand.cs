using System.CommandLine;
using SK.FasterVlm.Cli.Options;

namespace SK.FasterVlm.Cli.Commands;

/// <summary><c>fastervlm chat</c>: a conversation in the terminal, images by path.</summary>
internal static class ChatCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CommandContext context)
    {
        Argument<string[]> images = new("images") { Description = "Images to begin with.", Arity = ArgumentArity.ZeroOrMore };
        Option<int> maxTokens = ValueParsers.Integer("--max-tokens", "Longest answer in tokens.", 1, 1_048_576, 512);
        ModelOptions model = new();
        PruningOptions pruning = new();
        Command command = new("chat", "Talk about images; /help lists what can be typed.") { images };
        pruning.AddTo(command);
        command.Add(maxTokens);
        model.AddTo(command);
        command.SetAction((parsed, cancellationToken) =>
        {
            _ = model.Read(parsed);
            _ = context;
            throw new CliException("The engine is not part of this build yet.");
        });
        return command;
    }
}
