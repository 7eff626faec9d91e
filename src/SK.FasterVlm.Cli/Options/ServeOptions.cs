using System.CommandLine;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Server;

namespace SK.FasterVlm.Cli.Options;

/// <summary>Who may ask a server, and what a request may cost.</summary>
internal sealed class ServeOptions
{
    /// <summary>Where a key is looked for that should not stand on a command line.</summary>
    public const string KeyVariable = "FASTERVLM_API_KEY";

    static readonly FasterVlmServerOptions Standard = new();

    readonly Option<string[]> _key = Many("--api-key", "key", $"A key clients must send; may be repeated. Also read from {KeyVariable}, where others cannot see it.");
    readonly Option<string[]> _allowHost = Many("--allow-host", "name", "A further name the Host header may have (*.name for subdomains); may be repeated.");
    readonly Option<string[]> _allowOrigin = Many("--allow-origin", "origin", "A web page's origin that may send requests; may be repeated.");
    readonly Option<string[]> _alias = Many("--alias", "name", "A further name of the model, for clients that insist on one; may be repeated.");
    readonly Option<string[]> _imageHost = Many("--image-host", "host", "A host images may be fetched from (*.name for subdomains); may be repeated. Default: none.");
    readonly Option<string[]> _imageNetwork = Many("--image-network", "network", "A network that is not public but may be fetched from, as in 10.1.0.0/16; may be repeated.");
    readonly Option<int> _maxBody = ValueParsers.Integer("--max-body", "Largest request body in bytes.", 1024, 1_000_000_000, (int)Standard.MaxBodyBytes);
    readonly Option<int> _maxRequests = ValueParsers.Integer("--max-requests", "Requests held at once; the next is answered 429.", 1, 100_000, Standard.MaxConcurrentRequests);
    readonly Option<int> _timeout = ValueParsers.Integer("--timeout", "Seconds a request may take, waiting included.", 1, 86_400, (int)Standard.RequestTimeout.TotalSeconds);
    readonly Option<int> _drain = ValueParsers.Integer("--drain", "Seconds open answers have to end after a stop signal.", 0, 3600, (int)Standard.DrainTime.TotalSeconds);
    readonly Option<string> _low = new("--detail-low")
    {
        Description = "Visual tokens kept of an image sent with detail: low (all, 10%, 58, mass:0.9).",
        HelpName = "budget",
        DefaultValueFactory = static _ => Standard.LowDetail.ToText(),
    };
    readonly Option<string> _high = new("--detail-high")
    {
        Description = "Visual tokens kept of an image sent with detail: high.",
        HelpName = "budget",
        DefaultValueFactory = static _ => Standard.HighDetail.ToText(),
    };

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in new Option[]
        {
            _key, _allowHost, _allowOrigin, _alias, _imageHost, _imageNetwork, _maxBody, _maxRequests, _timeout, _drain, _low, _high,
        })
        {
            command.Add(option);
        }
        foreach (Option<string> budget in new[] { _low, _high })
        {
            budget.Validators.Add(result =>
            {
                string text = result.Tokens.Count > 0 ? result.Tokens[^1].Value : "all";
                if (!VisualTokenBudget.TryParse(text, out _)) result.AddError($"'{text}' is not a budget: write all, 10%, 58 or mass:0.9.");
            });
        }
    }

    /// <summary>Puts what the command line says into a server's options.</summary>
    public void Apply(ParseResult parsed, FasterVlmServerOptions options)
    {
        options.ApiKeys = [.. parsed.GetValue(_key) ?? []];
        if (Environment.GetEnvironmentVariable(KeyVariable) is { Length: > 0 } key) options.ApiKeys.Add(key);
        options.AllowedHosts = [.. parsed.GetValue(_allowHost) ?? []];
        options.AllowedOrigins = [.. parsed.GetValue(_allowOrigin) ?? []];
        options.ModelAliases = [.. parsed.GetValue(_alias) ?? []];
        options.ImageHosts = [.. parsed.GetValue(_imageHost) ?? []];
        options.ImageNetworks = [.. parsed.GetValue(_imageNetwork) ?? []];
        options.MaxBodyBytes = parsed.GetValue(_maxBody);
        options.MaxBufferedBytes = Math.Max(options.MaxBufferedBytes, options.MaxBodyBytes);
        options.MaxConcurrentRequests = parsed.GetValue(_maxRequests);
        options.RequestTimeout = TimeSpan.FromSeconds(parsed.GetValue(_timeout));
        options.DrainTime = TimeSpan.FromSeconds(parsed.GetValue(_drain));
        options.LowDetail = VisualTokenBudget.Parse(parsed.GetRequiredValue(_low));
        options.HighDetail = VisualTokenBudget.Parse(parsed.GetRequiredValue(_high));
    }

    static Option<string[]> Many(string name, string help, string description) => new(name) { Description = description, HelpName = help };
}
