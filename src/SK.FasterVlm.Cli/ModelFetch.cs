using SK.FasterVlm.Cli.Output;
using SK.FasterVlm.Models;

namespace SK.FasterVlm.Cli;

/// <summary>Brings the model a command names into the cache, with a display while it is fetched.</summary>
internal static class ModelFetch
{
    /// <summary>The options with files in place of a model's name; unchanged when they name files already.</summary>
    /// <exception cref="ModelDownloadException">The model is missing and could not or must not be fetched.</exception>
    public static async Task<FasterVlmOptions> ResolveAsync(Terminal terminal, FasterVlmOptions options, CancellationToken cancellationToken)
    {
        if (options.Model is not { } name) return options;
        ModelStore store = new(options.Downloads);
        return options.With(await RunAsync(terminal, progress => store.GetAsync(name, progress, cancellationToken)));
    }

    /// <summary>Runs a download with its display; says what becomes of the bytes when it is interrupted.</summary>
    public static async Task<T> RunAsync<T>(Terminal terminal, Func<IProgress<ModelDownloadProgress>, Task<T>> fetch)
    {
        try
        {
            return await DownloadDisplay.RunAsync(terminal, fetch);
        }
        catch (OperationCanceledException)
        {
            terminal.WriteNote("What was fetched is kept; the same command goes on where it stopped.");
            throw;
        }
    }
}
