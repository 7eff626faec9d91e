using SK.FasterVlm.Core.Tests.Gguf;
using SK.FasterVlm.Gguf;
using SK.FasterVlm.Models;

namespace SK.FasterVlm.Core.Tests.Models;

/// <summary>What the files of a model must be to each other: parts of a split model, a pair that fits.</summary>
public sealed class ModelFilesTests
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    static string Part(int number) => $"model-{number:00000}-of-00003.gguf";

    static async Task<(HubRig Rig, byte[][] Parts)> SplitAsync()
    {
        HubRig rig = await HubRig.StartAsync();
        byte[][] parts = GgufSplitTests.Parts(rig.Model, 3);
        for (int i = 0; i < 3; i++) rig.Hub.Put($"acme/demo/sub/{Part(i + 1)}", parts[i]);
        return (rig, parts);
    }

    static Task<CachedModel> PullAsync(HubRig rig, string model = "acme/demo/sub/model-00001-of-00003.gguf", string projector = "acme/demo/mmproj.gguf") =>
        rig.Store().PullAsync("own", ModelFileSource.Parse(model), ModelFileSource.Parse(projector), cancellationToken: Test);

    [Fact]
    public async Task All_parts_of_a_split_model_are_fetched_verified_repaired_and_removed()
    {
        (HubRig rig, byte[][] parts) = await SplitAsync();
        await using HubRig _ = rig;
        List<ModelDownloadProgress> reports = [];
        CachedModel model = await rig.Store().PullAsync(
            "own", ModelFileSource.Parse($"acme/demo/sub/{Part(1)}"), ModelFileSource.Parse("acme/demo/mmproj.gguf"), new Progress(reports.Add), Test);
        Assert.Equal([Part(2), Part(3)], model.Parts.Select(static f => f.File));
        Assert.Equal(parts.Sum(static p => p.Length) + rig.Projector.Length, model.Bytes);
        Assert.Equal(4, reports.Max(static r => r.FileIndex) + 1);
        Assert.All(reports, static r => Assert.Equal(4, r.FileCount));
        Assert.All(model.Parts, f => Assert.Equal(rig.Hub.Commit, f.Revision));
        using (GgufFile file = GgufFile.Open(model.ModelPath)) Assert.Equal(3, file.PartCount);

        string last = Path.Combine(rig.Cache, "own", Part(3));
        byte[] bytes = await File.ReadAllBytesAsync(last, Test);
        bytes[^1] ^= 1;
        await File.WriteAllBytesAsync(last, bytes, Test);
        Assert.Equal(Part(3), Assert.Single(await rig.Store().VerifyAsync("own", cancellationToken: Test), static f => f.Problem is not null).File);
        File.Delete(Path.Combine(rig.Cache, "own", Part(2)));
        Assert.False(rig.Store().Find("own")!.IsComplete);
        await rig.Store().PullAsync("own", cancellationToken: Test);
        Assert.All(await rig.Store().VerifyAsync("own", cancellationToken: Test), static f => Assert.Null(f.Problem));
        Assert.Equal(model.Bytes, rig.Store().Remove("own"));
    }

    [Fact]
    public async Task Parts_are_found_beside_an_address_too()
    {
        (HubRig rig, byte[][] parts) = await SplitAsync();
        await using HubRig _ = rig;
        rig.Hub.HubFault = async context =>
        {
            if (!context.Request.Path.StartsWithSegments("/files", out var rest)) return false;
            int part = int.Parse(rest.Value!["/model-".Length..][..5], System.Globalization.CultureInfo.InvariantCulture);
            await rig.Hub.SendAsync(context, parts[part - 1]);
            return true;
        };
        CachedModel model = await PullAsync(rig, $"{rig.Hub.Endpoint}files/{Part(1)}");
        Assert.Equal(2, model.Parts.Count);
    }

    [Theory]
    [InlineData("acme/demo/sub/model-00002-of-00003.gguf", "acme/demo/mmproj.gguf", "part 2 of 3")]
    [InlineData("acme/demo/sub/model-00000-of-00003.gguf", "acme/demo/mmproj.gguf", "part 0 of 3")]
    [InlineData("acme/demo/sub/model-00001-of-00000.gguf", "acme/demo/mmproj.gguf", "one of 0 parts")]
    [InlineData("acme/demo/sub/model-00001-of-09999.gguf", "acme/demo/mmproj.gguf", "one of 9999 parts")]
    [InlineData("https://example.org/model-00001-of-00003.gguf?signature=secret", "acme/demo/mmproj.gguf", "query")]
    [InlineData("acme/demo/model.gguf", "acme/demo/mmproj-00001-of-00002.gguf", "only language models may be split")]
    [InlineData("acme/demo/MODEL.gguf", "acme/other/model.gguf", "cannot lie in one folder")]
    public async Task Files_that_cannot_be_fetched_together_are_refused_by_their_names(string model, string projector, string part)
    {
        await using HubRig rig = await HubRig.StartAsync();
        ModelDownloadException error = await Assert.ThrowsAsync<ModelDownloadException>(() => PullAsync(rig, model, projector));
        Assert.Equal(ModelDownloadFailure.UnknownModel, error.Failure);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
        Assert.Empty(rig.Hub.Seen);
        Assert.False(Directory.Exists(rig.Cache));
    }

    [Fact]
    public async Task A_part_under_a_wrong_name_is_refused()
    {
        (HubRig rig, byte[][] parts) = await SplitAsync();
        await using HubRig _ = rig;
        rig.Hub.Put("acme/demo/whole.gguf", parts[0]);
        rig.Hub.Put($"acme/demo/sub/{Part(2)}", parts[2]);
        foreach (string source in new[] { "acme/demo/whole.gguf", $"acme/demo/sub/{Part(1)}" })
        {
            ModelDownloadException error = await Assert.ThrowsAsync<ModelDownloadException>(() => PullAsync(rig, source));
            Assert.Equal(ModelDownloadFailure.NotAModel, error.Failure);
            Assert.Contains("but says it is part", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Files_that_are_no_pair_are_refused_and_one_of_them_can_be_exchanged()
    {
        await using HubRig rig = await HubRig.StartAsync();
        rig.Hub.Put("acme/demo/wide.gguf", HubRig.ProjectorFile(5, width: 96));
        ModelDownloadException error = await Assert.ThrowsAsync<ModelDownloadException>(() => PullAsync(rig, "acme/demo/model.gguf", "acme/demo/wide.gguf"));
        Assert.Equal(ModelDownloadFailure.NotAPair, error.Failure);
        Assert.Contains("wide.gguf produces rows of 96 but model.gguf expects 64", error.Message, StringComparison.Ordinal);
        Assert.Null(rig.Store().Find("own"));

        error = await Assert.ThrowsAsync<ModelDownloadException>(() => PullAsync(rig, "acme/demo/model.gguf", "acme/demo/big.gguf"));
        Assert.Equal(ModelDownloadFailure.NotAPair, error.Failure); // two language models

        rig.Hub.ForgetRequests();
        await PullAsync(rig, "acme/demo/model.gguf");
        Assert.Single(rig.Hub.Blobs); // the model is not fetched again
        rig.Store().Remove("own");
    }

    [Fact]
    public async Task A_replacement_that_is_no_pair_replaces_nothing()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await PullAsync(rig, "acme/demo/model.gguf");
        string commit = new('2', 40);
        rig.Hub.Tags["v2"] = commit;
        rig.Hub.Put("acme/demo/mmproj.gguf", HubRig.ProjectorFile(5, width: 96), commit);
        ModelDownloadException error = await Assert.ThrowsAsync<ModelDownloadException>(() => PullAsync(rig, "acme/demo/model.gguf", "acme/demo@v2/mmproj.gguf"));
        Assert.Equal(ModelDownloadFailure.NotAPair, error.Failure);
        Assert.Contains("mmproj.gguf produces rows of 96", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(".part", error.Message, StringComparison.Ordinal);
        Assert.All(await rig.Store().VerifyAsync("own", cancellationToken: Test), static f => Assert.Null(f.Problem));
    }
}
