using SK.FasterVlm.Language;

namespace SK.FasterVlm.Core.Tests.Language;

public class LaneWorkersTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void Every_piece_is_done_once_and_before_the_pass_ends(int threads)
    {
        int[] done = new int[8];
        using LaneWorkers workers = new(threads, i => Interlocked.Increment(ref done[i]));
        Random random = new(1);
        for (int pass = 0; pass < 20_000; pass++)
        {
            Array.Clear(done);
            int count = random.Next(1, 9);
            workers.Run(count);
            Assert.True(done.AsSpan(0, count).IndexOfAnyExcept(1) < 0, $"pass {pass}: {string.Join(' ', done)}");
            Assert.True(done.AsSpan(count).IndexOfAnyExcept(0) < 0, $"pass {pass}: {string.Join(' ', done)}");
        }
    }

    [Fact]
    public void Pieces_run_side_by_side()
    {
        using Barrier both = new(2);
        // Each waits for the other: on one thread the first would wait forever.
        using LaneWorkers workers = new(1, _ => Assert.True(both.SignalAndWait(TimeSpan.FromMinutes(2))));
        workers.Run(2);
        workers.Run(2);
    }

    [Fact]
    public void Without_its_threads_the_caller_does_everything()
    {
        int done = 0;
        LaneWorkers workers = new(3, _ => Interlocked.Increment(ref done));
        workers.Run(4);
        workers.Dispose();
        for (int pass = 0; pass < 1000; pass++) workers.Run(4);
        Assert.Equal(4004, done);
    }
}
