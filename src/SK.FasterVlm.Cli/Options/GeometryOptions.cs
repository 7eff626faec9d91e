using System.CommandLine;
using SK.FasterVlm.Cli.Bench;
using SK.FasterVlm.Cli.Output;
using SK.FasterVlm.Gguf;

namespace SK.FasterVlm.Cli.Options;

/// <summary>A synthetic model to measure in place of files: shared by the benchmarks.</summary>
internal sealed class GeometryOptions
{
    readonly Option<string?> _geometry = new("--geometry", "-g")
    {
        Description = $"Measure a synthetic model ({string.Join(", ", ModelGeometry.All.Select(static g => g.Name))}), written on first use.",
        HelpName = "name",
    };
    readonly Option<string> _cache = new("--cache")
    {
        Description = "Where synthetic models are kept.",
        HelpName = "directory",
        DefaultValueFactory = static _ => SyntheticCache.DefaultDirectory(),
    };

    public GeometryOptions() => _geometry.AcceptOnlyFromAmong(StringComparer.Ordinal, [.. ModelGeometry.All.Select(static g => g.Name)]);

    /// <summary>Adds the options, which exclude naming a model.</summary>
    public void AddTo(Command command, ModelOptions model)
    {
        command.Add(_geometry);
        command.Add(_cache);
        command.Validators.Add(result =>
        {
            if (result.GetResult(_geometry) is not null && model.NamesFiles(result))
                result.AddError("--geometry and --model exclude each other.");
        });
    }

    /// <summary>Writes or finds the model when one is asked for, and puts it into the options.</summary>
    /// <param name="terminal">Shows the progress.</param>
    /// <param name="parsed">The command line.</param>
    /// <param name="options">Take the model; without a context length, one that is long enough for an image and this much text.</param>
    /// <param name="textTokens">Text tokens of a prompt.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    public async Task ApplyAsync(
        Terminal terminal, ParseResult parsed, FasterVlmOptions options, int textTokens, CancellationToken cancellationToken)
    {
        if (parsed.GetValue(_geometry) is not string name) return;
        ModelGeometry geometry = ModelGeometry.ByName(name);
        string cache = parsed.GetRequiredValue(_cache);
        (options.ModelPath, options.ProjectorPath) = await ProgressDisplay.RunAsync(
            terminal, $"Writing {geometry.Name}", show => Task.Run(
                () => SyntheticCache.Get(cache, geometry, new ImmediateProgress<double>(share => show(share, null)), cancellationToken),
                cancellationToken));
        // As the stock engine was measured, or what all views of LLaVA-NeXT need; a larger cache would only add memory.
        int needed = geometry.MaxVisualTokens + textTokens + 128 > 2048 ? 4096 : 2048;
        if (options.ContextLength == 0) options.ContextLength = Math.Min(needed, geometry.Language.ContextLength);
    }
}
