using System.CommandLine;
using SK.FasterVlm.Models;

namespace SK.FasterVlm.Cli.Options;

/// <summary>Where models are kept and fetched from: shared by the commands about models.</summary>
internal sealed class StoreOptions
{
    readonly Option<string?> _cache = new("--cache")
    {
        Description = "Folder of the fetched models. Default: FASTERVLM_CACHE, else fastervlm/models in the user's cache.",
        HelpName = "directory",
    };

    readonly Option<string?> _hub = new("--hub")
    {
        Description = "The hub's address. Default: HF_ENDPOINT, else https://huggingface.co. HF_TOKEN is sent there and nowhere else.",
        HelpName = "address",
    };

    readonly Option<string?> _catalog = new("--catalog")
    {
        Description = "A catalog of your own (JSON). Default: FASTERVLM_CATALOG, else the built-in one.",
        HelpName = "file",
    };

    readonly Option<bool> _allowHttp = new("--allow-http") { Description = "Allow http:// for other hosts than this machine." };

    /// <summary>Adds the options that say where models are kept.</summary>
    public void AddTo(Command command)
    {
        command.Add(_cache);
        command.Add(_catalog);
    }

    /// <summary>Adds all options.</summary>
    public void AddFetchingTo(Command command)
    {
        AddTo(command);
        command.Add(_hub);
        command.Add(_allowHttp);
    }

    /// <summary>The store.</summary>
    /// <exception cref="ModelDownloadException">The hub's address or the token cannot be used.</exception>
    public ModelStore Open(ParseResult parsed) => new(new ModelStoreOptions
    {
        CacheDirectory = parsed.GetValue(_cache),
        CatalogPath = parsed.GetValue(_catalog),
        Endpoint = parsed.GetResult(_hub) is null ? null : parsed.GetValue(_hub),
        AllowInsecureHttp = parsed.GetResult(_allowHttp) is not null && parsed.GetValue(_allowHttp),
    });
}
