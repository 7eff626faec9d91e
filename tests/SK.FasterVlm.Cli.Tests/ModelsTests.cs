using System.Diagnostics;
using System.Text.Json;
using SK.FasterVlm.Cli.Output;
using SK.FasterVlm.Core.Tests.Models;

namespace SK.FasterVlm.Cli.Tests;

/// <summary>Fetching, listing, verifying, repairing, removing and using models from the command line, against a hub on this machine.</summary>
public sealed class ModelsTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    static string[] With(HubRig rig, params string[] args) => [.. args, "--cache", rig.Cache, "--catalog", rig.Catalog];

    static string[] Pull(HubRig rig, params string[] more) => With(rig, ["pull", HubRig.Name, "--hub", rig.Hub.Endpoint.AbsoluteUri, .. more]);

    [Fact]
    public async Task Pull_list_verify_corrupt_pull_again_remove()
    {
        await using HubRig rig = await HubRig.StartAsync();
        CliRun run = await CliRun.InProcessAsync(With(rig, "models", "list"));
        Assert.Matches(@"demo-vlm +Q4_K +MIT", run.Output);

        run = await CliRun.InProcessAsync(Pull(rig));
        Assert.True(run.ExitCode == 0, run.Error);
        string size = Format.Bytes(rig.Model.Length + rig.Projector.Length);
        Assert.Equal($"demo-vlm:Q4_K is in the cache ({size}); use it with --model demo-vlm\n", run.Output);
        Assert.Contains("model.gguf: ", run.Error, StringComparison.Ordinal);
        rig.RequireWhole();
        Assert.Matches($"demo-vlm +Q4_K +fetched +{size}", (await CliRun.InProcessAsync(With(rig, "models", "list"))).Output);

        run = await CliRun.InProcessAsync(With(rig, "models", "verify"));
        Assert.Equal((0, "demo-vlm:Q4_K  model.gguf  right\ndemo-vlm:Q4_K  mmproj.gguf  right\n"), (run.ExitCode, run.Output));

        byte[] bytes = await File.ReadAllBytesAsync(rig.ModelPath, Test);
        bytes[^100] ^= 1;
        await File.WriteAllBytesAsync(rig.ModelPath, bytes, Test);
        run = await CliRun.InProcessAsync(With(rig, "models", "verify", HubRig.Name));
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("model.gguf  is damaged", run.Output, StringComparison.Ordinal);
        Assert.Contains("repair with 'fastervlm pull demo-vlm'", Assert.Single(run.ErrorLines), StringComparison.Ordinal);

        run = await CliRun.InProcessAsync(Pull(rig));
        Assert.Contains("model.gguf: damaged (wrong SHA-256); fetching it again", run.Error, StringComparison.Ordinal);
        rig.RequireWhole();

        run = await CliRun.InProcessAsync(With(rig, "models", "remove", HubRig.Name));
        Assert.Equal((0, $"removed demo-vlm, {size} freed\n"), (run.ExitCode, run.Output));
        Assert.Equal(1, (await CliRun.InProcessAsync(With(rig, "models", "remove", HubRig.Name))).ExitCode);
    }

    [Fact]
    public async Task Files_of_ones_own_are_pulled_with_their_hash()
    {
        await using HubRig rig = await HubRig.StartAsync();
        string[] own = With(rig, "models", "pull", "my-own", "--from", "acme/demo/model.gguf", "--projector-from", "acme/demo@main/mmproj.gguf", "--hub", rig.Hub.Endpoint.AbsoluteUri, "--json");
        CliRun run = await CliRun.InProcessAsync([.. own, "--sha256", new string('0', 64)]);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("SHA-256", run.ErrorLines[^1], StringComparison.Ordinal);
        run = await CliRun.InProcessAsync([.. own, "--sha256", HubRig.Hash(rig.Model)]);
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.True(File.Exists(JsonDocument.Parse(run.Output).RootElement.GetProperty("modelPath").GetString()));
        Assert.Matches("my-own +FILES +fetched", (await CliRun.InProcessAsync(With(rig, "models", "list"))).Output);

        // What verify says to do has to work.
        File.Delete(Path.Combine(rig.Cache, "my-own", "mmproj.gguf"));
        run = await CliRun.InProcessAsync(With(rig, "models", "verify", "my-own"));
        Assert.Contains("repair with 'fastervlm pull my-own'", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
        run = await CliRun.InProcessAsync(With(rig, "pull", "my-own", "--hub", rig.Hub.Endpoint.AbsoluteUri));
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.EndsWith("use it with --model my-own\n", run.Output, StringComparison.Ordinal);
        Assert.Equal(0, (await CliRun.InProcessAsync(With(rig, "models", "verify", "my-own"))).ExitCode);
    }

    [Fact]
    public async Task What_was_begun_is_listed_beside_what_is_there_and_a_pull_names_what_it_pulled()
    {
        await using HubRig rig = await HubRig.StartAsync();
        await CliRun.InProcessAsync(Pull(rig));
        string[] q8 = With(rig, "pull", $"{HubRig.Name}:Q8_0", "--hub", rig.Hub.Endpoint.AbsoluteUri);
        string[] own = With(rig, "pull", "my-own", "--from", "acme/demo/model.gguf", "--projector-from", "acme/demo/mmproj.gguf", "--hub", rig.Hub.Endpoint.AbsoluteUri);
        rig.Hub.BlobFault = async (context, blob, _) =>
        {
            if (blob.Length < 200_000) return false; // the projector
            if (context.Request.Headers.Range.Count > 0) return await FaultyHub.Status(context, 403); // not to be tried again
            await rig.Hub.SendAsync(context, blob, stopAfter: 60_000);
            return true;
        };
        foreach (string[] args in new[] { q8, own }) Assert.Equal(1, (await CliRun.InProcessAsync(args)).ExitCode);
        string list = (await CliRun.InProcessAsync(With(rig, "models", "list"))).Output;
        Assert.Matches(@"demo-vlm +Q4_K +fetched", list);
        Assert.Matches(@"demo-vlm +Q8_0 +begun, \d", list);
        Assert.Matches(@"my-own +begun, \d", list);

        rig.Hub.BlobFault = null;
        Assert.EndsWith("use it with --model demo-vlm:Q8_0\n", (await CliRun.InProcessAsync(q8)).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_fetched_is_one_line_and_exit_code_1()
    {
        await using HubRig rig = await HubRig.StartAsync();
        rig.Hub.HubFault = static context => FaultyHub.Status(context, 401);
        foreach ((string[] args, string part) in new[] { (Pull(rig), "HF_TOKEN"), (With(rig, "pull", "nothing"), "There is no model 'nothing'"), (With(rig, "pull", "../x"), "not a model's name"), (["pull", "xy", "--catalog", "no-such.json"], "no-such.json") })
        {
            CliRun run = await CliRun.InProcessAsync(args);
            Assert.Equal((1, ""), (run.ExitCode, run.Output));
            Assert.Contains(part, Assert.Single(run.ErrorLines), StringComparison.Ordinal);
        }
    }

    /// <summary>Threat D1 with real processes: SIGKILL, whose victim cleans nothing up and holds the lock when it dies.</summary>
    [Fact]
    public async Task D1_killed_processes_leave_what_the_next_one_continues()
    {
        await using HubRig rig = await HubRig.StartAsync(modelBytes: 400_000);
        for (int kill = 1; kill <= 4; kill++)
        {
            long before = Length(rig.ModelPart);
            HoldAfter(rig, 60_000);
            using Process process = CliRun.Start(Pull(rig));
            await GrowsAsync(rig.ModelPart, before, process);
            process.Kill();
            await process.WaitForExitAsync(Test);
            Assert.Equal(before, rig.Hub.Blobs.Single(r => r.Path.EndsWith(HubRig.Hash(rig.Model), StringComparison.Ordinal)).From);
            rig.Hub.ForgetRequests();
        }
        long here = Length(rig.ModelPart);
        Assert.InRange(here, 1, 240_000);
        rig.Hub.BlobFault = null;
        CliRun run = await CliRun.InProcessAsync(Pull(rig));
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Contains("are here already", run.Error, StringComparison.Ordinal);
        Assert.Equal(here, Assert.Single(rig.Hub.Blobs).From);
        rig.RequireWhole();
    }

    [Fact]
    public async Task Ctrl_C_ends_with_130_and_keeps_what_was_fetched()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "a signal cannot be sent to one process on Windows");
        await using HubRig rig = await HubRig.StartAsync();
        HoldAfter(rig, 60_000);
        using Process process = CliRun.Start(Pull(rig));
        Task<string> error = process.StandardError.ReadToEndAsync(Test);
        await GrowsAsync(rig.ModelPart, 0, process);
        using Process signal = Process.Start("kill", ["-INT", $"{process.Id}"]);
        await process.WaitForExitAsync(Test);
        Assert.Equal(130, process.ExitCode);
        Assert.EndsWith("the same command goes on where it stopped.\nfastervlm: cancelled\n", await error, StringComparison.Ordinal);
        Assert.True(Length(rig.ModelPart) > 0);
        CliRun list = await CliRun.InProcessAsync(With(rig, "models", "list"));
        Assert.Matches(@"demo-vlm +Q4_K +begun, \d", list.Output);
    }

    /// <summary>Threat D4 with real processes.</summary>
    [Fact]
    public async Task D4_eight_processes_at_once_fetch_the_model_once()
    {
        await using HubRig rig = await HubRig.StartAsync();
        CliRun[] runs = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => CliRun.ChildProcessAsync(Pull(rig))));
        Assert.All(runs, static run => Assert.True(run.ExitCode == 0, run.Error));
        Assert.Equal(2, rig.Hub.Blobs.Length);
        rig.RequireWhole();
    }

    [Fact]
    public async Task A_model_is_fetched_when_it_is_first_used_and_then_works_offline()
    {
        await using HubRig rig = await HubRig.StartAsync(model: await File.ReadAllBytesAsync(tiny.Model, Test), projector: await File.ReadAllBytesAsync(tiny.Projector, Test));
        Dictionary<string, string> environment = new()
        {
            ["FASTERVLM_CACHE"] = rig.Cache,
            ["FASTERVLM_CATALOG"] = rig.Catalog,
            ["HF_ENDPOINT"] = rig.Hub.Endpoint.AbsoluteUri,
            ["HF_TOKEN"] = "hf_secret",
        };
        string[] describe = ["describe", tiny.Picture, "--model", HubRig.Name, "--threads", "1", "--max-tokens", "4", "--json"];
        CliRun run = await CliRun.ChildProcessAsync([.. describe, "--offline"], environment);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("downloads are forbidden", Assert.Single(run.ErrorLines), StringComparison.Ordinal);

        run = await CliRun.ChildProcessAsync(describe, environment);
        Assert.True(run.ExitCode == 0, run.Error);
        JsonElement engine = JsonDocument.Parse(run.Output).RootElement.GetProperty("engine");
        Assert.Equal((HubRig.Name, "vicuna_v1"), (engine.GetProperty("model").GetString(), engine.GetProperty("template").GetString()));
        Assert.Contains(rig.Hub.Seen, static r => r.Authorization == "Bearer hf_secret");
        rig.Hub.ForgetRequests();

        run = await CliRun.ChildProcessAsync([.. describe, "--offline"], environment);
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Empty(rig.Hub.Seen);

        run = await CliRun.ChildProcessAsync(["inspect", "--model", HubRig.Name, "--json"], environment);
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Equal(2, JsonDocument.Parse(run.Output).RootElement.GetProperty("files").GetArrayLength());
    }

    /// <summary>The hub sends so many bytes of the model and then nothing more, until the client is gone.</summary>
    static void HoldAfter(HubRig rig, int bytes) => rig.Hub.BlobFault = async (context, blob, _) =>
    {
        if (blob.Length != rig.Model.Length) return false;
        int from = (int)rig.Hub.Blobs[^1].From;
        context.Response.StatusCode = from > 0 ? 206 : 200;
        if (from > 0) context.Response.Headers.ContentRange = $"bytes {from}-{blob.Length - 1}/{blob.Length}";
        context.Response.ContentLength = blob.Length - from;
        context.Response.Headers.ETag = rig.Hub.Tag;
        await context.Response.Body.WriteAsync(blob.AsMemory(from, bytes), context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
        await Task.Delay(Timeout.Infinite, context.RequestAborted);
        return true;
    };

    static async Task GrowsAsync(string path, long before, Process process)
    {
        while (Length(path) <= before)
        {
            Assert.False(process.HasExited, "the process ended by itself");
            await Task.Delay(5, Test);
        }
    }

    static long Length(string path) => File.Exists(path) ? new FileInfo(path).Length : 0;
}
