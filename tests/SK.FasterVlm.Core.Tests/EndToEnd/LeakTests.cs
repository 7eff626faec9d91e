using System.Diagnostics;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat;

namespace SK.FasterVlm.Core.Tests.EndToEnd;

/// <summary>Tests that look at the whole process and so cannot share it with others while they run.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneInTheProcess
{
    public const string Name = "alone in the process";
}

/// <summary>Many requests leave memory and handles where they were.</summary>
[Collection(AloneInTheProcess.Name)]
public sealed class LeakTests(TinyPair pair) : IClassFixture<TinyPair>
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    static readonly DataContent[] s_pictures = [.. Enumerable.Range(1, 7).Select(static i => new DataContent(TinyPair.Picture(i), "image/png"))];

    static ChatMessage Question(int number) => new(ChatRole.User, [s_pictures[number % s_pictures.Length], new TextContent("What is this?")]);

    static (long Bytes, int Handles) Measure()
    {
        for (int i = 0; i < 3; i++)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true); // gives pages back
            GC.WaitForPendingFinalizers();
        }
        using Process process = Process.GetCurrentProcess();
        return (process.WorkingSet64, process.HandleCount);
    }

    // With the caches off every request encodes its picture and evaluates all of its prompt, on threads of its own.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Two_hundred_requests_in_a_row_and_eight_at_once_leave_memory_and_handles_where_they_were(bool caches)
    {
        await using FasterVlmModel model = await pair.LoadAsync(o =>
        {
            // Two threads of ggml that share cores with other tests wait for each other most of the time; contexts side by side do not.
            if (!caches) (o.ImageCacheBytes, o.PrefixCache, o.Threads) = (0, false, 0);
        });
        using FasterVlmChatClient client = model.CreateChatClient();
        async Task<string> Ask(int i) => (await client.GetResponseAsync([Question(i)], cancellationToken: Test)).Text;
        async Task EightAtOnce() => await Task.WhenAll(Enumerable.Range(0, 8).Select(Ask));

        string first = await Ask(0);
        // Until the runtime has compiled what it will and every thread has its heap.
        for (int i = 0; i < 100; i++) await Ask(i);
        for (int i = 0; i < 5; i++) await EightAtOnce();
        (long bytes, int handles) = Measure();

        for (int i = 0; i < 200; i++) await Ask(i);
        for (int i = 0; i < 5; i++) await EightAtOnce();
        (long bytesAfter, int handlesAfter) = Measure();

        TestContext.Current.TestOutputHelper?.WriteLine($"{bytes} -> {bytesAfter} bytes, {handles} -> {handlesAfter} handles");
        // Room for what the runtime keeps at its pleasure; 100 KB or a fraction of a handle per request would show.
        Assert.True(bytesAfter - bytes < 24_000_000, $"resident memory grew from {bytes} to {bytesAfter}");
        Assert.True(handlesAfter - handles < 20, $"handles grew from {handles} to {handlesAfter}");
        Assert.Equal(first, await Ask(0));
    }
}
