namespace SK.FasterVlm.Models;

/// <summary>Removes fetched models and begun downloads; files that another quantisation shares stay.</summary>
sealed class ModelRemoval(StoreSettings settings)
{
    internal long Run(string name, string? quantization)
    {
        string folder = Path.Combine(settings.CacheDirectory, name);
        if (!Directory.Exists(folder)) throw NotCached(name, settings.CacheDirectory);
        try
        {
            using DownloadLock held = Lock(name);
            // Another may have removed it while the lock was taken.
            if (!Directory.Exists(folder)) throw NotCached(name, settings.CacheDirectory);
            return Run(folder, name, quantization);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw DiskErrors.Of(e, folder);
        }
    }

    long Run(string folder, string name, string? quantization)
    {
        ModelManifest[] manifests = [.. Directory.EnumerateFiles(folder, "*.json").Select(ModelManifest.Read).OfType<ModelManifest>()];
        ModelManifest[] leaving = [.. manifests.Where(m => quantization is null || m.Quantization == quantization)];
        HashSet<string> staying = [.. manifests.Except(leaving).SelectMany(static m => m.Files).Select(static f => f.File)];
        HashSet<string> files = [.. leaving.SelectMany(static m => m.Files).Select(static f => f.File).Where(f => !staying.Contains(f))];
        if (quantization is null) files.UnionWith(Begun(folder));
        if (leaving.Length == 0 && files.Count == 0) throw NotCached(quantization is null ? name : $"{name}:{quantization}", settings.CacheDirectory);
        // The manifests first: what is half removed must not pass for whole.
        foreach (ModelManifest manifest in leaving) File.Delete(ModelManifest.PathOf(folder, manifest.Quantization));
        long freed = files.Sum(file => Delete(Path.Combine(folder, file)));
        foreach (string leftOver in ModelManifest.LeftOvers(folder)) File.Delete(leftOver);
        // Files of somebody else stay, and the folder with them.
        if (!Directory.EnumerateFileSystemEntries(folder).Any()) Directory.Delete(folder);
        return freed;
    }

    internal static ModelDownloadException NotCached(string reference, string cacheDirectory) =>
        new(ModelDownloadFailure.UnknownModel, $"{reference} is not in the cache ('{cacheDirectory}').");

    /// <summary>Downloads that were begun, or ended without a manifest: they have facts beside them.</summary>
    static IEnumerable<string> Begun(string folder) =>
        from path in Directory.EnumerateFiles(folder, "*.gguf.part*")
        let file = Path.GetFileName(path)
        select file[..(file.IndexOf(".gguf", StringComparison.Ordinal) + 5)];

    DownloadLock Lock(string name)
    {
        ModelPull.CreatePrivately(ModelPull.LockFolder(settings));
        return DownloadLock.TryAcquire(ModelPull.LockPath(settings, name))
            ?? throw new ModelDownloadException(ModelDownloadFailure.Disk, $"Another process is fetching {name}; end it first.");
    }

    static long Delete(string path)
    {
        long freed = 0;
        foreach (string file in new[] { path, path + ".part", path + ".part.json", path + ModelPull.Damaged })
        {
            if (new FileInfo(file) is not { Exists: true } info) continue;
            freed += info.Length;
            info.Delete();
        }
        return freed;
    }
}
