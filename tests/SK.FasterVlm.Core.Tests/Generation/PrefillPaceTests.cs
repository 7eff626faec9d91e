using SK.FasterVlm.Generation;

namespace SK.FasterVlm.Core.Tests.Generation;

public class PrefillPaceTests
{
    [Fact]
    public void Little_is_evaluated_until_it_is_known_what_a_step_and_a_row_cost()
    {
        PrefillPace pace = new(0);
        Assert.Equal(8, pace.Rows);
        pace.Prefilled(100, 1000); // 10 ms a row: a prompt evaluated whole, as long as nobody runs
        Assert.Equal(8, pace.Rows); // and now somebody waits for the second token
        pace.Decoded(100);
        Assert.Equal(30, pace.Rows);
        Assert.Equal(32, new PrefillPace(32).Rows);
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
