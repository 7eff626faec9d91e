namespace SK.FasterVlm.Models;

/// <summary>Brings the files of a model into the cache: what is right stays, what is missing or wrong is fetched.</summary>
sealed class ModelPull(StoreSettings settings, IProgress<ModelDownloadProgress>? progress)
{
    /// <summary>Ending of a file whose bytes have changed since it was fetched, until its like is there again.</summary>
    internal const string Damaged = ".damaged";

    /// <summary>A file that is right.</summary>
    /// <param name="Source">Where it is from.</param>
    /// <param name="Facts">What goes into the manifest.</param>
    /// <param name="Waiting">Where it lies as long as the one that it replaces has its name; null when it has its name.</param>
    sealed record ReadyFile(ModelFileSource Source, CachedFile Facts, PartFile? Waiting);

    internal async Task<CachedModel> RunAsync(ModelRequest request, CancellationToken cancellationToken)
    {
        string folder = Path.Combine(settings.CacheDirectory, request.Name);
        ModelFileSource[] sources = request.Files();
        try
        {
            CreatePrivately(settings.CacheDirectory);
            CreatePrivately(LockFolder(settings));
            string manifestPath = ModelManifest.PathOf(folder, request.Quantization);
            bool waited = false, wasThere = File.Exists(manifestPath);
            using DownloadLock held = await DownloadLock.AcquireAsync(LockPath(settings, request.Name), settings.Time, () =>
            {
                waited = true;
                progress?.Report(new ModelDownloadProgress(ModelDownloadStage.Waiting, request.Projector.FileName, 0, sources.Length, 0, null));
            }, cancellationToken).ConfigureAwait(false);
            CreatePrivately(folder); // under the lock: who removes a model takes its folder along
            foreach (string leftOver in ModelManifest.LeftOvers(folder)) File.Delete(leftOver);
            ModelManifest? before = ModelManifest.Read(manifestPath);
            // Who held the lock has fetched it just now and checked every byte; but perhaps another revision, or other files.
            if (waited && !wasThere && before is not null && request.IsAnsweredBy(before) && CachedModel.Of(before, folder) is { IsComplete: true } fetched)
                return fetched;
            RequireSpace(request.Name, sources, folder);
            CachedFile[] known = Known(folder, before);

            using HubClient hub = new(settings);
            List<ReadyFile> ready = [];
            foreach (ModelFileSource source in sources)
            {
                // A branch moves; a further file has to come from the commit the one before came from.
                string? commit = ready.LastOrDefault(r => source.Repository is not null && r.Source.Repository == source.Repository && r.Source.Revision == source.Revision)
                    ?.Facts.Revision;
                ready.Add(await EnsureAsync(hub, folder, source, (ready.Count, sources.Length), known, commit, cancellationToken).ConfigureAwait(false));
            }
            CachedFile[] parts = [.. ready.Skip(2).Select(static r => r.Facts)];
            ModelManifest manifest = new(
                ModelManifest.CurrentVersion, request.Name, request.Quantization, request.Template, request.Licence, ready[1].Facts, ready[0].Facts, settings.Time.GetUtcNow())
            {
                Parts = parts.Length > 0 ? parts : null,
            };
            Complete(manifest, before, ready, folder);
            return CachedModel.Of(manifest, folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw DiskErrors.Of(e, folder);
        }
    }

    /// <summary>Checks that the files belong together, exchanges what is replaced, and writes the manifest.</summary>
    void Complete(ModelManifest manifest, ModelManifest? before, List<ReadyFile> ready, string folder)
    {
        PartFile[] waiting = [.. ready.Select(static r => r.Waiting).OfType<PartFile>()];
        string PathOf(int i) => ready[i].Waiting?.Path ?? Path.Combine(folder, ready[i].Facts.File);
        // The parts of a split model find each other by their names, which they must have first.
        bool early = ready.Count == 2 || waiting.Length == 0;
        if (early) RequirePair(manifest.Name, PathOf(1), PathOf(0));
        if (waiting.Length > 0)
        {
            // What is half exchanged must not pass for whole.
            File.Delete(ModelManifest.PathOf(folder, manifest.Quantization));
            before = null;
            foreach (PartFile part in waiting) part.Accept();
        }
        if (!early) RequirePair(manifest.Name, Path.Combine(folder, manifest.Model.File), Path.Combine(folder, manifest.Projector.File));
        if (before is null || !before.Says(manifest)) manifest.Write(folder);
        settings.Step?.Invoke("manifest");
        foreach (CachedFile file in manifest.Files)
        {
            PartFile.Forget(Path.Combine(folder, file.File));
            File.Delete(Path.Combine(folder, file.File) + Damaged);
        }
    }

    static void RequirePair(string name, string model, string projector)
    {
        try
        {
            Gguf.ModelPairValidator.Validate(model, projector);
        }
        catch (ModelFormatException e)
        {
            throw new ModelDownloadException(
                ModelDownloadFailure.NotAPair,
                $"The files of {name} cannot be used together: {e.Message.Replace(".gguf.part", ".gguf", StringComparison.Ordinal)} "
                + $"They are kept; pull again with another file, or 'fastervlm models remove {name}'.", e);
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

    async Task<ReadyFile> EnsureAsync(
        HubClient hub, string folder, ModelFileSource source, (int Index, int Count) place, CachedFile[] known, string? commit, CancellationToken cancellationToken)
    {
        CachedFile? before = Array.Find(known, f => f.IsOf(source));
        string target = Path.Combine(folder, source.FileName);
        void Report(ModelDownloadStage stage, long bytes, long? total, string? note) =>
            progress?.Report(new ModelDownloadProgress(stage, source.FileName, place.Index, place.Count, bytes, total, note));

        (CachedFile? kept, string? problem) = await KeptAsync(target, source, before, Report, cancellationToken).ConfigureAwait(false);
        if (kept is not null) return new ReadyFile(source, kept, null);

        if (!settings.AllowDownload) throw Forbidden(Path.GetFileName(folder));
        if (problem is not null)
        {
            Report(ModelDownloadStage.Verifying, new FileInfo(target).Length, before!.Bytes, $"{problem}; fetching it again");
            File.Move(target, target + Damaged, overwrite: true); // nobody must load it meanwhile
            PartFile.Forget(target);
        }
        // What was fetched once is fetched again: same commit, same hash.
        ModelFileSource wanted = before is null ? source : source with { Sha256 = source.Sha256 ?? before.Sha256 };
        string? pinned = before?.Revision ?? commit;
        using PartFile part = new(target, settings);
        part.TakeBack(wanted, pinned);
        // A file of another revision stays in use until all that replaces it is there.
        bool replaces = File.Exists(target);
        FileDownload download = new(hub, settings, wanted, pinned, part, Report);
        FetchedFile fetched = await download.RunAsync(accept: !replaces, cancellationToken).ConfigureAwait(false);
        Report(ModelDownloadStage.Done, fetched.Bytes, fetched.Bytes, null);
        return new ReadyFile(
            source, new CachedFile(source.FileName, fetched.Bytes, fetched.Sha256, source.Display, fetched.Commit, source.Revision), replaces ? part : null);
    }

    /// <summary>The file that is there, when every byte of it is right; or what has become of it since it was fetched. Changes nothing.</summary>
    static async Task<(CachedFile? Kept, string? Problem)> KeptAsync(
        string target, ModelFileSource source, CachedFile? before, Action<ModelDownloadStage, long, long?, string?> report, CancellationToken cancellationToken)
    {
        if (!File.Exists(target)) return default;
        string? expected = source.Sha256 ?? before?.Sha256;
        if (expected is null) return default; // nobody knows what it should be: its facts, if there are any, are beside it
        long bytes = new FileInfo(target).Length;
        if (before is not null && before.Bytes != bytes) return (null, $"{bytes} bytes instead of {before.Bytes}");
        string hash = await FileHash.Sha256Async(
            target, done => report(ModelDownloadStage.Verifying, done, bytes, null), cancellationToken).ConfigureAwait(false);
        if (hash != expected) return (null, before is null ? null : "damaged (wrong SHA-256)"); // without a record it is another file
        report(ModelDownloadStage.Done, bytes, bytes, null);
        return (before ?? new CachedFile(source.FileName, bytes, hash, source.Display, null, source.Revision), null);
    }

    /// <summary>All files have to fit, as far as their sizes are known beforehand.</summary>
    void RequireSpace(string name, ModelFileSource[] sources, string folder)
    {
        long missing = 0;
        foreach (ModelFileSource source in sources)
        {
            string target = Path.Combine(folder, source.FileName);
            if (File.Exists(target)) continue;
            long here = new FileInfo(target + ".part") is { Exists: true } part ? part.Length : 0;
            missing += Math.Max(0, (source.Bytes ?? source.ApproximateBytes ?? 0) - here);
        }
        if (missing == 0 || settings.FreeSpace(folder) is not { } free || free >= missing) return;
        throw new ModelDownloadException(
            ModelDownloadFailure.Disk,
            $"{name} needs about {missing / 1e6:N0} MB more but only {free / 1e6:N0} MB are free in '{folder}'; make room or choose another cache folder.");
    }

    internal static void CreatePrivately(string folder)
    {
        if (Directory.Exists(folder)) return;
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
        else Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
