using Microsoft.AspNetCore.Http;
using SK.FasterVlm.Server.Protocol;

namespace SK.FasterVlm.Server.Requests;

/// <summary>How an endpoint writes an answer as events.</summary>
interface IStreamWriter<in T>
{
    /// <summary>What stands before the first piece.</summary>
    Task BeginAsync(EventStream events);

    /// <summary>One piece.</summary>
    Task WriteAsync(EventStream events, T piece);

    /// <summary>What stands behind the last piece.</summary>
    Task EndAsync(EventStream events);

    /// <summary>What stands in place of all that did not come.</summary>
    Task FailAsync(EventStream events, ApiException error);
}

/// <summary>
/// Answers piece by piece. What goes wrong before anything was sent is thrown, to become an answer of its own; later errors are written
/// as events. While no piece comes, comments keep proxies from closing the connection.
/// </summary>
static class StreamedAnswer
{
    /// <summary>Runs a request.</summary>
    /// <param name="context">Where the answer goes.</param>
    /// <param name="pieces">The answer.</param>
    /// <param name="writer">How it is written.</param>
    /// <param name="time">The life of the request.</param>
    /// <param name="keepAlive">Silence after which a comment is sent; infinite for never.</param>
    public static async Task RunAsync<T>(HttpContext context, IAsyncEnumerable<T> pieces, IStreamWriter<T> writer, RequestTime time, TimeSpan keepAlive)
    {
        IAsyncEnumerator<T> source = pieces.GetAsyncEnumerator(time.Token);
        await using (source.ConfigureAwait(false))
        {
            EventStream? events = null;
            bool begun = false;
            try
            {
                while (await NextAsync().ConfigureAwait(false))
                {
                    await BeginAsync().ConfigureAwait(false);
                    await writer.WriteAsync(events!, source.Current).ConfigureAwait(false);
                }
                await BeginAsync().ConfigureAwait(false);
                await writer.EndAsync(events!).ConfigureAwait(false);
            }
            catch (Exception e) when (events is not null && e is not ClientGoneException && !context.RequestAborted.IsCancellationRequested)
            {
                await BeginAsync().ConfigureAwait(false);
                await writer.FailAsync(events, time.ToApiError(e)).ConfigureAwait(false);
            }
            finally
            {
                events?.Dispose();
            }

            async Task BeginAsync()
            {
                if (begun) return;
                begun = true;
                events ??= EventStream.Begin(context);
                await writer.BeginAsync(events).ConfigureAwait(false);
            }

            async ValueTask<bool> NextAsync()
            {
                ValueTask<bool> next = source.MoveNextAsync();
                if (next.IsCompleted) return await next.ConfigureAwait(false);
                Task<bool> piece = next.AsTask();
                while (true)
                {
                    await ((Task)piece).WaitAsync(keepAlive, time.Clock).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    if (piece.IsCompleted) return await piece.ConfigureAwait(false);
                    try
                    {
                        await (events ??= EventStream.Begin(context)).KeepAliveAsync().ConfigureAwait(false);
                    }
                    catch
                    {
                        // The client has gone. What is still asked for must end before it can be disposed of.
                        time.End();
                        await ((Task)piece).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                        throw;
                    }
                }
            }
        }
    }
}
