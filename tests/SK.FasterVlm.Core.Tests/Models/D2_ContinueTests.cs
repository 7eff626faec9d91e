using System.Text.Json.Nodes;
using SK.FasterVlm.Models;

namespace SK.FasterVlm.Core.Tests.Models;

/// <summary>Threat D2: bytes on disk are only ever continued by bytes of the same file.</summary>
public sealed class D2_ContinueTests
{
    static readonly ModelFileSource s_projector = ModelFileSource.Hub("acme/demo", "mmproj.gguf");

    static CancellationToken Test => TestContext.Current.CancellationToken;

    /// <summary>An address of the model's bytes; every one that ends alike is kept under the same name.</summary>
    static ModelFileSource Address(HubRig rig, string folder) =>
        ModelFileSource.Parse($"{rig.Hub.Cdn}blob/{HubRig.Hash(rig.Model)}/{folder}/own.gguf");

    static Task<CachedModel> PullAsync(HubRig rig, ModelFileSource model, int retries = 3, List<string>? notes = null) =>
        rig.Store(o => o.MaxRetries = retries).PullAsync("own", model, s_projector, new Notes(notes ?? []), Test);

    /// <summary>Answers requests for the model with other bytes.</summary>
    static void Send(HubRig rig, Func<string, byte[]> bytes, int? stopAfter = null) => rig.Hub.BlobFault = async (context, blob, _) =>
    {
        if (blob.Length != rig.Model.Length) return false;
        await rig.Hub.SendAsync(context, bytes(context.Request.Path.Value!), stopAfter: stopAfter);
        return true;
    };

    /// <summary>Pulls until some bytes of the model are there.</summary>
    static async Task BeginAsync(HubRig rig, ModelFileSource model)
    {
        await rig.SucceedAsync(); // makes the blobs known
        Send(rig, _ => rig.Model, stopAfter: 100_000);
        await Assert.ThrowsAsync<ModelDownloadException>(() => PullAsync(rig, model, retries: 0));
        Assert.InRange(new FileInfo(Path.Combine(rig.Cache, "own", model.FileName + ".part")).Length, 1, 100_000);
        rig.Hub.BlobFault = null;
        rig.Hub.ForgetRequests();
    }

    [Fact]
    public async Task Another_address_begins_anew_though_file_name_and_tag_are_the_same()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await BeginAsync(rig, Address(rig, "one"));
        byte[] other = HubRig.File(rig.Model.Length, 9);
        Send(rig, path => path.Contains("/two/", StringComparison.Ordinal) ? other : rig.Model);
        CachedModel model = await PullAsync(rig, Address(rig, "two"));
        Assert.Equal(HubRig.Hash(other), model.Model.Sha256);
        Assert.Equal(0, rig.Hub.Blobs.Single(static r => r.Path.EndsWith("own.gguf", StringComparison.Ordinal)).From);
    }

    [Fact]
    public async Task Another_revision_begins_anew_at_that_revision()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await BeginAsync(rig, ModelFileSource.Hub("acme/demo", "model.gguf"));
        rig.Hub.Commit = new string('b', 40);
        await PullAsync(rig, ModelFileSource.Hub("acme/demo", "model.gguf", rig.Hub.Commit));
        Assert.DoesNotContain(rig.Hub.Seen, static r => r.Path.Contains(new string('a', 40), StringComparison.Ordinal));
    }

    /// <summary>The projector comes from elsewhere, so that nothing but the facts beside the bytes names a commit.</summary>
    static async Task<CachedModel> PullAloneAsync(HubRig rig, int? stopAfter = null)
    {
        ModelFileSource projector = ModelFileSource.Parse($"{rig.Hub.Cdn}blob/{HubRig.Hash(rig.Projector)}/own-mmproj.gguf");
        if (stopAfter is not null) Send(rig, _ => rig.Model, stopAfter);
        try
        {
            return await rig.Store(o => o.MaxRetries = stopAfter is null ? 3 : 0)
                .PullAsync("own", ModelFileSource.Hub("acme/demo", "model.gguf"), projector, cancellationToken: Test);
        }
        finally
        {
            rig.Hub.BlobFault = null;
        }
    }

    [Fact]
    public async Task A_commit_that_is_gone_is_not_insisted_on()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.SucceedAsync(); // makes the blobs known
        await Assert.ThrowsAsync<ModelDownloadException>(() => PullAloneAsync(rig, stopAfter: 100_000));
        rig.Hub.Commit = new string('b', 40);
        rig.Hub.ForgetRequests();
        CachedModel model = await PullAloneAsync(rig);
        Assert.Equal(rig.Hub.Commit, model.Model.Revision);
        Assert.Contains(rig.Hub.Seen, static r => r.Path.Contains(new string('a', 40), StringComparison.Ordinal)); // it was asked for
    }

    [Theory]
    [InlineData("commit", "../../../etc")]
    [InlineData("sha256", "not a hash")]
    public async Task Facts_that_nobody_can_have_written_count_as_none(string name, string value)
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.SucceedAsync();
        await Assert.ThrowsAsync<ModelDownloadException>(() => PullAloneAsync(rig, stopAfter: 100_000));
        string path = Path.Combine(rig.Cache, "own", "model.gguf.part.json");
        JsonNode facts = JsonNode.Parse(await File.ReadAllTextAsync(path, Test))!;
        Assert.NotNull(facts[name]);
        facts[name] = value;
        await File.WriteAllTextAsync(path, facts.ToJsonString(), Test);
        rig.Hub.ForgetRequests();
        await PullAloneAsync(rig);
        Assert.Contains(rig.Hub.Seen, static r => r.Path == "/acme/demo/resolve/main/model.gguf");
        Assert.All(rig.Hub.Blobs, static r => Assert.Equal(0, r.From));
    }

    [Fact]
    public async Task A_hash_that_became_known_makes_the_bytes_of_another_be_forgotten()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await BeginAsync(rig, ModelFileSource.Hub("acme/demo", "model.gguf"));
        byte[] other = HubRig.File(rig.Model.Length, 9);
        rig.Hub.Put("acme/demo/model.gguf", other);
        CachedModel model = await PullAsync(rig, ModelFileSource.Hub("acme/demo", "model.gguf") with { Sha256 = HubRig.Hash(other) });
        Assert.Equal(HubRig.Hash(other), model.Model.Sha256);
        Assert.Equal(0, Assert.Single(rig.Hub.Blobs).From);
    }

    [Fact]
    public async Task The_rest_of_a_file_with_another_hash_is_not_written()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await BeginAsync(rig, ModelFileSource.Hub("acme/demo", "model.gguf"));
        byte[] other = HubRig.File(rig.Model.Length, 9);
        rig.Hub.Put("acme/demo/model.gguf", other); // its tag is still the same
        List<string> notes = [];
        CachedModel model = await PullAsync(rig, ModelFileSource.Hub("acme/demo", "model.gguf"), notes: notes);
        Assert.Equal(HubRig.Hash(other), model.Model.Sha256);
        Assert.Contains(notes, static n => n.Contains("has changed on the server", StringComparison.Ordinal));
    }

    /// <summary>Nobody has a hash of this file: a part of each would look like a model.</summary>
    [Fact]
    public async Task The_rest_of_a_file_with_another_size_is_not_written()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await BeginAsync(rig, Address(rig, "one"));
        byte[] other = HubRig.File(rig.Model.Length - 40_000, 9);
        Send(rig, _ => other);
        CachedModel model = await PullAsync(rig, Address(rig, "one"));
        Assert.Equal(HubRig.Hash(other), model.Model.Sha256);
    }

    [Fact]
    public async Task A_transfer_that_breaks_off_again_and_again_goes_on_as_long_as_it_gets_on()
    {
        await using HubRig rig = await HubRig.StartAsync(modelBytes: 4_000_000);
        rig.Hub.BlobFault = async (context, blob, _) =>
        {
            await rig.Hub.SendAsync(context, blob, stopAfter: 500_000);
            return true;
        };
        await rig.SucceedAsync(static o => o.MaxRetries = 3);
        Assert.True(rig.Hub.Blobs.Length > 6, $"{rig.Hub.Blobs.Length} requests"); // more than one round of tries
    }
}
