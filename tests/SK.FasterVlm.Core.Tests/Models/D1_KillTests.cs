using SK.FasterVlm.Models;

namespace SK.FasterVlm.Core.Tests.Models;

/// <summary>Threat D1: the process dies at any byte; the next one goes on.</summary>
public sealed class D1_KillTests
{
    /// <summary>
    /// 300 deaths between any two steps and in the middle of any write. What reached the disk is never fetched again: each run asks
    /// for exactly the first byte that is missing, and the bytes written by all runs of a file together are the file, once.
    /// </summary>
    [Fact]
    public async Task Killed_300_times_at_random_moments_the_hash_is_right_and_nothing_on_disk_is_fetched_again()
    {
        await using HubRig rig = await HubRig.StartAsync(modelBytes: 600_000);
        Random random = new(20261122);
        int kills = 0, rounds = 0;
        while (kills < 300)
        {
            long written = 0;
            for (bool done = false; !done;)
            {
                (long projector, long model) = (OnDisk(rig.ProjectorPath), OnDisk(rig.ModelPath));
                rig.Hub.ForgetRequests();
                int steps = random.Next(1, 12);
                try
                {
                    await rig.Store(seams: s => s with { OpenPart = Disk, Step = Step }).PullAsync(HubRig.Name, cancellationToken: TestContext.Current.CancellationToken);
                    done = true;
                }
                catch (KilledException)
                {
                    kills++;
                }
                foreach (SeenRequest request in rig.Hub.Blobs)
                    Assert.Contains(request.From, (long[])[projector, model]);
                Assert.True(rig.Hub.Blobs.Length <= 2, "a file was requested twice in one run");

                FileStream Disk(string path) => new FaultyDisk(path, Allow, static () => new KilledException());

                int Allow(int bytes)
                {
                    int allowed = --steps > 0 ? bytes : random.Next(0, bytes);
                    written += allowed;
                    return allowed;
                }

                void Step(string _)
                {
                    if (--steps <= 0) throw new KilledException();
                }
            }
            rig.RequireWhole();
            Assert.Equal(rig.Model.Length + rig.Projector.Length, written);
            rounds++;
            Directory.Delete(rig.Cache, recursive: true);
        }
        Assert.True(rounds > 1);

        static long OnDisk(string path) => File.Exists(path + ".part") ? new FileInfo(path + ".part").Length : 0;
    }

    [Fact]
    public async Task A_file_without_its_manifest_is_checked_again_and_not_fetched_again()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await Assert.ThrowsAsync<KilledException>(() => rig.Store(seams: s => s with
        {
            Step = step =>
            {
                if (step == "accepted" && File.Exists(rig.ModelPath)) throw new KilledException();
            },
        }).PullAsync(HubRig.Name, cancellationToken: TestContext.Current.CancellationToken));
        rig.Hub.ForgetRequests();
        await rig.SucceedAsync();
        Assert.Empty(rig.Hub.Seen);
    }

    [Fact]
    public async Task Bytes_whose_origin_is_unknown_are_not_continued()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.BeginAsync(100_000);
        File.Delete(rig.ModelPart + ".json");
        await rig.SucceedAsync();
        Assert.Equal(0, Assert.Single(rig.Hub.Blobs).From);
    }

    [Fact]
    public async Task Damaged_facts_count_as_none()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.BeginAsync(100_000);
        await File.WriteAllTextAsync(rig.ModelPart + ".json", """{ "source": "acme/demo/model.gguf", "commit": "../../etc" }""", TestContext.Current.CancellationToken);
        await rig.SucceedAsync();
        Assert.Equal(0, Assert.Single(rig.Hub.Blobs).From);
    }

    [Fact]
    public async Task Bytes_that_were_damaged_between_two_runs_cost_one_fetch_of_the_whole_file()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.BeginAsync(100_000);
        byte[] part = await File.ReadAllBytesAsync(rig.ModelPart, TestContext.Current.CancellationToken);
        part[^1] ^= 1;
        await File.WriteAllBytesAsync(rig.ModelPart, part, TestContext.Current.CancellationToken);
        List<string> notes = [];
        await rig.SucceedAsync(progress: new Notes(notes));
        Assert.Equal([part.Length, 0], rig.Hub.Blobs.Select(static r => r.From));
        Assert.Contains(notes, static n => n.Contains("wrong", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Cancelling_keeps_the_bytes()
    {
        await using HubRig rig = await HubRig.StartAsync();
        using CancellationTokenSource cancel = new();
        rig.Hub.BlobFault = async (context, blob, _) =>
        {
            if (blob.Length != rig.Model.Length) return false;
            context.Response.ContentLength = blob.Length;
            context.Response.Headers.ETag = rig.Hub.Tag;
            await context.Response.Body.WriteAsync(blob.AsMemory(0, 50_000), context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
            return true;
        };
        Progress progress = new(p =>
        {
            if (p.File == "model.gguf" && p.Bytes == 50_000) cancel.Cancel();
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => rig.Store().PullAsync(HubRig.Name, progress, cancel.Token));
        rig.Hub.BlobFault = null;
        rig.Hub.ForgetRequests();
        await rig.SucceedAsync();
        Assert.Equal(50_000, Assert.Single(rig.Hub.Blobs).From);
    }
}

/// <summary>Passes reports on at once, on the reporting thread.</summary>
sealed class Progress(Action<ModelDownloadProgress> report) : IProgress<ModelDownloadProgress>
{
    public void Report(ModelDownloadProgress value) => report(value);
}

/// <summary>Collects the notes.</summary>
sealed class Notes(List<string> notes) : IProgress<ModelDownloadProgress>
{
    public void Report(ModelDownloadProgress value)
    {
        if (value.Note is not null) notes.Add(value.Note);
    }
}
