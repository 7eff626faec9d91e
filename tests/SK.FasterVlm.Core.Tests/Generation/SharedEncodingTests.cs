using SK.FasterVlm.Generation;

namespace SK.FasterVlm.Core.Tests.Generation;

/// <summary>Requests for one image share its encoding, which reports to the first of them; that one's troubles are its own.</summary>
public sealed class SharedEncodingTests
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    public async Task L8_a_listener_that_throws_ends_its_own_request_and_not_the_others()
    {
        await using Rig rig = new();
        TaskCompletionSource gate = new();
        rig.Vision.OnEncode = token => gate.Task.WaitAsync(token);
        GenerationRequest question = Rig.Ask("what", 4, "a");
        Task<GenerationResult> first = rig.Generator.CompleteAsync(question with { ImageProgress = new Listener(static () => throw new InvalidDataException("mine")) }, Test);
        await Until(() => rig.Generator.ImageCache.Misses == 1);
        Task<GenerationResult> second = rig.Generator.CompleteAsync(question, Test);
        await Until(() => rig.Generator.ImageCache.Hits == 1);
        gate.SetResult();
        Assert.Equal("mine", (await Assert.ThrowsAsync<InvalidDataException>(() => first)).Message);
        Assert.Equal(Rig.Expected(Rig.Rows(question), 4), (await second).Text);
        Assert.Equal((1, 0), (rig.Vision.Encoded, rig.Generator.ImageCache.Pinned));
    }

    [Fact]
    public async Task L3_a_listener_that_cancels_its_request_ends_it_alone_and_hears_no_more()
    {
        await using Rig rig = new();
        TaskCompletionSource gate = new();
        rig.Vision.OnEncode = token => gate.Task.WaitAsync(token);
        using var cancel = new CancellationTokenSource();
        int heard = 0;
        GenerationRequest question = Rig.Ask("what", 4, "a");
        Task<GenerationResult> first = rig.Generator.CompleteAsync(question with { ImageProgress = new Listener(() => heard++) }, cancel.Token);
        await Until(() => rig.Generator.ImageCache.Misses == 1);
        Task<GenerationResult> second = rig.Generator.CompleteAsync(question, Test);
        await Until(() => rig.Generator.ImageCache.Hits == 1);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        gate.SetResult();
        Assert.Equal(Rig.Expected(Rig.Rows(question), 4), (await second).Text);
        Assert.Equal((0, 1), (heard, rig.Vision.Encoded));
    }

    static async Task Until(Func<bool> reached)
    {
        while (!reached()) await Task.Delay(1, Test);
    }

    sealed class Listener(Action report) : IProgress<ImageProgress>
    {
        public void Report(ImageProgress value) => report();
    }
}
