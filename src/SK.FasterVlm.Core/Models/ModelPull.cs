namespace SK.FasterVlm.Models;

/// <summary>Brings both files of a model into the cache: what is right stays, what is missing or wrong is fetched.</summary>
sealed class ModelPull(StoreSettings settings, IProgress<ModelDownloadProgress>? progress)
{
    internal async Task<CachedModel> RunAsync(ModelRequest request, CancellationToken cancellationToken)
    {
        string folder = Path.Combine(settings.CacheDirectory, request.Name);
        try
        {
            CreatePrivately(settings.CacheDirectory);
            CreatePrivately(folder);
            CreatePrivately(LockFolder(settings));
            string manifestPath = ModelManifest.PathOf(folder, request.Quantization);
            bool waited = false, wasThere = File.Exists(manifestPath);
            using DownloadLock held = await DownloadLock.AcquireAsync(LockPath(settings, request.Name), settings.Time, () =>
            {
                waited = true;
                progress?.Report(new ModelDownloadProgress(ModelDownloadStage.Waiting, request.Projector.FileName, 0, 2, 0, null));
            }, cancellationToken).ConfigureAwait(false);
            ModelManifest? before = ModelManifest.Read(manifestPath);
            // Who held the lock has fetched it just now and checked every byte.
            if (waited && !wasThere && before is not null && CachedModel.Of(before, folder) is { IsComplete: true } fetched) return fetched;
            RequireSpace(request, folder);
            CachedFile[] known = Known(folder, before);

            using HubClient hub = new(settings);
            // The small file first: a wrong token or a missing file shows after seconds.
            CachedFile projector = await EnsureAsync(hub, folder, request.Projector, 0, known, null, cancellationToken).ConfigureAwait(false);
            // A branch moves; the second file has to come from the commit the first one came from.
            bool sameSource = request.Model.Repository == request.Projector.Repository && request.Model.Revision == request.Projector.Revision;
            CachedFile model = await EnsureAsync(
                hub, folder, request.Model, 1, known, sameSource ? projector.Revision : null, cancellationToken).ConfigureAwait(false);

            ModelManifest manifest = new(
                ModelManifest.CurrentVersion, request.Name, request.Quantization, request.Template, request.Licence, model, projector, settings.Time.GetUtcNow());
            if (before is null || before with { Fetched = manifest.Fetched } != manifest) manifest.Write(folder);
            settings.Step?.Invoke("manifest");
            foreach (CachedFile file in manifest.Files) PartFile.Forget(Path.Combine(folder, file.File));
            return CachedModel.Of(manifest, folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw DiskErrors.Of(e, folder);
        }
    }

    internal static string LockFolder(StoreSettings settings) => Path.Combine(settings.CacheDirectory, ".locks");

    /// <summary>One lock for a model: its files, its manifests and what is known about begun ones change together.</summary>
    internal static string LockPath(StoreSettings settings, string name) => Path.Combine(LockFolder(settings), name + ".lock");

    internal static ModelDownloadException Forbidden(string name) => new(
        ModelDownloadFailure.Offline, $"{name} is not (wholly) in the cache and downloads are forbidden; run 'fastervlm pull {name}' where they are not.");

    /// <summary>What was fetched before: of this quantisation, then of others, which share the projector.</summary>
    static CachedFile[] Known(string folder, ModelManifest? before) =>
    [
        .. before?.Files ?? [],
        .. Directory.EnumerateFiles(folder, "*.json").Select(ModelManifest.Read).OfType<ModelManifest>().SelectMany(static m => m.Files),
    ];

    async Task<CachedFile> EnsureAsync(
        HubClient hub, string folder, ModelFileSource source, int index, CachedFile[] known, string? commit, CancellationToken cancellationToken)
    {
        CachedFile? before = Array.Find(known, f => f.File == source.FileName && f.Source == source.Display);
        string target = Path.Combine(folder, source.FileName);
        void Report(ModelDownloadStage stage, long bytes, long? total, string? note) =>
            progress?.Report(new ModelDownloadProgress(stage, source.FileName, index, 2, bytes, total, note));

        if (await KeptAsync(target, source, before, Report, cancellationToken).ConfigureAwait(false) is { } kept) return kept;

        if (!settings.AllowDownload) throw Forbidden(Path.GetFileName(folder));
        using PartFile part = new(target, settings);
        if (File.Exists(target)) part.TakeBack();
        // What was fetched once is fetched again: same commit, same hash.
        ModelFileSource wanted = before is null ? source : source with { Sha256 = source.Sha256 ?? before.Sha256 };
        FileDownload download = new(hub, settings, wanted, before?.Revision ?? commit, part, Report);
        FetchedFile fetched = await download.RunAsync(cancellationToken).ConfigureAwait(false);
        Report(ModelDownloadStage.Done, fetched.Bytes, fetched.Bytes, null);
        return new CachedFile(source.FileName, fetched.Bytes, fetched.Sha256, source.Display, fetched.Commit);
    }

    /// <summary>The file that is there, when every byte of it is right; a wrong one is removed.</summary>
    static async Task<CachedFile?> KeptAsync(
        string target, ModelFileSource source, CachedFile? before, Action<ModelDownloadStage, long, long?, string?> report, CancellationToken cancellationToken)
    {
        if (!File.Exists(target)) return null;
        string? expected = source.Sha256 ?? before?.Sha256;
        if (expected is null) return null; // nobody knows what it should be: its facts, if there are any, are beside it
        long bytes = new FileInfo(target).Length;
        string? problem = before is not null && before.Bytes != bytes ? $"{bytes} bytes instead of {before.Bytes}" : null;
        if (problem is null)
        {
            string hash = await FileHash.Sha256Async(
                target, done => report(ModelDownloadStage.Verifying, done, bytes, null), cancellationToken).ConfigureAwait(false);
            if (hash == expected)
            {
                report(ModelDownloadStage.Done, bytes, bytes, null);
                return before ?? new CachedFile(source.FileName, bytes, hash, source.Display, null);
            }
            problem = "damaged (wrong SHA-256)";
        }
        report(ModelDownloadStage.Verifying, bytes, bytes, $"{problem}; fetching it again");
        File.Delete(target);
        PartFile.Forget(target);
        return null;
    }

    /// <summary>Both files have to fit, as far as their sizes are known beforehand.</summary>
    void RequireSpace(ModelRequest request, string folder)
    {
        long missing = 0;
        foreach (ModelFileSource source in new[] { request.Projector, request.Model })
        {
            string target = Path.Combine(folder, source.FileName);
            if (File.Exists(target)) continue;
            long here = new FileInfo(target + ".part") is { Exists: true } part ? part.Length : 0;
            missing += Math.Max(0, (source.Bytes ?? source.ApproximateBytes ?? 0) - here);
        }
        if (missing == 0 || settings.FreeSpace(folder) is not { } free || free >= missing) return;
        throw new ModelDownloadException(
            ModelDownloadFailure.Disk,
            $"{request.Name} needs about {missing / 1e6:N0} MB more but only {free / 1e6:N0} MB are free in '{folder}'; make room or choose another cache folder.");
    }

    static void CreatePrivately(string folder)
    {
        if (Directory.Exists(folder)) return;
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
        else Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
