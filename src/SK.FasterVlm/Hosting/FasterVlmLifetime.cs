using Microsoft.Extensions.AI;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SK.FasterVlm.Chat;

namespace SK.FasterVlm;

/// <summary>
/// A model in the life of a host: loaded and tried when it starts, if wanted, and given time to end its requests when it stops.
/// The model itself goes when the container does, after every service that uses it.
/// </summary>
sealed partial class FasterVlmLifetime(
    FasterVlmModelHost host, FasterVlmServiceOptions options, TimeProvider clock, ILogger<FasterVlmLifetime> logger)
    : IHostedService, IDisposable
{
    // A file may still be on its way, a disk full, a GPU taken: each failed try waits twice as long as the one before.
    static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(1), LongestDelay = TimeSpan.FromMinutes(1);

    // The smallest picture there is (1 x 1, PNG): the first request then finds graphs built and memory in place.
    static readonly byte[] Pixel = Convert.FromBase64String(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==");

    readonly CancellationTokenSource _stopping = new();
    Task _warmUp = Task.CompletedTask;
    volatile bool _warmed, _failed;
    int _disposed;

    /// <summary>Ends when the model is warm, or the host stops.</summary>
    internal Task WarmedUp => _warmUp;

    /// <summary>
    /// Whether a warm-up is wanted and not over. One that failed is over, too, once the model is loaded, by a later try or by a request.
    /// </summary>
    public bool IsWarming => options.WarmUp != FasterVlmWarmUp.None && !_warmed && !(_failed && host.Loaded is not null);

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
                CancellationToken stopping = _stopping.Token;
                _warmUp = Task.Run(() => WarmUpInBackgroundAsync(stopping), CancellationToken.None);
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

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return; // the container knows it by two names
        _stopping.Cancel(); // a host that was never stopped must not go on trying
        _stopping.Dispose();
    }

    async Task WarmUpInBackgroundAsync(CancellationToken stopping)
    {
        try
        {
            for (TimeSpan delay = FirstDelay; IsWarming && !await TryWarmUpAsync(delay, stopping).ConfigureAwait(false); delay *= 2)
            {
                if (delay > LongestDelay) delay = LongestDelay;
                await Task.Delay(delay, clock, stopping).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (stopping.IsCancellationRequested && e is OperationCanceledException or ObjectDisposedException)
        {
            // The host stops: nobody needs the model any more.
        }
    }

    async Task<bool> TryWarmUpAsync(TimeSpan delay, CancellationToken stopping)
    {
        try
        {
            await WarmUpAsync(stopping).ConfigureAwait(false);
            return true;
        }
        catch (Exception error) when (!stopping.IsCancellationRequested)
        {
            _failed = true;
            if (host.Loaded is null) LogFailed(logger, host.ModelId, Math.Min(delay.TotalSeconds, LongestDelay.TotalSeconds), error); // the health check says it, too
            else LogNotTried(logger, host.ModelId, error); // what is wrong with one request is said to who makes the next
            return host.Loaded is not null;
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

    [LoggerMessage(Level = LogLevel.Error, Message = "Model {Model} could not be loaded; tried again in {Seconds} s or by the next request")]
    static partial void LogFailed(ILogger logger, string model, double seconds, Exception error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Model {Model} is loaded, but the request that was to warm it up failed")]
    static partial void LogNotTried(ILogger logger, string model, Exception error);
}
