using Microsoft.Extensions.AI;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SK.FasterVlm.Chat;

namespace SK.FasterVlm;

/// <summary>
/// A model in the life of a host: loaded and tried once when it starts, if wanted, and given time to end its requests when it stops.
/// The model itself goes when the container does, after every service that uses it.
/// </summary>
sealed partial class FasterVlmLifetime(FasterVlmModelHost host, FasterVlmServiceOptions options, ILogger<FasterVlmLifetime> logger)
    : IHostedService, IDisposable
{
    // The smallest picture there is (1 x 1, PNG): the first request then finds graphs built and memory in place.
    static readonly byte[] Pixel = Convert.FromBase64String(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==");

    readonly CancellationTokenSource _stopping = new();
    Task _warmUp = Task.CompletedTask;
    volatile bool _warmed;

    /// <summary>Ends with the warm-up in the background, whatever came of it.</summary>
    internal Task WarmedUp => _warmUp;

    /// <summary>Whether a warm-up is wanted and not over.</summary>
    public bool IsWarming => options.WarmUp != FasterVlmWarmUp.None && !_warmed;

    /// <summary>Whether the host is stopping.</summary>
    public bool IsStopping => _stopping.IsCancellationRequested;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        switch (options.WarmUp)
        {
            case FasterVlmWarmUp.BeforeStart:
                await WarmUpAsync(cancellationToken).ConfigureAwait(false);
                break;
            case FasterVlmWarmUp.Background:
                _warmUp = Task.Run(WarmUpInBackgroundAsync, CancellationToken.None);
                break;
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        if (options.DrainOnStop)
        {
            // Out of time is no error: what still runs is cancelled when the model is disposed.
            await host.InFlight.WhenIdleAsync().WaitAsync(cancellationToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        await _warmUp.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose() => _stopping.Dispose();

    async Task WarmUpInBackgroundAsync()
    {
        try
        {
            await WarmUpAsync(_stopping.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The host stops: nobody needs the model any more.
        }
        catch (Exception error)
        {
            LogFailed(logger, host.ModelId, error); // the next request tries again; the health check says it, too
        }
    }

    async Task WarmUpAsync(CancellationToken cancellationToken)
    {
        FasterVlmModel model = await host.GetModelAsync(cancellationToken).ConfigureAwait(false);
        using FasterVlmChatClient client = model.CreateChatClient();
        ChatMessage message = new(ChatRole.User, [new DataContent(Pixel, "image/png"), new TextContent("Hello")]);
        await client.GetResponseAsync([message], new ChatOptions { MaxOutputTokens = 1 }, cancellationToken).ConfigureAwait(false);
        _warmed = true;
        LogWarm(logger, host.ModelId);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Model {Model} is warm")]
    static partial void LogWarm(ILogger logger, string model);

    [LoggerMessage(Level = LogLevel.Error, Message = "Model {Model} could not be warmed up; the next request tries again")]
    static partial void LogFailed(ILogger logger, string model, Exception error);
}
