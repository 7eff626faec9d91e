using System.CommandLine;
using System.CommandLine.Parsing;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Cli.Options;

/// <summary>Which visual tokens the language model gets: <c>--keep</c>, <c>--tokens</c> or <c>--mass</c>, and <c>--selector</c>.</summary>
internal sealed class PruningOptions(string standard = "all")
{
    readonly Option<double?> _keep = new("--keep")
    {
        Description = $"Share of the visual tokens to keep: 0.1 or 10%. Default: {standard}.",
        HelpName = "share",
        CustomParser = ValueParsers.Share,
    };

    readonly Option<int> _tokens = ValueParsers.Integer("--tokens", "Number of visual tokens to keep per view.", 0, int.MaxValue);

    readonly Option<double?> _mass = new("--mass")
    {
        Description = "Keep the smallest set that holds this share of the [CLS] attention: 0.8 or 80%.",
        HelpName = "share",
        CustomParser = ValueParsers.Share,
    };

    readonly Option<string> _selector = SelectorOption();

    readonly Option<int> _seed = SeedOption();

    /// <summary>Who is kept, for any command that asks.</summary>
    internal static Option<string> SelectorOption() => new("--selector")
    {
        Description = "Who is kept: cls (FasterVLM), random or uniform.",
        HelpName = "name",
        DefaultValueFactory = static _ => "cls",
    };

    /// <summary>The seed, likewise.</summary>
    internal static Option<int> SeedOption() => ValueParsers.Integer("--seed", "Seed of everything random.", 0, int.MaxValue, 0);

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        _selector.AcceptOnlyFromAmong(StringComparer.Ordinal, "cls", "random", "uniform");
        command.Add(_keep);
        command.Add(_tokens);
        command.Add(_mass);
        command.Add(_selector);
        command.Add(_seed);
        command.Validators.Add(RefuseSeveralBudgets);
    }

    /// <summary>The budget asked for; null when none was.</summary>
    public VisualTokenBudget? Budget(ParseResult parsed)
    {
        if (parsed.GetValue(_keep) is double share) return VisualTokenBudget.Keep(share);
        if (parsed.GetResult(_tokens) is { Implicit: false }) return VisualTokenBudget.Count(parsed.GetValue(_tokens));
        if (parsed.GetValue(_mass) is double held) return VisualTokenBudget.Mass(held);
        return null;
    }

    /// <summary>The selector's name.</summary>
    public string Selector(ParseResult parsed) => parsed.GetRequiredValue(_selector);

    /// <summary>Everything said about pruning, as a request's options.</summary>
    public FasterVlmRequestOptions Request(ParseResult parsed) => new()
    {
        VisualTokens = Budget(parsed),
        Selector = VisualTokenSelectors.ByName(Selector(parsed)),
        SelectorSeed = Seed(parsed),
    };

    /// <summary>The seed; 0 when none was given.</summary>
    public int Seed(ParseResult parsed) => parsed.GetValue(_seed);

    void RefuseSeveralBudgets(CommandResult result)
    {
        int given = new Option[] { _keep, _tokens, _mass }.Count(option => result.GetResult(option) is { Implicit: false });
        if (given > 1) result.AddError("--keep, --tokens and --mass exclude each other: give one of them.");
    }
}
