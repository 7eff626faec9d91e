using System.CommandLine;
using SK.FasterVlm.Cli.Options;
using SK.FasterVlm.Cli.Output;
using SK.FasterVlm.Models;

namespace SK.FasterVlm.Cli.Commands;

/// <summary><c>fastervlm models</c>: what can be fetched, what is here, whether it is whole, and away with it.</summary>
internal static class ModelsCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CommandContext context) => new("models", "List, fetch, verify and remove models.")
    {
        List(context), PullCommand.Create(context), Verify(context), Remove(context),
    };

    static Command List(CommandContext context)
    {
        StoreOptions options = new();
        Command command = new("list", "Show the models that can be fetched and those in the cache. Asks no network.") { GlobalOptions.Json };
        options.AddTo(command);
        command.SetAction(parsed =>
        {
            ModelStore store = options.Open(parsed);
            ModelListEntry[] entries = ModelListEntry.Of(store);
            if (parsed.GetValue(GlobalOptions.Json))
            {
                JsonOutput.Write(context.Terminal.Out, new { store.CacheDirectory, Models = entries });
                return ExitCodes.Success;
            }
            Table.Write(context.Terminal.Out, ["NAME", "QUANTISATION", "STATE", "SIZE", "LICENCE"], [.. entries.Select(static e => e.Cells())]);
            context.Terminal.WriteNote($"cache: {store.CacheDirectory}");
            return ExitCodes.Success;
        });
        return command;
    }

    static Command Verify(CommandContext context)
    {
        Argument<string[]> names = new("names") { Description = "Models to verify. Default: all in the cache.", Arity = ArgumentArity.ZeroOrMore };
        StoreOptions options = new();
        Command command = new("verify", "Read the files of fetched models and compare every byte's hash with what was fetched. Asks no network.") { names, GlobalOptions.Json };
        options.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            ModelStore store = options.Open(parsed);
            string[] references = parsed.GetValue(names) is { Length: > 0 } given ? given : [.. store.List().Select(static m => m.Reference)];
            List<VerifiedFile> files = [];
            foreach (string reference in references)
            {
                // Without a terminal the results are all there is to say.
                IReadOnlyList<FileVerification> found = !context.Terminal.ShowsProgress ? await store.VerifyAsync(reference, null, cancellationToken)
                    : await DownloadDisplay.RunAsync(context.Terminal, progress => store.VerifyAsync(reference, progress, cancellationToken));
                files.AddRange(found.Select(f => new VerifiedFile(reference, f.File, f.Problem)));
            }

            if (parsed.GetValue(GlobalOptions.Json)) JsonOutput.Write(context.Terminal.Out, files);
            else foreach (VerifiedFile file in files) context.Terminal.Out.WriteLine(TerminalText.Clean($"{file.Model}  {file.File}  {file.Problem ?? "right"}"));
            string[] wrong = [.. files.Where(static f => f.Problem is not null).Select(static f => f.Model).Distinct()];
            if (wrong.Length > 0)
                throw new CliException($"{string.Join(" and ", wrong)} {(wrong.Length == 1 ? "is" : "are")} not whole; repair with 'fastervlm pull {wrong[0]}'.");
            return ExitCodes.Success;
        });
        return command;
    }

    static Command Remove(CommandContext context)
    {
        Argument<string[]> names = new("names") { Description = "Models to remove, with a quantisation or all of them.", Arity = ArgumentArity.OneOrMore };
        StoreOptions options = new();
        Command command = new("remove", "Remove fetched models and begun downloads.") { names };
        options.AddTo(command);
        command.SetAction(parsed =>
        {
            ModelStore store = options.Open(parsed);
            foreach (string name in parsed.GetRequiredValue(names))
                context.Terminal.Out.WriteLine($"removed {name}, {Format.Bytes(store.Remove(name))} freed");
            return ExitCodes.Success;
        });
        return command;
    }
}

/// <summary>A file that was verified.</summary>
internal sealed record VerifiedFile(string Model, string File, string? Problem);
