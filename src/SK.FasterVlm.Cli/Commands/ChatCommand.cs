using System.CommandLine;
using SK.FasterVlm.Cli.Conversation;
using SK.FasterVlm.Cli.Options;

namespace SK.FasterVlm.Cli.Commands;

/// <summary><c>fastervlm chat</c>: a conversation in the terminal or from a pipe, images by path.</summary>
internal static class ChatCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CommandContext context)
    {
        Argument<string[]> images = new("images") { Description = "Images to begin with.", Arity = ArgumentArity.ZeroOrMore };
        ModelOptions model = new();
        PruningOptions pruning = new();
        Command command = new("chat", "Talk about images; /help lists what can be typed.") { images };
        pruning.AddTo(command);
        command.Add(ModelOptions.MaxTokens);
        model.AddTo(command);
        Option<bool> json = new("--json") { Description = "Print one line of JSON per answer: the answer and what it cost." };
        command.Add(json);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            FasterVlmOptions options = model.Read(parsed);
            options.MaxOutputTokens = parsed.GetValue(ModelOptions.MaxTokens);
            options.MaxImages = 256;
            foreach (string path in parsed.GetValue(images) ?? []) InputFiles.RequireFile(path);

            await using ModelSession session = await ModelSession.LoadAsync(context.Terminal, options, parsed.GetValue(GlobalOptions.Verbose), cancellationToken);
            ChatLoop loop = new(session, context.Terminal, context.Interrupts, pruning.Request(parsed), parsed.GetValue(json));
            foreach (string path in parsed.GetValue(images) ?? []) await loop.AttachAsync(path, cancellationToken);
            return await loop.RunAsync(cancellationToken);
        });
        return command;
    }
}
