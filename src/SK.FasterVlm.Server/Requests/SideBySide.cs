using System.Runtime.ExceptionServices;

namespace SK.FasterVlm.Server.Requests;

/// <summary>Several things of one request at once.</summary>
static class SideBySide
{
    /// <summary>
    /// Runs them all. The first that fails ends the others, and its error is the one that is thrown once all have ended: those it ended
    /// fail too, but only because of it.
    /// </summary>
    /// <param name="count">How many.</param>
    /// <param name="run">Runs one of them.</param>
    /// <param name="cancellationToken">Ends all.</param>
    public static async Task RunAsync(int count, Func<int, CancellationToken, Task> run, CancellationToken cancellationToken)
    {
        if (count == 0) return;
        using CancellationTokenSource all = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        ExceptionDispatchInfo? first = null;
        await Task.WhenAll(Enumerable.Range(0, count).Select(async i =>
        {
            try
            {
                await run(i, all.Token).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                if (Interlocked.CompareExchange(ref first, ExceptionDispatchInfo.Capture(e), null) is null) await all.CancelAsync().ConfigureAwait(false);
            }
        })).ConfigureAwait(false);
        first?.Throw();
    }
}
