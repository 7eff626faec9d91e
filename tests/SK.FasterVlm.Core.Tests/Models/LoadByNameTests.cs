using SK.FasterVlm.Core.Tests.EndToEnd;

namespace SK.FasterVlm.Core.Tests.Models;

/// <summary>A model of the catalog, from its name to a loaded model.</summary>
public sealed class LoadByNameTests(TinyPair pair) : IClassFixture<TinyPair>
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_is_fetched_once_and_loads_offline_afterwards()
    {
        await using HubRig rig = await HubRig.StartAsync(
            model: await File.ReadAllBytesAsync(pair.ModelPath, Test), projector: await File.ReadAllBytesAsync(pair.ProjectorPath, Test));
        FasterVlmOptions options = new()
        {
            Model = HubRig.Name,
            Threads = 1,
            Downloads = new() { CacheDirectory = rig.Cache, CatalogPath = rig.Catalog, Endpoint = rig.Hub.Endpoint.AbsoluteUri },
        };
        List<ModelLoadProgress> reports = [];
        await using (FasterVlmModel model = await FasterVlmModel.LoadAsync(options, progress: new Reports(reports), cancellationToken: Test))
        {
            Assert.Equal((HubRig.Name, "vicuna_v1"), (model.ModelId, model.Template.Name));
            Assert.Equal((rig.ModelPath, rig.ProjectorPath), (model.Options.ModelPath, model.Options.ProjectorPath));
        }
        Assert.Equal(ModelLoadStage.Fetching, reports[0].Stage);
        Assert.All(reports, static r => Assert.InRange(r.Fraction, 0, 1));
        Assert.Equal((HubRig.Name, null), (options.Model, options.ModelPath)); // the caller's options stay as they were

        rig.Hub.ForgetRequests();
        options.Downloads.AllowDownload = false;
        reports.Clear();
        await using (await FasterVlmModel.LoadAsync(options, progress: new Reports(reports), cancellationToken: Test)) { }
        Assert.DoesNotContain(reports, static r => r.Stage == ModelLoadStage.Fetching);
        Assert.Empty(rig.Hub.Seen);
    }

    [Fact]
    public async Task A_model_that_is_missing_and_must_not_be_fetched_is_one_sentence()
    {
        using Gguf.TemporaryDirectory folder = new();
        FasterVlmOptions options = new() { Model = "llava-1.5-7b", Downloads = new() { CacheDirectory = folder.Path, AllowDownload = false } };
        ModelDownloadException error = await Assert.ThrowsAsync<ModelDownloadException>(() => FasterVlmModel.LoadAsync(options, cancellationToken: Test));
        Assert.Equal(ModelDownloadFailure.Offline, error.Failure);
    }

    sealed class Reports(List<ModelLoadProgress> reports) : IProgress<ModelLoadProgress>
    {
        public void Report(ModelLoadProgress value) => reports.Add(value);
    }
}
