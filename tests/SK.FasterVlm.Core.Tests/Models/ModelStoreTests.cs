using SK.FasterVlm.Models;

namespace SK.FasterVlm.Core.Tests.Models;

public sealed class ModelStoreTests
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_fetched_model_is_found_without_a_network_and_forbidden_downloads_are_refused()
    {
        await using HubRig rig = await HubRig.StartAsync();
        ModelDownloadException error = await Assert.ThrowsAsync<ModelDownloadException>(() => rig.Store(static o => o.AllowDownload = false).GetAsync(HubRig.Name, cancellationToken: Test));
        Assert.Equal(ModelDownloadFailure.Offline, error.Failure);
        Assert.Equal(ModelDownloadFailure.Offline, Assert.Throws<ModelDownloadException>(
            () => rig.Store(environment: static name => name == "HF_HUB_OFFLINE" ? "1" : null).RequireAvailable(HubRig.Name)).Failure);
        Assert.Empty(rig.Hub.Seen);

        await rig.Store().GetAsync(HubRig.Name, cancellationToken: Test);
        rig.Hub.ForgetRequests();
        CachedModel found = await rig.Store(static o => o.AllowDownload = false).GetAsync(HubRig.Name, cancellationToken: Test);
        Assert.Equal((rig.ModelPath, rig.ProjectorPath, "vicuna_v1", "MIT"), (found.ModelPath, found.ProjectorPath, found.Template, found.Licence));
        rig.Store(static o => o.AllowDownload = false).RequireAvailable(HubRig.Name);
        await rig.Store(static o => o.AllowDownload = false).PullAsync(HubRig.Name, cancellationToken: Test);
        Assert.Empty(rig.Hub.Seen);
    }

    [Fact]
    public async Task Corrupt_bytes_are_found_by_verify_and_repaired_by_pull()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.SucceedAsync();
        Assert.All(await rig.Store().VerifyAsync(HubRig.Name, cancellationToken: Test), static f => Assert.Null(f.Problem));

        byte[] bytes = await File.ReadAllBytesAsync(rig.ModelPath, Test);
        bytes[^9] ^= 4;
        await File.WriteAllBytesAsync(rig.ModelPath, bytes, Test);
        IReadOnlyList<FileVerification> found = await rig.Store().VerifyAsync(HubRig.Name, cancellationToken: Test);
        Assert.Contains("damaged", Assert.Single(found, static f => f.Problem is not null).Problem, StringComparison.Ordinal);

        rig.Hub.ForgetRequests();
        List<string> notes = [];
        await rig.SucceedAsync(progress: new Notes(notes));
        Assert.Contains("damaged (wrong SHA-256)", Assert.Single(notes), StringComparison.Ordinal);
        Assert.Single(rig.Hub.Blobs);

        File.Delete(rig.ProjectorPath);
        await File.WriteAllBytesAsync(rig.ModelPath, bytes[..^1], Test);
        Assert.Equal(["is missing", $"has {bytes.Length - 1} bytes instead of {bytes.Length}"],
            (await rig.Store().VerifyAsync(HubRig.Name, cancellationToken: Test)).Select(static f => f.Problem).Order(StringComparer.Ordinal).Reverse());
        Assert.False(rig.Store().Find(HubRig.Name)!.IsComplete);
        await rig.SucceedAsync();
    }

    [Fact]
    public async Task What_was_replaced_on_the_hub_does_not_repair_what_was_fetched()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.SucceedAsync();
        File.Delete(rig.ModelPath);
        rig.Hub.Put("acme/demo/model.gguf", HubRig.File(300_000, 77));
        await rig.FailAsync(ModelDownloadFailure.WrongHash);
        Assert.NotEqual(0, rig.Store().Remove(HubRig.Name));
        await rig.Store().PullAsync(HubRig.Name, cancellationToken: Test);
    }

    [Fact]
    public async Task Removing_frees_what_nobody_shares_and_leaves_the_files_of_others()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.SucceedAsync();
        await rig.Store().PullAsync($"{HubRig.Name}:Q8_0", cancellationToken: Test);
        Assert.Equal(rig.Model.Length, rig.Store().Remove($"{HubRig.Name}:Q4_K"));
        Assert.True(File.Exists(rig.ProjectorPath));
        string mine = Path.Combine(rig.Cache, HubRig.Name, "mine.gguf");
        await File.WriteAllTextAsync(mine, "mine", Test);
        rig.Store().Remove(HubRig.Name);
        Assert.Equal([mine], Directory.EnumerateFiles(Path.Combine(rig.Cache, HubRig.Name)));
        Assert.Empty(rig.Store().List());
        Assert.Equal(ModelDownloadFailure.UnknownModel, Assert.Throws<ModelDownloadException>(() => rig.Store().Remove(HubRig.Name)).Failure);
    }

    [Fact]
    public async Task Begun_downloads_are_listed_and_removed()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.BeginAsync(100_000);
        PartialDownload begun = Assert.Single(rig.Store().ListPartial());
        Assert.Equal((HubRig.Name, "model.gguf"), (begun.Name, begun.File));
        Assert.InRange(begun.Bytes, 1, 100_000);
        rig.Store().Remove(HubRig.Name);
        Assert.Empty(rig.Store().ListPartial());
    }

    [Theory]
    [InlineData("../../etc")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("a\\b")]
    [InlineData("/tmp/x")]
    [InlineData("C:x")]
    [InlineData(".hidden")]
    [InlineData("con")]
    [InlineData("nul.x")]
    [InlineData("a..b")]
    [InlineData("UPPER")]
    [InlineData("a b")]
    [InlineData("a\nb")]
    [InlineData("llava\0x")]
    [InlineData("demo-vlm:../x")]
    [InlineData("demo-vlm:")]
    [InlineData("")]
    public async Task U8_A_name_that_could_be_a_path_is_no_name(string name)
    {
        await using HubRig rig = await HubRig.StartAsync();
        ModelStore store = rig.Store();
        ModelFileSource file = ModelFileSource.Hub("acme/demo", "model.gguf"), other = ModelFileSource.Hub("acme/demo", "mmproj.gguf");
        Func<object?>[] uses = [() => store.Find(name), () => store.Remove(name)];
        Assert.All(uses, use => Assert.Equal(ModelDownloadFailure.UnknownModel, Assert.Throws<ModelDownloadException>(use).Failure));
        await Assert.ThrowsAsync<ModelDownloadException>(() => store.PullAsync(name, cancellationToken: Test));
        await Assert.ThrowsAsync<ModelDownloadException>(() => store.PullAsync(name, file, other, cancellationToken: Test));
        Assert.False(Directory.Exists(rig.Cache));
    }

    [Theory]
    [InlineData("acme/demo/../../x.gguf")]
    [InlineData("acme/demo/x.bin")]
    [InlineData("acme/../x.gguf")]
    [InlineData("acme/demo/..gguf")]
    [InlineData("acme/demo@../x.gguf")]
    [InlineData("acme/demo")]
    [InlineData("https://example.org/")]
    [InlineData("https://example.org/%2e%2e%2fx.gguf")]
    [InlineData("https://example.org/..%5Cx.gguf")]
    [InlineData("https://user:secret@example.org/x.gguf")]
    [InlineData("file:///etc/x.gguf")]
    [InlineData("ftp://example.org/x.gguf")]
    public void U8_A_source_that_could_leave_its_folder_is_no_source(string text)
    {
        ModelDownloadException error = Assert.Throws<ModelDownloadException>(() => ModelFileSource.Parse(text));
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Sources_are_read()
    {
        Assert.Equal(("a/b", "sub/x.gguf", "v1", "x.gguf"), Facts(ModelFileSource.Parse("a/b@v1/sub/x.gguf")));
        Assert.Equal("https://hub/a/b/resolve/main/sub/x.gguf", ModelFileSource.Parse("a/b/sub/x.gguf").AddressOn(new Uri("https://hub/"), null).AbsoluteUri);
        Assert.Equal("https://example.org/x.gguf", ModelFileSource.Parse("https://example.org/x.gguf?signature=secret").Display);

        static (string?, string, string, string) Facts(ModelFileSource s) => (s.Repository, s.Path, s.Revision, s.FileName);
    }

    [Fact]
    public async Task A_manifest_that_points_elsewhere_is_none()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.SucceedAsync();
        string manifest = Path.Combine(rig.Cache, HubRig.Name, "Q4_K.json");
        string text = await File.ReadAllTextAsync(manifest, Test);
        foreach ((string from, string to) in new[] { ("model.gguf", "../../x.gguf"), (HubRig.Name, "other"), ("\"version\": 1", "\"version\": 2"), ("{", "") })
        {
            Assert.Contains(from, text, StringComparison.Ordinal);
            await File.WriteAllTextAsync(manifest, text.Replace(from, to, StringComparison.Ordinal), Test);
            Assert.Null(rig.Store().Find(HubRig.Name));
        }
        await File.WriteAllTextAsync(manifest, text, Test);
        Assert.NotNull(rig.Store().Find(HubRig.Name));
    }
}
