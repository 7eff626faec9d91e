using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SK.FasterVlm.Server.Requests;

namespace SK.FasterVlm.Server.Operations;

/// <summary>Loads the model while the application starts, so that the first client does not wait for it.</summary>
sealed partial class WarmUp(ServedModel model, ILogger<WarmUp> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await model.WarmUpAsync(stoppingToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // Stopped before it was loaded.
        }
        catch (Exception e)
        {
            // The application stays up: the ready check says no, and the next request tries again.
            LogFailure(logger, e);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The model could not be loaded")]
    static partial void LogFailure(ILogger logger, Exception exception);
}
