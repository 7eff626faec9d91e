using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace SK.FasterVlm.Server.Tests.Fakes;

/// <summary>Waits for what a server does in its own time. Nothing about time is asserted; but what never comes is a failure, not a hang.</summary>
static class Waiting
{
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Waits until a condition holds.</summary>
    public static async Task UntilAsync(Func<bool> condition, [CallerArgumentExpression(nameof(condition))] string what = "")
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Patience, $"It never came to: {what}");
            await Task.Delay(5, RunningServer.Test);
        }
    }
}
