using SK.FasterVlm.Models;

namespace SK.FasterVlm.Core.Tests.Models;

/// <summary>Threat D4: several want the same file. Processes of their own are in the command line's tests.</summary>
public sealed class D4_ConcurrencyTests
{
    [Fact]
    public async Task Eight_at_once_fetch_each_file_once()
    {
        await using HubRig rig = await HubRig.StartAsync();
        int waited = 0;
        Task<CachedModel>[] pulls = [.. Enumerable.Range(0, 8).Select(_ => Task.Run(() => rig.Store().PullAsync(HubRig.Name, new Progress(p =>
        {
            if (p.Stage == ModelDownloadStage.Waiting) Interlocked.Increment(ref waited);
        }))))];
        await Task.WhenAll(pulls);
        rig.RequireWhole();
        Assert.Equal(2, rig.Hub.Blobs.Length);
        Assert.True(waited > 0, "nobody had to wait, so nothing was tested");
    }

    [Fact]
    public async Task Who_waited_takes_what_another_has_fetched_without_reading_it_all_again()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.SucceedAsync();
        string manifest = Assert.Single(Directory.EnumerateFiles(Path.GetDirectoryName(rig.ModelPath)!, "*.json"));
        File.Move(manifest, manifest + ".later");
        using DownloadLock? held = DownloadLock.TryAcquire(Path.Combine(rig.Cache, ".locks", $"{HubRig.Name}.lock"));
        Assert.NotNull(held);
        rig.Hub.ForgetRequests();
        List<ModelDownloadStage> stages = [];
        CachedModel model = await rig.Store().PullAsync(HubRig.Name, new Progress(p =>
        {
            stages.Add(p.Stage);
            if (p.Stage != ModelDownloadStage.Waiting) return;
            File.Move(manifest + ".later", manifest); // the other one is done
            held.Dispose();
        }), TestContext.Current.CancellationToken);
        Assert.True(model.IsComplete);
        Assert.Equal([ModelDownloadStage.Waiting], stages);
        Assert.Empty(rig.Hub.Seen);
    }

    [Fact]
    public async Task Who_waited_for_other_files_of_that_name_fetches_the_ones_asked_for()
    {
        await using HubRig rig = await HubRig.StartAsync();
        ModelFileSource projector = ModelFileSource.Hub("acme/demo", "mmproj.gguf");
        await rig.Store().PullAsync("own", ModelFileSource.Hub("acme/demo", "model.gguf"), projector, cancellationToken: TestContext.Current.CancellationToken);
        string manifest = Path.Combine(rig.Cache, "own", "FILES.json");
        File.Move(manifest, manifest + ".later");
        using DownloadLock? held = DownloadLock.TryAcquire(Path.Combine(rig.Cache, ".locks", "own.lock"));
        Assert.NotNull(held);
        CachedModel model = await rig.Store().PullAsync("own", ModelFileSource.Hub("acme/demo", "big.gguf"), projector, new Progress(p =>
        {
            if (p.Stage != ModelDownloadStage.Waiting) return;
            File.Move(manifest + ".later", manifest); // the other one is done, with other files
            held.Dispose();
        }), TestContext.Current.CancellationToken);
        Assert.Equal("big.gguf", model.Model.File);
    }

    [Fact]
    public async Task A_folder_that_was_removed_while_one_waited_is_made_again()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.SucceedAsync();
        using DownloadLock? held = DownloadLock.TryAcquire(Path.Combine(rig.Cache, ".locks", $"{HubRig.Name}.lock"));
        Assert.NotNull(held);
        await rig.SucceedAsync(progress: new Progress(p =>
        {
            if (p.Stage != ModelDownloadStage.Waiting) return;
            Directory.Delete(Path.GetDirectoryName(rig.ModelPath)!, recursive: true);
            held.Dispose();
        }));
    }

    [Fact]
    public async Task Two_quantisations_share_the_projector()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await Task.WhenAll(
            rig.Store().PullAsync($"{HubRig.Name}:Q4_K", cancellationToken: TestContext.Current.CancellationToken),
            rig.Store().PullAsync($"{HubRig.Name}:q8_0", cancellationToken: TestContext.Current.CancellationToken));
        Assert.Equal(3, rig.Hub.Blobs.Length);
        Assert.Equal(["Q4_K", "Q8_0"], rig.Store().List().Select(static m => m.Quantization));
    }

    [Fact]
    public async Task A_wait_for_another_can_be_cancelled()
    {
        await using HubRig rig = await HubRig.StartAsync();
        Directory.CreateDirectory(Path.Combine(rig.Cache, ".locks"));
        using DownloadLock? held = DownloadLock.TryAcquire(Path.Combine(rig.Cache, ".locks", $"{HubRig.Name}.lock"));
        Assert.NotNull(held);
        using CancellationTokenSource cancel = new();
        Task<CachedModel> pull = rig.Store().PullAsync(HubRig.Name, new Progress(p =>
        {
            if (p.Stage == ModelDownloadStage.Waiting) cancel.Cancel();
        }), cancel.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pull);
        Assert.Empty(rig.Hub.Seen);
    }

    [Fact]
    public async Task Nothing_is_removed_while_it_is_being_fetched()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.SucceedAsync();
        using (DownloadLock? held = DownloadLock.TryAcquire(Path.Combine(rig.Cache, ".locks", $"{HubRig.Name}.lock")))
        {
            Assert.NotNull(held);
            Assert.Throws<ModelDownloadException>(() => rig.Store().Remove(HubRig.Name));
        }
        rig.RequireWhole();
        Assert.Equal(rig.Model.Length + rig.Projector.Length, rig.Store().Remove(HubRig.Name));
    }
}
