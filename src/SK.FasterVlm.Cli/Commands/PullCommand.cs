using System.CommandLine;
using SK.FasterVlm.Cli.Options;
using SK.FasterVlm.Cli.Output;
using SK.FasterVlm.Models;

namespace SK.FasterVlm.Cli.Commands;

/// <summary><c>fastervlm pull llava-1.5-7b</c>: both files of a model into the cache, every byte checked.</summary>
internal sealed class PullCommand
{
    readonly Argument<string> _name = new("name") { Description = "A model of 'models list', with a quantisation if you like: llava-1.5-7b:Q5_K_M. Of models of your own the name they have." };
    readonly Option<string?> _from = Source("--from", "Language model that is in no catalog: owner/name/file.gguf on the hub, or an https address; of a split model the first file.");
    readonly Option<string?> _projectorFrom = Source("--projector-from", "Its tower and projector (mmproj), likewise.");
    readonly Option<string?> _sha256 = Hash("--sha256", "SHA-256 the language model (of a split one the file named) must have.");
    readonly Option<string?> _projectorSha256 = Hash("--projector-sha256", "SHA-256 the projector must have.");
    readonly StoreOptions _store = new();
    readonly CommandContext _context;

    PullCommand(CommandContext context) => _context = context;

    /// <summary>Builds the command.</summary>
    public static Command Create(CommandContext context)
    {
        PullCommand self = new(context);
        Command command = new("pull", "Fetch a model, go on with a begun one, or check and repair one that is there.")
        {
            self._name, self._from, self._projectorFrom, self._sha256, self._projectorSha256,
        };
        self._store.AddFetchingTo(command);
        command.Add(GlobalOptions.Json);
        command.Validators.Add(result =>
        {
            if (result.GetResult(self._from) is null != result.GetResult(self._projectorFrom) is null)
                result.AddError("--from and --projector-from belong together: a model is two files.");
            if (result.GetResult(self._from) is null && (result.GetResult(self._sha256) ?? result.GetResult(self._projectorSha256)) is not null)
                result.AddError("--sha256 and --projector-sha256 go with --from; the catalog brings its own.");
        });
        command.SetAction(self.RunAsync);
        return command;
    }

    async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        ModelStore store = _store.Open(parsed);
        string name = parsed.GetRequiredValue(_name);
        CachedModel model = await ModelFetch.RunAsync(_context.Terminal, progress => parsed.GetValue(_from) is { } from
            ? store.PullAsync(
                name, ModelFileSource.Parse(from) with { Sha256 = parsed.GetValue(_sha256) },
                ModelFileSource.Parse(parsed.GetRequiredValue(_projectorFrom)!) with { Sha256 = parsed.GetValue(_projectorSha256) }, progress, cancellationToken)
            : store.PullAsync(name, progress, cancellationToken));

        if (parsed.GetValue(GlobalOptions.Json)) JsonOutput.Write(_context.Terminal.Out, model);
        else _context.Terminal.Out.WriteLine($"{model.Reference} is in the cache ({Format.Bytes(model.Bytes)}); use it with --model {Shortest(store, model)}");
        return ExitCodes.Success;
    }

    /// <summary>The name alone, where it means the quantisation that was pulled.</summary>
    static string Shortest(ModelStore store, CachedModel model) => store.Find(model.Name)?.Reference == model.Reference ? model.Name : model.Reference;

    static Option<string?> Source(string name, string description) => new(name) { Description = description, HelpName = "source" };

    static Option<string?> Hash(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "hash",
        CustomParser = result =>
        {
            string text = result.Tokens[^1].Value.ToLowerInvariant();
            if (ModelNames.IsSha256(text)) return text;
            result.AddError($"{name} takes 64 hexadecimal digits.");
            return null;
        },
    };
}
