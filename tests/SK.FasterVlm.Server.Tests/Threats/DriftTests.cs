using System.Diagnostics;
using System.Globalization;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using SK.FasterVlm.Server.Requests;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Threats;

/// <summary>
/// Row L11: a server that works for long. What leaks grows in every round of the same work; what pools and the runtime take stands still in
/// some. <c>FASTERVLM_SOAK_MINUTES</c> goes on for so many minutes and prints the slopes.
/// </summary>
[Collection(nameof(Alone))]
public sealed class DriftTests
{
    const int LeastRounds = 4, MostRounds = 100;

    // Over how many rounds of 33 requests a figure is compared, and what it may change by to have stood still. Pages come in larger pieces
    // than requests leave; of the heap, what 500 bytes of each request would add up to shows over six rounds.
    static readonly (string Name, int Rounds, long Room)[] s_figures =
        [("resident memory", 1, 256 << 10), ("managed heap", 6, 96 << 10), ("open files", 1, 0), ("threads", 1, 0)];

    [Fact]
    public async Task L11_memory_files_and_threads_do_not_grow_in_every_round()
    {
        double minutes = double.TryParse(Environment.GetEnvironmentVariable("FASTERVLM_SOAK_MINUTES"), CultureInfo.InvariantCulture, out double asked) ? asked : 0;
        // A log would keep what the requests leave in it.
        // Clients that leave have new pictures; a small cache of them is soon as large as it gets.
        await using FasterVlmModel model = await FasterVlmModel.LoadAsync(new FasterVlmOptions { Threads = 1, ImageCacheBytes = 50_000 }, cancellationToken: RunningServer.Test);
        await using RunningServer server = await RunningServer.StartAsync(
            model.CreateChatClient(), services: static s => s.AddLogging(static l => l.SetMinimumLevel(LogLevel.None)));
        string before = await AskAsync(server, 1, stream: false);
        Stopwatch clock = Stopwatch.StartNew();
        List<(double Hours, long[] Figures)> seen = [];
        bool[] stood = new bool[s_figures.Length];
        for (int round = 0; round < LeastRounds || clock.Elapsed.TotalMinutes < minutes || (stood.Contains(false) && round < MostRounds); round++)
        {
            await WorkAsync(server, round);
            Assert.Equal(before, await AskAsync(server, 1, stream: false));
            seen.Add((clock.Elapsed.TotalHours, Measure()));
            for (int i = 0; i < stood.Length; i++) stood[i] |= Stands(i);
        }
        for (int i = 0; i < s_figures.Length; i++)
        {
            string course = string.Join(", ", seen.TakeLast(40).Select(s => s.Figures[i]));
            TestContext.Current.TestOutputHelper?.WriteLine($"{s_figures[i].Name}: {Slope(i):+0;-0;0} per hour over the later half of {seen.Count} rounds ({course})");
            Assert.True(stood[i], $"{s_figures[i].Name} never stood still: {course}");
        }

        bool Stands(int figure)
        {
            (_, int rounds, long room) = s_figures[figure];
            if (seen.Count <= rounds) return false;
            long change = seen[^1].Figures[figure] - seen[^(1 + rounds)].Figures[figure];
            // A heap that falls by much has let go of what others left, which says nothing about what this work leaves.
            return rounds == 1 ? change <= room : Math.Abs(change) <= room;
        }

        // Least squares.
        double Slope(int figure)
        {
            (double Hours, long[] Figures)[] later = [.. seen.Skip(seen.Count / 2)];
            double x = later.Average(static s => s.Hours), y = later.Average(s => s.Figures[figure]), spread = later.Sum(s => (s.Hours - x) * (s.Hours - x));
            return spread > 0 ? later.Sum(s => (s.Hours - x) * (s.Figures[figure] - y)) / spread : 0;
        }
    }

    /// <summary>A bit of everything: pictures and text, whole and streamed, mistakes, and clients that leave.</summary>
    static async Task WorkAsync(RunningServer server, int round)
    {
        await Parallel.ForEachAsync(Enumerable.Range(0, 32), new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = RunningServer.Test }, async (i, _) =>
        {
            switch (i % 4)
            {
                case 0:
                    await AskAsync(server, 1 + (i + round) % 5, stream: false);
                    break;
                case 1:
                    await AskAsync(server, 1 + (i + round) % 5, stream: true);
                    break;
                case 2:
                    await Leaver.LeaveAsync(server.Address, round * 32 + i);
                    break;
                default:
                    Reply refused = await server.ChatAsync(new { model = "tiny-llava", messages = new[] { new { role = "user", content = "Hi" } }, max_tokens = -1 });
                    refused.AssertError(400, "max_tokens", (string?)refused.Error["code"]);
                    break;
            }
        });
        Admission admission = server.Services.GetRequiredService<Admission>();
        await Waiting.UntilAsync(() => admission.Incoming == 0 && admission.Requests == 0);
    }

    static async Task<string> AskAsync(RunningServer server, int picture, bool stream)
    {
        string url = $"data:image/jpeg;base64,{Convert.ToBase64String(EmbeddedServer.Picture(picture))}";
        object[] content = [new { type = "image_url", image_url = new { url } }, new { type = "text", text = "What is in the picture?" }];
        Reply reply = await server.ChatAsync(new { model = "tiny-llava", max_tokens = 6, stream, messages = new[] { new { role = "user", content } } });
        Assert.Equal(HttpStatusCode.OK, reply.Status);
        return stream ? reply.Text : reply.Content;
    }

    static long[] Measure()
    {
        for (int i = 0; i < 3; i++)
        {
            GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }
        using Process process = Process.GetCurrentProcess();
        int files = Directory.Exists("/proc/self/fd") ? Directory.GetFiles("/proc/self/fd").Length : process.HandleCount;
        return [process.WorkingSet64, GC.GetTotalMemory(forceFullCollection: true), files, process.Threads.Count];
    }
}
