using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using SK.FasterVlm.Server.Requests;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Threats;

/// <summary>Runs while no other test does, because it measures the process.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

/// <summary>
/// Row L2 in numbers: clients that go away leave no slot, no waiting request, no pinned image, no memory and no handle behind. 500 of
/// them; <c>FASTERVLM_DISCONNECTS</c> takes another number.
/// </summary>
[Collection(nameof(Alone))]
public sealed class DisconnectTests
{
    const int Round = 100;

    /// <summary>What a hundred clients may leave; a request's own objects are several times this for each.</summary>
    const long BytesPerRound = 150_000;

    [Fact]
    public async Task L2_five_hundred_clients_that_leave_at_random_moments_leave_nothing_behind()
    {
        int rounds = int.TryParse(Environment.GetEnvironmentVariable("FASTERVLM_DISCONNECTS"), out int clients) ? (clients + Round - 1) / Round : 5;

        // A log would keep what the requests leave in it.
        // Nearly every picture is new, so that clients leave while one is encoded; a small cache of them is soon as large as it gets.
        await using FasterVlmModel model = await FasterVlmModel.LoadAsync(new FasterVlmOptions { Threads = 1, ImageCacheBytes = 50_000 }, cancellationToken: RunningServer.Test);
        await using RunningServer server = await RunningServer.StartAsync(
            model.CreateChatClient(), services: static s => s.AddLogging(static l => l.SetMinimumLevel(LogLevel.None)));
        string before = await CanaryAsync(server);

        // Kestrel's and the runtime's pools grow by megabytes whenever chance lets more bodies than ever wait at once, and then not for
        // long. What requests leave behind grows in every round, so one quiet round tells them apart.
        List<string> seen = [];
        bool quiet = false;
        (long memory, int handles) = Measure();
        for (int round = 1; round <= rounds || (!quiet && round <= rounds + 25); round++)
        {
            await LeaveManyAsync(server, Round, seed: round);
            await QuietAsync(server);
            (long memoryAfter, int handlesAfter) = Measure();
            quiet |= Math.Abs(memoryAfter - memory) < BytesPerRound && handlesAfter <= handles;
            seen.Add($"{memoryAfter - memory:+#;-#;0} bytes, {handlesAfter - handles:+#;-#;0} handles");
            (memory, handles) = (memoryAfter, handlesAfter);
        }
        Assert.True(quiet, $"Each {Round} clients leave something behind: {string.Join("; ", seen)}.");
        Assert.Equal(before, await CanaryAsync(server));
    }

    /// <summary>Waits until server and engine hold no request.</summary>
    static async Task QuietAsync(RunningServer server)
    {
        Admission admission = server.Services.GetRequiredService<Admission>();
        await Waiting.UntilAsync(() => admission.Incoming == 0 && admission.Requests == 0 && Engine("fastervlm.engine.requests.running") == 0
            && Engine("fastervlm.engine.requests.waiting") == 0 && Engine("fastervlm.engine.image_cache.pinned") == 0);
        Assert.Equal(0, admission.Bytes);
    }

    static long Engine(string instrument)
    {
        long sum = 0;
        bool found = false;
        using MeterListener listener = new();
        listener.InstrumentPublished = (published, to) =>
        {
            if (published.Name == instrument) to.EnableMeasurementEvents(published);
        };
        listener.SetMeasurementEventCallback<int>((_, value, _, _) => (sum, found) = (sum + value, true));
        listener.SetMeasurementEventCallback<long>((_, value, _, _) => (sum, found) = (sum + value, true));
        listener.Start();
        listener.RecordObservableInstruments();
        Assert.True(found, $"The engine has no instrument {instrument}.");
        return sum;
    }

    static Task LeaveManyAsync(RunningServer server, int count, int seed)
    {
        Random random = new(seed);
        int[] moments = [.. Enumerable.Range(0, count).Select(_ => random.Next(1 << 20))];
        ParallelOptions options = new() { MaxDegreeOfParallelism = 16, CancellationToken = RunningServer.Test };
        return Parallel.ForEachAsync(moments, options, async (moment, _) => await Leaver.LeaveAsync(server.Address, moment));
    }

    static async Task<string> CanaryAsync(RunningServer server)
    {
        Reply reply = await server.ChatAsync(new
        {
            model = "tiny-llava",
            max_tokens = 12,
            messages = new[] { new { role = "user", content = "What is in the picture?" } },
        });
        Assert.Equal(HttpStatusCode.OK, reply.Status);
        return reply.Content;
    }

    static (long Memory, int Handles) Measure()
    {
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        int handles = Directory.Exists("/proc/self/fd") ? Directory.GetFiles("/proc/self/fd").Length : 0;
        return (GC.GetTotalMemory(forceFullCollection: true), handles);
    }
}
