using System.Threading.Channels;
using Microsoft.Extensions.Time.Testing;

namespace SK.FasterVlm.Server.Tests.Fakes;

/// <summary>A clock that stands still, and tells when the server has begun to wait for a silence to end.</summary>
sealed class SilenceClock : FakeTimeProvider
{
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(15);

    readonly Channel<bool> _waits = Channel.CreateUnbounded<bool>();

    /// <summary>
    /// Waits until the server waits for a piece, and lets that time pass. Returns when the server waits once more: what it did before is done
    /// then. The next call is for the next piece.
    /// </summary>
    /// <param name="times">How often.</param>
    public async Task PassAsync(int times)
    {
        for (int i = 0; i < times; i++)
        {
            await _waits.Reader.ReadAsync(RunningServer.Test);
            Advance(Silence);
        }
        await _waits.Reader.ReadAsync(RunningServer.Test);
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ITimer timer = base.CreateTimer(callback, state, dueTime, period);
        if (dueTime == Silence) _waits.Writer.TryWrite(true);
        return timer;
    }
}
