using System.Globalization;
using SK.FasterVlm.Models;

namespace SK.FasterVlm.Core.Tests.Models;

/// <summary>Threat D2: a server that lies, breaks off, stands still or is somebody else.</summary>
public sealed class D2_ServerTests
{
    static readonly byte[] Html = "<!DOCTYPE html><title>Sign in</title>"u8.ToArray();

    static bool IsModel(HubRig rig, byte[] blob) => blob.Length == rig.Model.Length;

    [Fact]
    public async Task A_model_arrives_by_way_of_the_redirect_and_the_commit_is_pinned()
    {
        await using HubRig rig = await HubRig.StartAsync();
        CachedModel model = await rig.SucceedAsync();
        Assert.Equal(rig.Hub.Commit, model.Model.Revision);
        Assert.Equal(HubRig.Hash(rig.Model), model.Model.Sha256);
        string[] resolved = [.. rig.Hub.Seen.Where(static r => r.Path.Contains("/resolve/", StringComparison.Ordinal)).Select(static r => r.Path)];
        // The second file is asked for at the commit the first one came from.
        Assert.Equal(["/acme/demo/resolve/main/mmproj.gguf", $"/acme/demo/resolve/{rig.Hub.Commit}/model.gguf"], resolved);
        Assert.Empty(Directory.EnumerateFiles(rig.Cache, "*.part*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_wrong_hash_throws_the_bytes_away()
    {
        await using HubRig rig = await HubRig.StartAsync();
        rig.Hub.BlobFault = async (context, blob, _) =>
        {
            if (!IsModel(rig, blob)) return false;
            byte[] other = [.. blob];
            other[^5] ^= 1;
            await rig.Hub.SendAsync(context, other);
            return true;
        };
        ModelDownloadException error = await rig.FailAsync(ModelDownloadFailure.WrongHash);
        Assert.Contains("SHA-256", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(rig.ModelPart));
        rig.Hub.BlobFault = null;
        await rig.SucceedAsync();
    }

    [Fact]
    public async Task A_file_that_differs_from_the_catalog_is_not_even_fetched()
    {
        await using HubRig rig = await HubRig.StartAsync();
        rig.WriteCatalog(sha256: new string('0', 64));
        ModelDownloadException error = await rig.FailAsync(ModelDownloadFailure.WrongHash);
        Assert.Contains("so nothing was fetched", error.Message, StringComparison.Ordinal);
        rig.WriteCatalog(bytes: rig.Model.Length + 1);
        await rig.FailAsync(ModelDownloadFailure.BadAnswer);
        Assert.False(File.Exists(rig.ModelPart));
    }

    [Fact]
    public async Task A_file_that_changed_on_the_server_between_two_runs_is_fetched_anew()
    {
        await using HubRig rig = await HubRig.StartAsync();
        ModelFileSource model = ModelFileSource.Parse($"{rig.Hub.Cdn}blob/{HubRig.Hash(rig.Model)}/own.gguf"), projector = ModelFileSource.Hub("acme/demo", "mmproj.gguf");
        byte[] now = rig.Model;
        rig.Hub.HubFault = null;
        await rig.SucceedAsync(); // makes the blobs known
        int? stop = 100_000;
        rig.Hub.BlobFault = async (context, blob, _) =>
        {
            if (!IsModel(rig, blob)) return false;
            await rig.Hub.SendAsync(context, now, stopAfter: stop);
            return true;
        };
        await Assert.ThrowsAsync<ModelDownloadException>(() => rig.Store(static o => o.MaxRetries = 0).PullAsync("own", model, projector, cancellationToken: TestContext.Current.CancellationToken));
        (now, stop, rig.Hub.Tag) = (HubRig.File(200_000, 9), null, "\"two\"");
        rig.Hub.ForgetRequests();
        CachedModel own = await rig.Store().PullAsync("own", model, projector, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(HubRig.Hash(now), own.Model.Sha256);
        SeenRequest request = rig.Hub.Blobs.Single(r => r.Path.EndsWith("own.gguf", StringComparison.Ordinal));
        Assert.True(request.From > 0);
        Assert.Equal("\"one\"", request.IfRange); // the server compared it and sent the whole file
    }

    [Theory]
    [InlineData(null)]
    [InlineData("W/\"weak\"")]
    public async Task Without_hash_and_strong_tag_nothing_is_continued(string? tag)
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.SucceedAsync();
        rig.Hub.Tag = tag;
        ModelFileSource model = ModelFileSource.Parse($"{rig.Hub.Cdn}blob/{HubRig.Hash(rig.Model)}/own.gguf"), projector = ModelFileSource.Hub("acme/demo", "mmproj.gguf");
        rig.Hub.BlobFault = async (context, blob, count) =>
        {
            if (!IsModel(rig, blob)) return false;
            await rig.Hub.SendAsync(context, blob, stopAfter: 100_000);
            return true;
        };
        await Assert.ThrowsAsync<ModelDownloadException>(() => rig.Store(static o => o.MaxRetries = 0).PullAsync("own", model, projector, cancellationToken: TestContext.Current.CancellationToken));
        rig.Hub.BlobFault = null;
        rig.Hub.ForgetRequests();
        await rig.Store().PullAsync("own", model, projector, cancellationToken: TestContext.Current.CancellationToken);
        Assert.All(rig.Hub.Blobs, static r => Assert.Equal(0, r.From));
    }

    [Fact]
    public async Task A_server_that_ignores_ranges_sends_the_whole_file()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.BeginAsync(100_000);
        rig.Hub.BlobFault = async (context, blob, _) =>
        {
            await rig.Hub.SendAsync(context, blob, ignoreRange: true);
            return true;
        };
        List<string> notes = [];
        await rig.SucceedAsync(progress: new Notes(notes));
        Assert.Contains(notes, static n => n.Contains("ignores ranges", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("bytes 0-299999/300000")]
    [InlineData("bytes 7-9/10")]
    [InlineData("nonsense")]
    public async Task Another_range_than_the_one_asked_for_is_not_written(string range)
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.BeginAsync(100_000);
        rig.Hub.BlobFault = async (context, blob, count) =>
        {
            if (context.Request.Headers.Range.Count == 0) return false;
            context.Response.StatusCode = 206;
            context.Response.Headers.ContentRange = range;
            await context.Response.Body.WriteAsync(blob, context.RequestAborted);
            return true;
        };
        await rig.SucceedAsync();
    }

    [Fact]
    public async Task A_range_beyond_the_end_begins_anew()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.BeginAsync(100_000);
        rig.Hub.BlobFault = static (context, _, _) => context.Request.Headers.Range.Count == 0 ? Task.FromResult(false) : FaultyHub.Status(context, 416);
        await rig.SucceedAsync();
        Assert.Equal(2, rig.Hub.Blobs.Length);
    }

    [Fact]
    public async Task Truncated_bodies_are_continued_where_they_ended()
    {
        await using HubRig rig = await HubRig.StartAsync();
        rig.Hub.BlobFault = async (context, blob, count) =>
        {
            if (!IsModel(rig, blob) || count > 3) return false;
            await rig.Hub.SendAsync(context, blob, stopAfter: 60_000);
            return true;
        };
        await rig.SucceedAsync();
        long[] starts = [.. rig.Hub.Blobs.Where(r => r.Path.EndsWith(HubRig.Hash(rig.Model), StringComparison.Ordinal)).Select(static r => r.From)];
        Assert.Equal(4, starts.Length);
        Assert.Equal(starts.Order(), starts);
    }

    [Fact]
    public async Task A_body_that_ends_early_and_well_is_continued()
    {
        await using HubRig rig = await HubRig.StartAsync();
        rig.Hub.BlobFault = (context, blob, count) => IsModel(rig, blob) && count < 2
            ? FaultyHub.SendChunkedAsync(context, blob[..60_000]) // only the hub has said how long the file is
            : Task.FromResult(false);
        await rig.SucceedAsync();
        Assert.Equal([0, 60_000], rig.Hub.Blobs.Where(r => r.Path.EndsWith(HubRig.Hash(rig.Model), StringComparison.Ordinal)).Select(static r => r.From));
    }

    [Fact]
    public async Task Truncated_bodies_without_end_give_up_and_keep_the_bytes()
    {
        await using HubRig rig = await HubRig.StartAsync();
        rig.Hub.BlobFault = async (context, blob, _) =>
        {
            if (!IsModel(rig, blob)) return false;
            await rig.Hub.SendAsync(context, blob, stopAfter: 1_000);
            return true;
        };
        ModelDownloadException error = await rig.FailAsync(ModelDownloadFailure.Network);
        Assert.Contains("failed 4 times", error.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(rig.ModelPart));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(+1)]
    public async Task A_size_that_contradicts_the_hub_is_refused(int difference)
    {
        await using HubRig rig = await HubRig.StartAsync();
        rig.Hub.HubFault = context =>
        {
            int size = (context.Request.Path.Value!.EndsWith("model.gguf", StringComparison.Ordinal) ? rig.Model : rig.Projector).Length;
            context.Response.Headers["X-Linked-Size"] = (size + difference).ToString(CultureInfo.InvariantCulture);
            return Task.FromResult(false);
        };
        ModelDownloadException error = await rig.FailAsync(ModelDownloadFailure.BadAnswer);
        Assert.Contains("bytes but the server announces", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task More_bytes_than_announced_are_refused()
    {
        await using HubRig rig = await HubRig.StartAsync();
        rig.Hub.BlobFault = (context, blob, _) => IsModel(rig, blob) ? FaultyHub.SendChunkedAsync(context, [.. blob, 0]) : Task.FromResult(false);
        await rig.FailAsync(ModelDownloadFailure.BadAnswer);
        Assert.False(File.Exists(rig.ModelPart));
    }

    [Fact]
    public async Task An_error_page_with_status_200_is_refused_by_its_first_bytes()
    {
        await using HubRig rig = await HubRig.StartAsync();
        rig.Hub.HubFault = static async context =>
        {
            context.Response.ContentType = "text/html";
            await context.Response.Body.WriteAsync(Html, context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            await Task.Delay(Timeout.Infinite, context.RequestAborted); // who wants more than the first bytes waits in vain
            return true;
        };
        ModelDownloadException error = await rig.FailAsync(
            ModelDownloadFailure.NotAModel, static o => (o.MaxRetries, o.StallTimeout) = (0, TimeSpan.FromMinutes(10)));
        Assert.Contains("HTML", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bytes_that_are_right_but_no_model_are_refused()
    {
        await using HubRig rig = await HubRig.StartAsync();
        rig.Hub.Put("acme/demo/model.gguf", [.. rig.Model.AsSpan(0, rig.Model.Length / 2)]);
        ModelDownloadException error = await rig.FailAsync(ModelDownloadFailure.NotAModel);
        Assert.Contains("not a usable model file", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(rig.ModelPart));
    }

    [Fact]
    public async Task A_compressed_body_is_refused()
    {
        await using HubRig rig = await HubRig.StartAsync();
        rig.Hub.BlobFault = static (context, _, _) =>
        {
            context.Response.Headers.ContentEncoding = "gzip";
            return Task.FromResult(false);
        };
        await rig.FailAsync(ModelDownloadFailure.BadAnswer);
    }

    [Theory]
    [InlineData(401, null, ModelDownloadFailure.AccessDenied, "HF_TOKEN")]
    [InlineData(401, "GatedRepo", ModelDownloadFailure.AccessDenied, "gated")]
    [InlineData(403, null, ModelDownloadFailure.AccessDenied, "HF_TOKEN")]
    [InlineData(404, null, ModelDownloadFailure.NotFound, "acme/demo/mmproj.gguf")]
    [InlineData(404, "RepoNotFound", ModelDownloadFailure.NotFound, "no repository acme/demo")]
    [InlineData(404, "RevisionNotFound", ModelDownloadFailure.NotFound, "'main'")]
    [InlineData(418, null, ModelDownloadFailure.BadAnswer, "418")]
    [InlineData(416, null, ModelDownloadFailure.BadAnswer, "416")]
    public async Task A_refusal_is_one_sentence_and_not_repeated(int status, string? code, ModelDownloadFailure failure, string part)
    {
        await using HubRig rig = await HubRig.StartAsync();
        rig.Hub.HubFault = context => code is null ? FaultyHub.Status(context, status) : FaultyHub.Status(context, status, ("X-Error-Code", code));
        ModelDownloadException error = await rig.FailAsync(failure);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
        Assert.Single(rig.Hub.Seen);
    }

    [Theory]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(503)]
    public async Task A_failure_that_may_pass_is_tried_again_and_not_for_ever(int status)
    {
        await using HubRig rig = await HubRig.StartAsync();
        int failures = 3;
        rig.Hub.HubFault = context => failures-- > 0 ? FaultyHub.Status(context, status, ("Retry-After", "0")) : Task.FromResult(false);
        await rig.SucceedAsync();

        Directory.Delete(rig.Cache, recursive: true);
        rig.Hub.ForgetRequests();
        failures = int.MaxValue;
        ModelDownloadException error = await rig.FailAsync(ModelDownloadFailure.Network);
        Assert.Contains($"{status}", error.Message, StringComparison.Ordinal);
        Assert.Equal(4, rig.Hub.Seen.Length);
    }

    [Fact]
    public async Task A_server_that_asks_to_come_back_in_an_hour_is_not_waited_for()
    {
        await using HubRig rig = await HubRig.StartAsync();
        rig.Hub.HubFault = static context => FaultyHub.Status(context, 429, ("Retry-After", "3600"));
        ModelDownloadException error = await rig.FailAsync(ModelDownloadFailure.Network);
        Assert.Single(rig.Hub.Seen);
        Assert.Contains("answers 429 and asks to wait for 60 minutes", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wait_is_not_silent()
    {
        await using HubRig rig = await HubRig.StartAsync();
        int failures = 1;
        rig.Hub.HubFault = context => failures-- > 0 ? FaultyHub.Status(context, 503, ("Retry-After", "0")) : Task.FromResult(false);
        List<string> notes = [];
        await rig.SucceedAsync(progress: new Notes(notes));
        Assert.Contains("answers 503, waiting 0 s", Assert.Single(notes), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_retries_there_are_none_though_it_gets_on()
    {
        await using HubRig rig = await HubRig.StartAsync(modelBytes: 4_000_000);
        rig.Hub.BlobFault = async (context, blob, _) =>
        {
            if (!IsModel(rig, blob)) return false;
            await rig.Hub.SendAsync(context, blob, stopAfter: 1_500_000);
            return true;
        };
        ModelDownloadException error = await rig.FailAsync(ModelDownloadFailure.Network, static o => o.MaxRetries = 0);
        Assert.Contains("model.gguf failed (", error.Message, StringComparison.Ordinal);
        Assert.Single(rig.Hub.Blobs, r => r.Path.EndsWith(HubRig.Hash(rig.Model), StringComparison.Ordinal));
        rig.Hub.HubFault = static context => FaultyHub.Status(context, 503);
        error = await rig.FailAsync(ModelDownloadFailure.Network, static o => o.MaxRetries = 0);
        Assert.Contains("answers 503; run", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_stands_still_is_left_and_the_transfer_goes_on()
    {
        await using HubRig rig = await HubRig.StartAsync();
        ManualTime time = new();
        rig.Hub.BlobFault = async (context, blob, count) =>
        {
            if (!IsModel(rig, blob) || count > 1) return false;
            context.Response.ContentLength = blob.Length;
            context.Response.Headers.ETag = rig.Hub.Tag;
            await context.Response.Body.WriteAsync(blob.AsMemory(0, 50_000), context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
            return true;
        };
        bool waits = false;
        Task<CachedModel> pull = rig.Store(static o => o.MaxRetries = 20, s => s with { Time = time }).PullAsync(
            HubRig.Name, new Progress(p => Volatile.Write(ref waits, p is { Stage: ModelDownloadStage.Downloading, File: "model.gguf", Bytes: 50_000 })), TestContext.Current.CancellationToken);
        while (!pull.IsCompleted)
        {
            // Only while it waits for bytes that do not come; elsewhere the clock would end other waits.
            if (Volatile.Read(ref waits) && rig.Hub.Blobs.Length < 3) time.Advance(TimeSpan.FromSeconds(61));
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }
        await pull;
        rig.RequireWhole();
        Assert.Equal(50_000, rig.Hub.Blobs[2].From);
    }

    [Fact]
    public async Task A_server_that_never_answers_is_given_up()
    {
        await using HubRig rig = await HubRig.StartAsync();
        ManualTime time = new();
        rig.Hub.HubFault = static async context =>
        {
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
            return true;
        };
        Task<ModelDownloadException> pull = rig.FailAsync(ModelDownloadFailure.Network, static o => o.MaxRetries = 1, s => s with { Time = time });
        while (!pull.IsCompleted)
        {
            if (rig.Hub.Seen.Length > 0) time.Advance(TimeSpan.FromSeconds(31));
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }
        Assert.Contains("did not answer in time", (await pull).Message, StringComparison.Ordinal);
        Assert.InRange(rig.Hub.Seen.Length, 1, 2); // the clock may be faster than the second connection
    }

    [Fact]
    public async Task A_host_that_is_not_there_is_named()
    {
        await using HubRig rig = await HubRig.StartAsync();
        using System.Net.Sockets.TcpListener closed = new(System.Net.IPAddress.Loopback, 0);
        closed.Start();
        int port = ((System.Net.IPEndPoint)closed.LocalEndpoint).Port;
        closed.Stop();
        ModelDownloadException error = await rig.FailAsync(ModelDownloadFailure.Network, o => o.Endpoint = $"http://127.0.0.1:{port}");
        Assert.Contains("127.0.0.1 cannot be reached", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_begun_download_goes_on_at_its_commit_though_the_branch_has_moved()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await rig.BeginAsync(100_000);
        await rig.SucceedAsync();
        Assert.Contains(rig.Hub.Seen, r => r.Path == $"/acme/demo/resolve/{rig.Hub.Commit}/model.gguf");
    }
}
