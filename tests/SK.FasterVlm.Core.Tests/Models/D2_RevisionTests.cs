using SK.FasterVlm.Models;

namespace SK.FasterVlm.Core.Tests.Models;

/// <summary>Threat D2: revisions and hashes that change, commits that vanish; what is there stays until its like is there.</summary>
public sealed class D2_RevisionTests
{
    static readonly string s_first = new('1', 40), s_second = new('2', 40);

    static CancellationToken Test => TestContext.Current.CancellationToken;

    /// <summary>A repository with the tags v1 and v2, whose files differ.</summary>
    static async Task<HubRig> TaggedAsync()
    {
        HubRig rig = await HubRig.StartAsync();
        (rig.Hub.Tags["v1"], rig.Hub.Tags["v2"]) = (s_first, s_second);
        rig.Hub.Put("acme/demo/model.gguf", rig.Model, s_first);
        rig.Hub.Put("acme/demo/mmproj.gguf", rig.Projector, s_first);
        rig.Hub.Put("acme/demo/model.gguf", HubRig.File(300_000, 21), s_second);
        rig.Hub.Put("acme/demo/mmproj.gguf", HubRig.ProjectorFile(22), s_second);
        return rig;
    }

    static Task<CachedModel> PullAsync(HubRig rig, string revision, string? sha256 = null, Action<ModelStoreOptions>? configure = null) =>
        rig.Store(configure).PullAsync(
            "own", ModelFileSource.Hub("acme/demo", "model.gguf", revision) with { Sha256 = sha256 }, ModelFileSource.Hub("acme/demo", "mmproj.gguf", revision),
            cancellationToken: Test);

    static string OwnPath(HubRig rig, string file) => Path.Combine(rig.Cache, "own", file);

    static async Task RequireAsync(HubRig rig, byte[] model, byte[] projector)
    {
        Assert.Equal(HubRig.Hash(model), HubRig.Hash(await File.ReadAllBytesAsync(OwnPath(rig, "model.gguf"), Test)));
        Assert.Equal(HubRig.Hash(projector), HubRig.Hash(await File.ReadAllBytesAsync(OwnPath(rig, "mmproj.gguf"), Test)));
        Assert.True(rig.Store().Find("own")!.IsComplete);
        Assert.All(await rig.Store().VerifyAsync("own", cancellationToken: Test), static f => Assert.Null(f.Problem));
    }

    [Fact]
    public async Task Another_tag_fetches_its_own_files()
    {
        await using HubRig rig = await TaggedAsync();
        CachedModel first = await PullAsync(rig, "v1");
        Assert.Equal((s_first, "v1"), (first.Model.Revision, first.Model.Requested));
        CachedModel second = await PullAsync(rig, "v2");
        Assert.Equal((s_second, s_second), (second.Model.Revision, second.Projector.Revision));
        await RequireAsync(rig, HubRig.File(300_000, 21), HubRig.ProjectorFile(22));
        Assert.Equal(["FILES.json", "mmproj.gguf", "model.gguf"], Directory.EnumerateFiles(Path.Combine(rig.Cache, "own")).Select(Path.GetFileName).Order(StringComparer.Ordinal));

        rig.Hub.ForgetRequests();
        await PullAsync(rig, "v2");
        Assert.Empty(rig.Hub.Seen);
    }

    [Fact]
    public async Task A_hash_given_anew_is_fetched_though_another_was_fetched_before()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await PullAsync(rig, "main");
        byte[] other = HubRig.File(300_000, 21);
        rig.Hub.Put("acme/demo/model.gguf", other);
        await PullAsync(rig, "main"); // what was fetched is what it is
        await RequireAsync(rig, rig.Model, rig.Projector);
        rig.Hub.Commit = new string('b', 40);
        await PullAsync(rig, "main", HubRig.Hash(other));
        await RequireAsync(rig, other, rig.Projector);
    }

    [Theory]
    [InlineData("v3", ModelDownloadFailure.NotFound)] // there is none
    [InlineData("v2", ModelDownloadFailure.WrongHash)] // the model, which comes second, has another hash
    public async Task What_cannot_be_replaced_stays_whole(string revision, ModelDownloadFailure failure)
    {
        await using HubRig rig = await TaggedAsync();
        await PullAsync(rig, "v1");
        string? hash = failure == ModelDownloadFailure.WrongHash ? new string('0', 64) : null;
        ModelDownloadException error = await Assert.ThrowsAsync<ModelDownloadException>(() => PullAsync(rig, revision, hash));
        Assert.Equal(failure, error.Failure);
        await RequireAsync(rig, rig.Model, rig.Projector);
        await PullAsync(rig, "v1"); // and what was begun of the other is forgotten
        await RequireAsync(rig, rig.Model, rig.Projector);
    }

    [Fact]
    public async Task A_replacement_that_was_interrupted_goes_on_and_the_old_file_is_not_taken_for_it()
    {
        await using HubRig rig = await TaggedAsync();
        await PullAsync(rig, "v1");
        byte[] next = HubRig.File(300_000, 21);
        rig.Hub.BlobFault = async (context, blob, _) =>
        {
            if (!blob.AsSpan().SequenceEqual(next)) return false;
            await rig.Hub.SendAsync(context, blob, stopAfter: 100_000);
            return true;
        };
        await Assert.ThrowsAsync<ModelDownloadException>(() => PullAsync(rig, "v2", configure: static o => o.MaxRetries = 0));
        await RequireAsync(rig, rig.Model, rig.Projector);
        long here = new FileInfo(OwnPath(rig, "model.gguf.part")).Length;
        Assert.InRange(here, 1, 100_000);
        rig.Hub.BlobFault = null;
        rig.Hub.ForgetRequests();
        await PullAsync(rig, "v2");
        Assert.Equal(here, Assert.Single(rig.Hub.Blobs).From); // the projector lay there already, whole and checked
        await RequireAsync(rig, next, HubRig.ProjectorFile(22));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Where_downloads_are_forbidden_nothing_is_removed(bool damaged)
    {
        await using HubRig rig = await TaggedAsync();
        await PullAsync(rig, "v1");
        if (damaged) await DamageAsync(OwnPath(rig, "model.gguf"));
        byte[] before = await File.ReadAllBytesAsync(OwnPath(rig, "model.gguf"), Test);
        ModelDownloadException error = await Assert.ThrowsAsync<ModelDownloadException>(
            () => PullAsync(rig, damaged ? "v1" : "v2", configure: static o => o.AllowDownload = false));
        Assert.Equal(ModelDownloadFailure.Offline, error.Failure);
        Assert.Equal(before, await File.ReadAllBytesAsync(OwnPath(rig, "model.gguf"), Test));
    }

    [Fact]
    public async Task A_damaged_file_is_set_aside_until_its_like_is_there()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.SucceedAsync();
        await DamageAsync(rig.ModelPath);
        rig.Hub.HubFault = static context => FaultyHub.Status(context, 401);
        await rig.FailAsync(ModelDownloadFailure.AccessDenied);
        Assert.True(File.Exists(rig.ModelPath + ".damaged"));
        Assert.False(rig.Store().Find(HubRig.Name)!.IsComplete); // nobody loads it meanwhile
        rig.Hub.HubFault = null;
        await rig.SucceedAsync();
        Assert.False(File.Exists(rig.ModelPath + ".damaged"));
    }

    [Fact]
    public async Task A_removed_model_leaves_no_damaged_file()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.SucceedAsync();
        await DamageAsync(rig.ModelPath);
        rig.Hub.HubFault = static context => FaultyHub.Status(context, 401);
        await rig.FailAsync(ModelDownloadFailure.AccessDenied);
        rig.Store().Remove(HubRig.Name);
        Assert.False(Directory.Exists(Path.Combine(rig.Cache, HubRig.Name)));
    }

    [Fact]
    public async Task A_file_is_repaired_though_its_commit_is_gone()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.SucceedAsync();
        await DamageAsync(rig.ModelPath);
        rig.Hub.Commit = new string('b', 40); // history was rewritten
        List<string> notes = [];
        await rig.SucceedAsync(static o => o.MaxRetries = 0, progress: new Notes(notes));
        Assert.Contains(notes, static n => n.Contains("asking for 'main'", StringComparison.Ordinal));

        await DamageAsync(rig.ModelPath);
        rig.Hub.Commit = new string('c', 40);
        rig.Hub.Put("acme/demo/model.gguf", HubRig.File(300_000, 21)); // and this is not what was fetched
        await rig.FailAsync(ModelDownloadFailure.WrongHash);
    }

    [Fact]
    public async Task A_quantisation_that_is_younger_than_the_projectors_commit_is_fetched()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.SucceedAsync();
        string older = rig.Hub.Commit;
        rig.Hub.Tags["old"] = older;
        rig.Hub.Put("acme/demo/mmproj.gguf", rig.Projector, older);
        rig.Hub.Put("acme/demo/model.gguf", rig.Model, older);
        rig.Hub.Commit = new string('b', 40);
        CachedModel model = await rig.Store().PullAsync($"{HubRig.Name}:Q8_0", cancellationToken: Test);
        Assert.Equal((older, rig.Hub.Commit), (model.Projector.Revision, model.Model.Revision));
    }

    [Fact]
    public async Task Files_of_ones_own_are_repaired_by_their_name()
    {
        await using HubRig rig = await TaggedAsync();
        await PullAsync(rig, "v1");
        await DamageAsync(OwnPath(rig, "model.gguf"));
        await rig.Store().PullAsync("own", cancellationToken: Test);
        await RequireAsync(rig, rig.Model, rig.Projector);
        File.Delete(OwnPath(rig, "mmproj.gguf"));
        rig.Store().RequireAvailable("own:FILES");
        await rig.Store().GetAsync("own", cancellationToken: Test);
        await RequireAsync(rig, rig.Model, rig.Projector);
    }

    /// <summary>Nobody has a hash: what tells is the tag, and this server does not know If-Range.</summary>
    [Theory]
    [InlineData("\"two\"")]
    [InlineData(null)]
    public async Task The_rest_of_another_version_is_not_written_though_the_server_ignores_If_Range(string? tag)
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.SucceedAsync(); // makes the blobs known
        ModelFileSource model = ModelFileSource.Parse($"{rig.Hub.Cdn}blob/{HubRig.Hash(rig.Model)}/own.gguf"), projector = ModelFileSource.Hub("acme/demo", "mmproj.gguf");
        byte[] next = HubRig.File(300_000, 21);
        Assert.Equal(rig.Model.Length, next.Length);
        bool changed = false;
        rig.Hub.BlobFault = async (context, blob, _) =>
        {
            if (blob.Length != rig.Model.Length) return false;
            if (changed) context.Request.Headers.Remove("If-Range");
            await rig.Hub.SendAsync(context, changed ? next : blob, stopAfter: changed ? null : 100_000);
            return true;
        };
        await Assert.ThrowsAsync<ModelDownloadException>(
            () => rig.Store(static o => o.MaxRetries = 0).PullAsync("own", model, projector, cancellationToken: Test));
        (changed, rig.Hub.Tag) = (true, tag);
        CachedModel own = await rig.Store().PullAsync("own", model, projector, cancellationToken: Test);
        Assert.Equal(HubRig.Hash(next), own.Model.Sha256);
    }

    [Fact]
    public async Task A_renewed_signature_goes_on_and_none_is_kept()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.SucceedAsync(); // makes the blobs known
        ModelFileSource Signed(string signature) => ModelFileSource.Parse($"{rig.Hub.Cdn}blob/{HubRig.Hash(rig.Model)}/own.gguf?signature={signature}");
        ModelFileSource projector = ModelFileSource.Hub("acme/demo", "mmproj.gguf");
        rig.Hub.BlobFault = async (context, blob, _) =>
        {
            if (blob.Length != rig.Model.Length) return false;
            await rig.Hub.SendAsync(context, blob, stopAfter: 100_000);
            return true;
        };
        await Assert.ThrowsAsync<ModelDownloadException>(
            () => rig.Store(static o => o.MaxRetries = 0).PullAsync("own", Signed("secret1"), projector, cancellationToken: Test));
        foreach (string file in Directory.EnumerateFiles(Path.Combine(rig.Cache, "own"), "*.json"))
            Assert.DoesNotContain("secret", await File.ReadAllTextAsync(file, Test), StringComparison.Ordinal);
        long here = new FileInfo(OwnPath(rig, "own.gguf.part")).Length;
        rig.Hub.BlobFault = null;
        rig.Hub.ForgetRequests();
        await rig.Store().PullAsync("own", Signed("secret2"), projector, cancellationToken: Test);
        Assert.Equal(here, Assert.Single(rig.Hub.Blobs).From);
    }

    static async Task DamageAsync(string path)
    {
        byte[] bytes = await File.ReadAllBytesAsync(path, Test);
        bytes[^9] ^= 4;
        await File.WriteAllBytesAsync(path, bytes, Test);
    }
}
