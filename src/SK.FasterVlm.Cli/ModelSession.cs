using System.Diagnostics;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Cli.Output;
using SK.FasterVlm.Generation;

namespace SK.FasterVlm.Cli;

/// <summary>A model loaded for a command, with the means to ask it something and to report what that cost.</summary>
internal sealed class ModelSession : IAsyncDisposable
{
    readonly ILoggerFactory _loggers;

    readonly Terminal _terminal;

    ModelSession(Terminal terminal, FasterVlmModel model, ILoggerFactory loggers, double loadMs)
    {
        _terminal = terminal;
        Model = model;
        _loggers = loggers;
        LoadMs = loadMs;
        Engine = EngineReport.Of(model);
    }

    /// <summary>The model.</summary>
    public FasterVlmModel Model { get; }

    /// <summary>Milliseconds loading took.</summary>
    public double LoadMs { get; }

    /// <summary>What runs.</summary>
    public EngineReport Engine { get; }

    /// <summary>Loads a model, with a bar when that takes a while.</summary>
    public static async Task<ModelSession> LoadAsync(
        Terminal terminal, FasterVlmOptions options, bool verbose, CancellationToken cancellationToken)
    {
        options = await ModelFetch.ResolveAsync(terminal, options, cancellationToken);
        ILoggerFactory loggers = Logging.Create(verbose);
        try
        {
            long start = Stopwatch.GetTimestamp();
            FasterVlmModel model = await ProgressDisplay.RunAsync(terminal, "Loading", show => CliChecks.RunAsync(() => FasterVlmModel.LoadAsync(
                options, verbose ? loggers : null, new ImmediateProgress<ModelLoadProgress>(p => show(Share(p), Title(p.Stage))), cancellationToken)));
            return new ModelSession(terminal, model, loggers, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        catch
        {
            loggers.Dispose();
            throw;
        }
    }

    /// <summary>Sends a conversation and streams the answer.</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="imageNames">Names of its images, in order, for the report.</param>
    /// <param name="options">The request's options.</param>
    /// <param name="onText">Gets the answer in pieces as it is generated.</param>
    /// <param name="cancellationToken">Ends the answer.</param>
    /// <exception cref="CliException">The library refuses the conversation, such as its number of images.</exception>
    public Task<RequestReport> AskAsync(
        IReadOnlyList<ChatMessage> messages, IReadOnlyList<string> imageNames, FasterVlmRequestOptions options, Action<string> onText,
        CancellationToken cancellationToken) =>
        CliChecks.RunAsync(() => AnswerAsync(messages, imageNames, options, onText, cancellationToken));

    async Task<RequestReport> AnswerAsync(
        IReadOnlyList<ChatMessage> messages, IReadOnlyList<string> imageNames, FasterVlmRequestOptions options, Action<string> onText,
        CancellationToken cancellationToken)
    {
        using FasterVlmChatClient client = Model.CreateChatClient();
        ViewNotes notes = new(_terminal);
        options = options with { ImageProgress = notes };
        ChatOptions chat = new() { RawRepresentationFactory = _ => options, Seed = options.SelectorSeed };
        List<ChatResponseUpdate> updates = [];
        await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(messages, chat, cancellationToken))
        {
            notes.Clear(); // the first token ends it, whatever it says
            if (update.Text.Length > 0) onText(update.Text);
            updates.Add(update);
        }

        GenerationStatistics statistics = (GenerationStatistics)updates[^1].AdditionalProperties![FasterVlmChatClient.StatisticsKey]!;
        return new RequestReport(
            string.Concat(updates.Select(static u => u.Text)), updates[^1].FinishReason?.Value ?? "stop",
            [.. statistics.Images.Zip(imageNames, ImageReport.Of)],
            statistics.VisualTokensTotal, statistics.VisualTokensKept,
            (options.VisualTokens ?? Model.Options.VisualTokens).ToString(), (options.Selector ?? Model.Selector).Name,
            statistics.PromptTokens, statistics.OutputTokens, statistics.TokensPerSecond, statistics.KvBytes, LoadMs, StageTimes.Of(statistics), Engine);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Model.DisposeAsync();
        _loggers.Dispose();
    }

    static string Title(ModelLoadStage stage) => stage switch
    {
        ModelLoadStage.Fetching => "Fetching the model",
        ModelLoadStage.Checking => "Checking the model's files",
        ModelLoadStage.Language => "Loading the language model",
        ModelLoadStage.Vision => "Loading the vision tower",
        _ => "Ready",
    };

    // The language model is by far the larger part.
    static double Share(ModelLoadProgress progress) => progress.Stage switch
    {
        ModelLoadStage.Fetching => 0,
        ModelLoadStage.Checking => 0.02 * progress.Fraction,
        ModelLoadStage.Language => 0.02 + (0.78 * progress.Fraction),
        ModelLoadStage.Vision => 0.80 + (0.20 * progress.Fraction),
        _ => 1,
    };
}
