using Microsoft.AspNetCore.Http;
using SK.FasterVlm.Server.Protocol;

namespace SK.FasterVlm.Server.Requests;

/// <summary>
/// The time a body has: a fixed one, and more for every byte that has come. The web server's own bound (240 bytes per second) would let
/// a handful of clients keep large bodies open for as long as a request may take.
/// </summary>
sealed class BodyDeadline : IDisposable
{
    /// <summary>Bytes per second that a large body must come at.</summary>
    public const int BytesPerSecond = 100_000;

    readonly TimeProvider _time;
    readonly TimeSpan _fixed;
    readonly long _start;
    readonly CancellationTokenSource _late, _linked;
    readonly CancellationToken _life;

    /// <summary>Starts the clock.</summary>
    /// <param name="fixedTime">Time any body has.</param>
    /// <param name="time">The clock.</param>
    /// <param name="life">Cancelled when the request ends for another reason.</param>
    public BodyDeadline(TimeSpan fixedTime, TimeProvider time, CancellationToken life)
    {
        (_fixed, _time, _life, _start) = (fixedTime, time, life, time.GetTimestamp());
        _late = new CancellationTokenSource(fixedTime, time);
        _linked = CancellationTokenSource.CreateLinkedTokenSource(_late.Token, life);
    }

    /// <summary>Cancelled when the time is over, or the request.</summary>
    public CancellationToken Token => _linked.Token;

    /// <summary>Whether the body is what took too long.</summary>
    public bool Passed => _late.IsCancellationRequested && !_life.IsCancellationRequested;

    /// <summary>Gives the rest of the body the time its bytes have earned.</summary>
    /// <param name="bytes">Bytes that have come.</param>
    public void Received(long bytes)
    {
        TimeSpan left = _fixed + TimeSpan.FromSeconds((double)bytes / BytesPerSecond) - _time.GetElapsedTime(_start);
        _late.CancelAfter(left > TimeSpan.Zero ? left : TimeSpan.Zero);
    }

    /// <summary>The answer to a body that was too slow. What is left of it is not waited for.</summary>
    public static ApiException TooSlow(HttpResponse response)
    {
        response.OnStarting(static state =>
        {
            ((HttpResponse)state).Headers.Connection = "close"; // an error clears the headers before
            return Task.CompletedTask;
        }, response);
        return ApiErrors.Slow();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _linked.Dispose();
        _late.Dispose();
    }
}
