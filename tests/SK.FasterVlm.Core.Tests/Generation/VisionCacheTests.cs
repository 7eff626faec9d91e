using SK.FasterVlm.Generation;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Core.Tests.Generation;

public class VisionCacheTests
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    static GenerationRequest Request => Rig.Ask("q");

    static VisionKey Key(int image, GenerationRequest? request = null) => VisionKey.Of(BitConverter.GetBytes(image), request ?? Request);

    /// <summary>An image of 4 bytes per number.</summary>
    static CachedImage Image(int numbers) => new(new VisualTokens(new float[numbers], numbers, 1, [], numbers, default, 1, 1), 1);

    static Task<VisionCache.Lease> GetAsync(VisionCache cache, int image, int numbers = 10) =>
        cache.GetAsync(Key(image), _ => Task.FromResult(Image(numbers)), Test);

    [Fact]
    public void A_key_is_all_that_makes_visual_tokens_what_they_are_and_nothing_else()
    {
        VisionKey key = Key(1);
        Assert.Equal(key, Key(1, Request with { MaxOutputTokens = 3, Selector = new ClsAttentionSelector(), SelectorSeed = 5 }));
        Assert.NotEqual(key, Key(2));
        Assert.NotEqual(key, Key(1, Request with { Selector = new UniformSelector() }));
        Assert.NotEqual(key, Key(1, Request with { Budget = VisualTokenBudget.Count(3) }));
        Assert.NotEqual(key, Key(1, Request with { Views = new ViewSettings { Order = ViewOrder.Tiles } }));
        GenerationRequest random = Request with { Selector = new RandomSelector() };
        Assert.NotEqual(Key(1, random), Key(1, random with { SelectorSeed = 5 }));
        // Nobody knows what a selector of somebody else depends on, so only the very same one is the same.
        Assert.NotEqual(Key(1, Request with { Selector = new Own() }), Key(1, Request with { Selector = new Own() }));
    }

    sealed class Own : IVisualTokenSelector
    {
        public string Name => "own";

        public int[] Select(in VisualTokenContext context, int budget) => [];
    }

    [Fact]
    public async Task Requests_for_the_same_image_at_once_encode_it_once()
    {
        VisionCache cache = new(1000);
        TaskCompletionSource<CachedImage> encoded = new();
        int calls = 0;
        Task<VisionCache.Lease>[] all = [.. Enumerable.Range(0, 5).Select(_ => cache.GetAsync(Key(1), _ =>
        {
            calls++;
            return encoded.Task;
        }, Test))];
        encoded.SetResult(Image(10));
        VisionCache.Lease[] leases = await Task.WhenAll(all);
        Assert.Equal((1, 4, 1, 5), (calls, cache.Hits, cache.Misses, cache.Pinned));
        Assert.Equal([false, true, true, true, true], leases.Select(static l => l.Hit));
        foreach (VisionCache.Lease lease in leases) lease.Dispose();
        leases[0].Dispose(); // twice does nothing
        Assert.Equal((0, 40, 1), (cache.Pinned, cache.Bytes, cache.Count));
    }

    [Fact]
    public async Task One_who_goes_away_does_not_end_the_encoding_for_the_others_but_the_last_one_does()
    {
        VisionCache cache = new(1000);
        TaskCompletionSource<CachedImage> encoded = new();
        CancellationToken encoding = default;
        Task<CachedImage> Encode(CancellationToken token)
        {
            encoding = token;
            return encoded.Task.WaitAsync(token);
        }
        using CancellationTokenSource first = new(), second = new();
        Task<VisionCache.Lease> one = cache.GetAsync(Key(1), Encode, first.Token), two = cache.GetAsync(Key(1), Encode, second.Token);
        await first.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => one);
        Assert.False(encoding.IsCancellationRequested);
        await second.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => two);
        await SchedulerTests.Until(() => encoding.IsCancellationRequested);
        Assert.Equal((0, 0, 0), (cache.Pinned, cache.Count, cache.Bytes));
        using VisionCache.Lease lease = await GetAsync(cache, 1);
        Assert.False(lease.Hit);
    }

    [Fact]
    public async Task A_failure_reaches_everyone_and_is_not_kept()
    {
        VisionCache cache = new(1000);
        TaskCompletionSource<CachedImage> encoded = new();
        Task<VisionCache.Lease>[] all = [.. Enumerable.Range(0, 3).Select(_ => cache.GetAsync(Key(1), _ => encoded.Task, Test))];
        encoded.SetException(new ImageFormatException("no image"));
        foreach (Task<VisionCache.Lease> one in all) await Assert.ThrowsAsync<ImageFormatException>(() => one);
        Assert.Equal((0, 0, 0), (cache.Pinned, cache.Count, cache.Bytes));
        (await GetAsync(cache, 1)).Dispose();
        Assert.Equal(1, cache.Count);
    }

    [Fact]
    public async Task The_longest_unused_goes_first_and_what_is_in_use_stays()
    {
        VisionCache cache = new(100); // two images of 40 bytes
        VisionCache.Lease held = await GetAsync(cache, 1);
        (await GetAsync(cache, 2)).Dispose();
        (await GetAsync(cache, 3)).Dispose(); // drives 2 out, not 1, which is older but in use
        Assert.Equal((2, 80), (cache.Count, cache.Bytes));
        held.Dispose();
        using (VisionCache.Lease again = await GetAsync(cache, 3)) Assert.True(again.Hit);
        (await GetAsync(cache, 4)).Dispose(); // drives 1 out: 3 was used later
        using (VisionCache.Lease third = await GetAsync(cache, 3)) Assert.True(third.Hit);
        using (VisionCache.Lease first = await GetAsync(cache, 1)) Assert.False(first.Hit);
        Assert.InRange(cache.Bytes, 0, 100);
    }

    [Fact]
    public async Task An_image_larger_than_the_cache_is_used_and_not_kept()
    {
        VisionCache cache = new(100);
        (await GetAsync(cache, 1, numbers: 50)).Dispose();
        Assert.Equal((0, 0), (cache.Count, cache.Bytes));
    }

    [Fact]
    public async Task Many_threads_leave_no_lease_and_keep_within_the_bound()
    {
        VisionCache cache = new(400);
        await Task.WhenAll(Enumerable.Range(0, 16).Select(worker => Task.Run(async () =>
        {
            Random random = new(worker);
            for (int i = 0; i < 300; i++)
            {
                using CancellationTokenSource cancel = new();
                int image = random.Next(30);
                if (random.Next(4) == 0) await cancel.CancelAsync();
                try
                {
                    using VisionCache.Lease lease = await cache.GetAsync(Key(image), async token =>
                    {
                        await Task.Yield();
                        token.ThrowIfCancellationRequested();
                        return image == 29 ? throw new ImageFormatException("bad") : Image(image + 1);
                    }, cancel.Token);
                    Assert.Equal(image + 1, lease.Image.Tokens.Count);
                }
                catch (Exception e) when (e is OperationCanceledException or ImageFormatException)
                {
                }
            }
        }, Test)));
        Assert.Equal(0, cache.Pinned);
        Assert.InRange(cache.Bytes, 0, 400);
    }
}
