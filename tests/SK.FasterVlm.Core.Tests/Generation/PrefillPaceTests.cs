using SK.FasterVlm.Generation;

namespace SK.FasterVlm.Core.Tests.Generation;

public class PrefillPaceTests
{
    [Fact]
    public void A_step_alone_comes_first_and_again_after_some_passes_with_prompts()
    {
        PrefillPace pace = new(0);
        pace.Prefilled(100, 1000); // 10 ms a row: a prompt evaluated whole, while nobody ran
        Assert.Equal(0, pace.RowsBeside(1)); // what a step takes is not known
        pace.Stepped(100);
        for (int pass = 0; pass < 8; pass++)
        {
            Assert.Equal(43, pace.RowsBeside(1)); // four steps, and so many more that the pass has a multiple of four
            pace.Shared(43, 100 + 430);
        }
        Assert.Equal(0, pace.RowsBeside(1));
        pace.Stepped(100);
        Assert.Equal(43, pace.RowsBeside(1));
    }

    [Fact]
    public void Parts_follow_from_what_steps_and_rows_took_lately()
    {
        PrefillPace pace = new(0);
        pace.Stepped(100);
        Assert.Equal(8, pace.RowsBeside(4)); // what a row takes is not known
        pace.Shared(8, 100 + 160); // 20 ms a row
        Assert.Equal(20, pace.RowsBeside(4));
        for (int pass = 0; pass < 100; pass++) pace.Stepped(200);
        Assert.Equal(40, pace.RowsBeside(4));
        for (int pass = 0; pass < 100; pass++) pace.Prefilled(1000, 1);
        Assert.Equal(512, pace.RowsBeside(4)); // the most
        for (int pass = 0; pass < 100; pass++) pace.Prefilled(10, 10_000);
        Assert.Equal(8, pace.RowsBeside(4)); // the fewest
        pace.Prefilled(1, 0.0001); // says nothing of a row
        Assert.Equal(8, pace.RowsBeside(4));
    }

    [Fact]
    public void Passes_that_nobody_notices_may_take_longer_than_four_steps()
    {
        PrefillPace pace = new(0);
        pace.Stepped(0.1);
        pace.Prefilled(100, 5);
        Assert.Equal(40, pace.RowsBeside(0)); // 2 ms
    }

    [Fact]
    public void A_number_that_was_set_is_kept()
    {
        PrefillPace pace = new(33);
        Assert.Equal(33, pace.RowsBeside(2));
        pace.Stepped(100);
        pace.Prefilled(100, 1);
        Assert.Equal(33, pace.RowsBeside(2));
    }

    [Theory]
    [InlineData(0, 4096, 4, 524_288, 1L << 40, 4096)] // nothing asked for
    [InlineData(512L << 20, 4096, 4, 524_288, 1L << 40, 4096)] // LLaVA-1.5-7B: one conversation takes 2 GiB
    [InlineData(512L << 20, 1024, 4, 1024, 1L << 40, 4096)] // a small model: all four
    [InlineData(512L << 20, 4096, 4, 65_536, 1L << 40, 8192)] // as many as the bytes are enough for
    [InlineData(512L << 20, 1024, 4, 1024, 4L << 20, 2048)] // a quarter of what is free
    [InlineData(512L << 20, 1024, 4, 1024, 0, 1024)]
    public void A_kv_cache_by_bytes_has_room_for_one_conversation_to_as_many_as_run(
        long bytes, int context, int sequences, long perToken, long available, int expected)
    {
        Assert.Equal(expected, new FasterVlmOptions { KvCacheBytes = bytes, MaxSequences = sequences }.CacheLength(context, perToken, available));
        Assert.Equal(9000, new FasterVlmOptions { KvCacheBytes = bytes, KvCacheLength = 9000, MaxSequences = sequences }.CacheLength(context, perToken, available));
    }
}
