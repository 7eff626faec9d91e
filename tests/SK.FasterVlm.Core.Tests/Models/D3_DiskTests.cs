using SK.FasterVlm.Core.Tests.Gguf;

namespace SK.FasterVlm.Core.Tests.Models;

/// <summary>Threat D3: a disk that is full, read-only or failing.</summary>
public sealed class D3_DiskTests
{
    const int NoSpace = 28; // ENOSPC

    /// <summary>The 1st, 2nd, ... write fails as on a full disk, torn in the middle, until one run needs no more writes than that.</summary>
    [Fact]
    public async Task The_nth_write_fails_and_the_next_run_goes_on()
    {
        await using HubRig rig = await HubRig.StartAsync();
        bool failed = true;
        for (int n = 1; failed; n++)
        {
            failed = false;
            int left = n;
            try
            {
                await rig.Store(seams: s => s with { OpenPart = path => new FaultyDisk(path, Allow, static () => new IOException("No space left on device", NoSpace)) })
                    .PullAsync(HubRig.Name, cancellationToken: TestContext.Current.CancellationToken);
            }
            catch (ModelDownloadException e)
            {
                failed = true;
                Assert.Equal(ModelDownloadFailure.Disk, e.Failure);
                Assert.Contains("disk is full", e.Message, OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal);
                Assert.Contains(HubRig.Name, e.Message, StringComparison.Ordinal);
            }
            if (failed) await rig.SucceedAsync();
            rig.RequireWhole();
            Directory.Delete(rig.Cache, recursive: true);

            int Allow(int bytes) => --left == 0 ? bytes / 2 : bytes;
        }
    }

    [Fact]
    public async Task Too_little_space_is_said_before_anything_is_written()
    {
        await using HubRig rig = await HubRig.StartAsync();
        rig.WriteCatalog(bytes: rig.Model.Length);
        ModelDownloadException error = await rig.FailAsync(ModelDownloadFailure.Disk, seams: static s => s with { FreeSpace = static _ => 1_000 });
        Assert.Contains("free", error.Message, StringComparison.Ordinal);
        Assert.Empty(rig.Hub.Seen);

        rig.WriteCatalog(); // the size is known only from the server
        await rig.FailAsync(ModelDownloadFailure.Disk, seams: static s => s with { FreeSpace = static _ => 1_000 });
        Assert.False(File.Exists(rig.ModelPart));
        await rig.SucceedAsync(seams: static s => s with { FreeSpace = static _ => null });
    }

    [Fact]
    public async Task What_is_on_the_disk_already_needs_no_more_space()
    {
        await using HubRig rig = await HubRig.StartAsync();
        rig.WriteCatalog(bytes: rig.Model.Length);
        await rig.BeginAsync(100_000);
        long rest = rig.Model.Length - new FileInfo(rig.ModelPart).Length;
        int asked = 0;
        await rig.FailAsync(ModelDownloadFailure.Disk, seams: s => s with { FreeSpace = _ => rest - 1 });
        // First for both files, by what the catalog says; then for the one, by what the server says, with 16 MiB to spare.
        await rig.SucceedAsync(seams: s => s with { FreeSpace = _ => asked++ == 0 ? rest : rest + (1 << 24) });
        Assert.Equal(2, asked);
    }

    /// <summary>A name for bytes that a loss of power could take away would be a promise.</summary>
    [Fact]
    public async Task Bytes_are_forced_to_the_disk_before_they_are_checked_and_named()
    {
        await using HubRig rig = await HubRig.StartAsync();
        List<string> order = [];
        await rig.SucceedAsync(seams: s => s with { OpenPart = path => new ForcedDisk(path, () => order.Add("forced")), Step = order.Add });
        Assert.Equal(
            ["forced", "verified", "accepted", "forced", "verified", "accepted"],
            order.Where(static step => step is "forced" or "verified" or "accepted"));
    }

    [Fact]
    public async Task A_cache_that_cannot_be_written_is_named()
    {
        await using HubRig rig = await HubRig.StartAsync();
        using TemporaryDirectory folder = new();
        string file = folder.File("not-a-folder");
        await File.WriteAllTextAsync(file, "", TestContext.Current.CancellationToken);
        ModelDownloadException error = await rig.FailAsync(ModelDownloadFailure.Disk, o => o.CacheDirectory = Path.Combine(file, "models"));
        Assert.Contains("not-a-folder", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_in_place_of_the_part_costs_one_sentence()
    {
        await using HubRig rig = await HubRig.StartAsync();
        Directory.CreateDirectory(rig.ModelPart);
        ModelDownloadException error = await rig.FailAsync(ModelDownloadFailure.Disk);
        Assert.Contains(HubRig.Name, error.Message, StringComparison.Ordinal);
    }

    /// <summary>What cannot be replaced stands for a disk that fails there: the facts, the file's name, the manifest.</summary>
    [Theory]
    [InlineData("model.gguf.part.json", false)]
    [InlineData("model.gguf", false)]
    [InlineData("Q4_K.json", true)]
    public async Task A_failure_at_the_facts_the_name_or_the_manifest_is_one_sentence_and_the_next_run_goes_on(string name, bool wholeFiles)
    {
        await using HubRig rig = await HubRig.StartAsync();
        string folder = Path.Combine(rig.Cache, HubRig.Name), obstacle = Path.Combine(folder, name);
        Directory.CreateDirectory(obstacle);
        await File.WriteAllTextAsync(Path.Combine(obstacle, "x"), "", TestContext.Current.CancellationToken);
        ModelDownloadException error = await Assert.ThrowsAsync<ModelDownloadException>(
            () => rig.Store().PullAsync(HubRig.Name, cancellationToken: TestContext.Current.CancellationToken));
        Assert.Equal(ModelDownloadFailure.Disk, error.Failure);
        Assert.Contains(HubRig.Name, error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(folder, "*.tmp"));
        Assert.Null(rig.Store().Find(HubRig.Name));
        Directory.Delete(obstacle, recursive: true);
        rig.Hub.ForgetRequests();
        await rig.SucceedAsync();
        if (wholeFiles) Assert.Empty(rig.Hub.Seen);
    }

    /// <summary>The nth step on the disk fails with an input/output error, until one run needs no more steps than that.</summary>
    [Fact]
    public async Task The_nth_step_fails_and_the_next_run_goes_on()
    {
        await using HubRig rig = await HubRig.StartAsync();
        bool failed = true;
        for (int n = 1; failed; n++)
        {
            failed = false;
            int left = n;
            try
            {
                await rig.Store(seams: s => s with { Step = _ => { if (--left == 0) throw new IOException("Input/output error", 5); } })
                    .PullAsync(HubRig.Name, cancellationToken: TestContext.Current.CancellationToken);
            }
            catch (ModelDownloadException e)
            {
                failed = true;
                Assert.Equal(ModelDownloadFailure.Disk, e.Failure);
                Assert.Contains("cannot be written or read", e.Message, StringComparison.Ordinal);
            }
            if (failed) await rig.SucceedAsync();
            rig.RequireWhole();
            Directory.Delete(rig.Cache, recursive: true);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_folder_that_is_read_only_is_named_and_keeps_what_it_has(bool fetched)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "folders have no read-only mode on Windows");
        Assert.SkipWhen(Environment.IsPrivilegedProcess, "root writes into read-only folders");
        await using HubRig rig = await HubRig.StartAsync();
        string folder = Path.Combine(rig.Cache, HubRig.Name);
        if (fetched) await rig.SucceedAsync();
        else Directory.CreateDirectory(folder);
        SetMode(folder, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        try
        {
            if (fetched)
            {
                await rig.SucceedAsync(); // nothing needs writing
                Assert.Equal(ModelDownloadFailure.Disk, Assert.Throws<ModelDownloadException>(() => rig.Store().Remove(HubRig.Name)).Failure);
                rig.RequireWhole();
            }
            else
            {
                ModelDownloadException error = await rig.FailAsync(ModelDownloadFailure.Disk);
                Assert.Contains(folder, error.Message, StringComparison.Ordinal);
            }
        }
        finally
        {
            SetMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        static void SetMode(string path, UnixFileMode mode)
        {
            if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, mode);
        }
    }

    [Fact]
    public async Task What_a_writer_that_died_has_left_is_cleared_away()
    {
        await using HubRig rig = await HubRig.StartAsync();
        string folder = Path.Combine(rig.Cache, HubRig.Name), left = Path.Combine(folder, "model.gguf.part.json.123-4.tmp");
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(left, "{", TestContext.Current.CancellationToken);
        await rig.SucceedAsync();
        Assert.False(File.Exists(left));
        await File.WriteAllTextAsync(left, "{", TestContext.Current.CancellationToken);
        rig.Store().Remove(HubRig.Name);
        Assert.False(Directory.Exists(folder));
    }

    /// <summary>A disk that says when it is told to keep what it has.</summary>
    sealed class ForcedDisk(string path, Action forced) : FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, 0, FileOptions.Asynchronous)
    {
        public override void Flush(bool flushToDisk)
        {
            if (flushToDisk) forced();
            base.Flush(flushToDisk);
        }
    }
}
