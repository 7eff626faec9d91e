namespace SK.FasterVlm.Models;

/// <summary>
/// The models on this machine: fetches them by name or address, finds them again without a network, verifies and removes them.
/// Thread-safe, also between processes: a model is fetched once, whoever asks for it meanwhile waits.
/// </summary>
/// <example>
/// <code>
/// ModelStore store = new();
/// CachedModel model = await store.PullAsync("llava-1.5-7b");
/// await using var loaded = await FasterVlmModel.LoadAsync(new() { ModelPath = model.ModelPath, ProjectorPath = model.ProjectorPath });
/// </code>
/// </example>
public sealed class ModelStore
{
    readonly StoreSettings _settings;
    readonly Lazy<ModelCatalog> _catalog;

    /// <summary>Creates a store; nothing is read or written yet.</summary>
    /// <param name="options">Where and how; null takes the environment's and the platform's defaults.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    /// <exception cref="ModelDownloadException">The hub's address or the token cannot be used.</exception>
    public ModelStore(ModelStoreOptions? options = null) : this(StoreSettings.Create(options ?? new ModelStoreOptions())) { }

    internal ModelStore(StoreSettings settings)
    {
        _settings = settings;
        _catalog = new(() => settings.CatalogPath is { } path ? ModelCatalog.Load(path) : ModelCatalog.BuiltIn);
    }

    /// <summary>Folder of the models.</summary>
    public string CacheDirectory => _settings.CacheDirectory;

    /// <summary>The models that can be fetched by name.</summary>
    /// <exception cref="FasterVlmException">The catalog of one's own cannot be read.</exception>
    public ModelCatalog Catalog => _catalog.Value;

    /// <summary>Fetches a model of the catalog, or checks the bytes of one that is there (also one of one's own) and repairs it.</summary>
    /// <param name="reference"><c>llava-1.5-7b</c>, or with a quantisation <c>llava-1.5-7b:Q5_K_M</c>.</param>
    /// <param name="progress">Called from the fetching thread, often.</param>
    /// <param name="cancellationToken">Ends the transfer; what was fetched stays and is continued by the next call.</param>
    /// <exception cref="ModelDownloadException">No such model, or it could not be fetched; the message says why and what to do.</exception>
    public Task<CachedModel> PullAsync(string reference, IProgress<ModelDownloadProgress>? progress = null, CancellationToken cancellationToken = default) =>
        new ModelPull(_settings, progress).RunAsync(Request(reference), cancellationToken);

    /// <summary>Fetches a model that is in no catalog.</summary>
    /// <param name="name">Name to keep it under: 2 to 64 of a-z, 0-9, dot, dash and underscore.</param>
    /// <param name="model">The language model; of a split one the first file, the others are fetched from beside it.</param>
    /// <param name="projector">Tower and projector.</param>
    /// <param name="progress">Called from the fetching thread, often.</param>
    /// <param name="cancellationToken">Ends the transfer; what was fetched stays and is continued by the next call.</param>
    /// <exception cref="ModelDownloadException">The name is not allowed or taken by the catalog, or it could not be fetched.</exception>
    public Task<CachedModel> PullAsync(
        string name, ModelFileSource model, ModelFileSource projector, IProgress<ModelDownloadProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(projector);
        if (!ModelNames.IsModel(name)) throw NotAName(name);
        if (Catalog.Find(name) is not null)
            throw new ModelDownloadException(ModelDownloadFailure.UnknownModel, $"'{name}' is a model of the catalog; choose another name for files of your own.");
        return new ModelPull(_settings, progress).RunAsync(new ModelRequest(name, ModelManifest.OwnFiles, null, null, model, projector), cancellationToken);
    }

    /// <summary>Gives a model from the cache, without a network; fetches it when it is missing and downloads are allowed.</summary>
    /// <param name="reference"><c>NAME</c> or <c>NAME:QUANTISATION</c>.</param>
    /// <param name="progress">Called from the fetching thread, often.</param>
    /// <param name="cancellationToken">Ends the transfer.</param>
    /// <exception cref="ModelDownloadException">No such model, downloads are forbidden, or it could not be fetched.</exception>
    public Task<CachedModel> GetAsync(string reference, IProgress<ModelDownloadProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Find(reference) is { IsComplete: true } model ? Task.FromResult(model) : PullAsync(reference, progress, cancellationToken);

    /// <summary>Finds a fetched model: the quantisation asked for, else the catalog's default one, else any.</summary>
    /// <param name="reference"><c>NAME</c> or <c>NAME:QUANTISATION</c>.</param>
    /// <returns>Null when it was not fetched.</returns>
    /// <exception cref="ModelDownloadException">The text is not a model's name.</exception>
    public CachedModel? Find(string reference)
    {
        (string name, string? quantization) = Split(reference);
        CachedModel[] candidates = [.. Manifests(name)];
        if (quantization is not null) return Array.Find(candidates, c => c.Quantization == quantization);
        string? standard = Catalog.Find(name)?.DefaultQuantization;
        return Array.Find(candidates, c => c.Quantization == standard) ?? candidates.FirstOrDefault(static c => c.IsComplete) ?? candidates.FirstOrDefault();
    }

    /// <summary>Refuses a reference that can be neither found nor fetched; asks no network.</summary>
    /// <param name="reference"><c>NAME</c> or <c>NAME:QUANTISATION</c>.</param>
    /// <exception cref="ModelDownloadException">No such model, or it is not in the cache and downloads are forbidden.</exception>
    public void RequireAvailable(string reference)
    {
        if (Find(reference) is { IsComplete: true }) return;
        ModelRequest request = Request(reference);
        if (!_settings.AllowDownload) throw ModelPull.Forbidden(request.Name);
    }

    /// <summary>All fetched models, by name and quantisation.</summary>
    public IReadOnlyList<CachedModel> List() => [.. Folders().SelectMany(folder => Manifests(Path.GetFileName(folder)))];

    /// <summary>Downloads that were begun and can be continued by pulling again.</summary>
    public IReadOnlyList<PartialDownload> ListPartial() =>
    [
        .. from folder in Folders()
           from path in Directory.EnumerateFiles(folder, "*.gguf.part").Order(StringComparer.Ordinal)
           select new PartialDownload(Path.GetFileName(folder), Path.GetFileNameWithoutExtension(path), new FileInfo(path).Length),
    ];

    /// <summary>Reads both files of a fetched model and compares them with what was fetched. Needs no network.</summary>
    /// <param name="reference"><c>NAME</c> or <c>NAME:QUANTISATION</c>.</param>
    /// <param name="progress">Told how far the reading is.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <returns>One entry per file. <see cref="PullAsync(string, IProgress{ModelDownloadProgress}?, CancellationToken)"/> repairs what is wrong.</returns>
    /// <exception cref="ModelDownloadException">It was not fetched, or the disk failed.</exception>
    public Task<IReadOnlyList<FileVerification>> VerifyAsync(
        string reference, IProgress<ModelDownloadProgress>? progress = null, CancellationToken cancellationToken = default) =>
        ModelVerification.RunAsync(Find(reference) ?? throw ModelRemoval.NotCached(reference, CacheDirectory), progress, cancellationToken);

    /// <summary>Removes a model: the quantisation asked for, or all of them and what was begun.</summary>
    /// <param name="reference"><c>NAME</c> or <c>NAME:QUANTISATION</c>.</param>
    /// <returns>Bytes freed.</returns>
    /// <exception cref="ModelDownloadException">It is not there, another process is fetching it, or the disk failed.</exception>
    public long Remove(string reference)
    {
        (string name, string? quantization) = Split(reference);
        return new ModelRemoval(_settings).Run(name, quantization);
    }

    ModelRequest Request(string reference)
    {
        (string name, string? quantization) = Split(reference);
        if (Catalog.Find(name) is not { } entry)
        {
            // Files of one's own are checked and repaired from where they came from.
            if (quantization is null or ModelManifest.OwnFiles && Own(name) is { } own) return own;
            throw new ModelDownloadException(ModelDownloadFailure.UnknownModel,
                $"There is no model '{name}' in the catalog or the cache; the catalog has {string.Join(", ", Catalog.Entries.Select(static e => e.Name))}.");
        }
        if (entry.DefaultQuantization is null || entry.Projector is null)
            throw new ModelDownloadException(ModelDownloadFailure.UnknownModel, $"{name} cannot be fetched. {entry.Notes}");
        quantization ??= entry.DefaultQuantization;
        if (!entry.Models.TryGetValue(quantization, out ModelFileSource? model))
        {
            throw new ModelDownloadException(ModelDownloadFailure.UnknownModel,
                $"{name} has no quantisation {quantization}; there are {string.Join(", ", entry.Models.Keys)}.");
        }
        return new ModelRequest(name, quantization, entry.Template, entry.Licence, model, entry.Projector);
    }

    ModelRequest? Own(string name)
    {
        if (ModelManifest.Read(ModelManifest.PathOf(Path.Combine(CacheDirectory, name), ModelManifest.OwnFiles)) is not { } manifest) return null;
        try
        {
            return new ModelRequest(name, ModelManifest.OwnFiles, manifest.Template, manifest.Licence, Source(manifest.Model), Source(manifest.Projector));
        }
        catch (ModelDownloadException)
        {
            return null; // a manifest that names no source
        }

        static ModelFileSource Source(CachedFile f) => ModelFileSource.Parse(f.Source) with { Revision = f.Requested ?? "main" };
    }

    static (string Name, string? Quantization) Split(string reference)
    {
        ArgumentNullException.ThrowIfNull(reference);
        return ModelNames.TryReference(reference, out string name, out string? quantization) ? (name, quantization) : throw NotAName(reference);
    }

    IEnumerable<CachedModel> Manifests(string name)
    {
        string folder = Path.Combine(CacheDirectory, name);
        if (!Directory.Exists(folder)) return [];
        return Directory.EnumerateFiles(folder, "*.json").Order(StringComparer.Ordinal)
            .Select(ModelManifest.Read).OfType<ModelManifest>().Select(m => CachedModel.Of(m, folder));
    }

    IEnumerable<string> Folders() => !Directory.Exists(CacheDirectory) ? [] : Directory.EnumerateDirectories(CacheDirectory)
        .Where(static folder => ModelNames.IsModel(Path.GetFileName(folder))).Order(StringComparer.Ordinal);

    static ModelDownloadException NotAName(string text) => new(
        ModelDownloadFailure.UnknownModel,
        $"'{Gguf.Printable.Escape(text)}' is not a model's name: write a name of the catalog, with a quantisation if you like (llava-1.5-7b:Q5_K_M).");
}
