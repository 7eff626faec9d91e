using System.Security.Cryptography;
using SK.FasterVlm.Core.Tests.Gguf;
using SK.FasterVlm.Gguf;
using SK.FasterVlm.Models;

namespace SK.FasterVlm.Core.Tests.Models;

/// <summary>A hub with one model of two files, a catalog that names it, and an empty cache.</summary>
sealed class HubRig : IAsyncDisposable
{
    internal const string Name = "demo-vlm";
    readonly TemporaryDirectory _folder = new();

    HubRig(FaultyHub hub) => Hub = hub;

    internal FaultyHub Hub { get; }

    internal byte[] Model { get; private set; } = [];

    internal byte[] Projector { get; private set; } = [];

    internal string Cache => Path.Combine(_folder.Path, "cache");

    internal string ModelPath => Path.Combine(Cache, Name, "model.gguf");

    internal string ProjectorPath => Path.Combine(Cache, Name, "mmproj.gguf");

    internal string ModelPart => ModelPath + ".part";

    internal string Catalog => Path.Combine(_folder.Path, "catalog.json");

    internal static async Task<HubRig> StartAsync(int modelBytes = 300_000, byte[]? model = null, byte[]? projector = null)
    {
        HubRig rig = new(await FaultyHub.StartAsync());
        rig.Model = model ?? File(modelBytes, 1);
        rig.Projector = projector ?? ProjectorFile(2);
        rig.Hub.Put("acme/demo/model.gguf", rig.Model);
        rig.Hub.Put("acme/demo/big.gguf", File(modelBytes + 4_000, 3));
        rig.Hub.Put("acme/demo/mmproj.gguf", rig.Projector);
        rig.WriteCatalog();
        return rig;
    }

    // The smallest there is, so that the noise makes most of a file.
    static readonly ModelGeometry s_smallest = ModelGeometry.Tiny with
    {
        Vision = new VisionGeometry(ImageSize: 28, PatchSize: 14, Width: 32, FeedForward: 64, Heads: 2, Layers: 2),
        Language = new LanguageGeometry(Width: 64, FeedForward: 64, Heads: 2, KeyValueHeads: 2, Layers: 1, Vocabulary: 384, ContextLength: 128),
    };

    /// <summary>A language model with noise beside its weights; of one size for one number of bytes, which it is about.</summary>
    internal static byte[] File(int bytes, int seed) => Language(bytes, seed).ToArray().Bytes;

    /// <summary>A projector that fits every <see cref="File"/>, or one of another width.</summary>
    internal static byte[] ProjectorFile(int seed, int width = 64)
    {
        ModelGeometry geometry = s_smallest with { Language = s_smallest.Language with { Width = width } };
        return SyntheticProjector.Build(geometry, new SyntheticModelOptions { Seed = seed, Name = "demo" }).ToArray().Bytes;
    }

    /// <summary>What <see cref="File"/> writes.</summary>
    internal static GgufWriter Language(int bytes, int seed)
    {
        const int header = 12_000;
        GgufWriter writer = SyntheticLanguage.Build(s_smallest, new SyntheticModelOptions { Seed = seed, Name = "demo" });
        Random random = new(seed);
        float[] noise = [.. Enumerable.Range(0, (int)Math.Max(4, (bytes - header - writer.DataBytes) / 4)).Select(_ => random.NextSingle())];
        return writer.AddTensor("noise", GgmlType.F32, [noise.Length], noise);
    }

    internal static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <summary>Writes the catalog, with a hash or size of the model if the test wants one.</summary>
    internal void WriteCatalog(string? sha256 = null, long? bytes = null)
    {
        string facts = $"\"sha256\": {(sha256 is null ? "null" : $"\"{sha256}\"")}, \"bytes\": {bytes?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "null"}";
        System.IO.File.WriteAllText(Catalog, $$"""
            { "version": 1, "models": [ {
                "name": "{{Name}}", "title": "Demo", "licence": "MIT", "template": "vicuna_v1", "repository": "acme/demo", "default": "Q4_K",
                "models": { "Q4_K": { "file": "model.gguf", {{facts}} }, "Q8_0": { "file": "big.gguf" } }, "projector": { "file": "mmproj.gguf" } } ] }
            """);
    }

    internal ModelStore Store(Action<ModelStoreOptions>? configure = null, Func<StoreSettings, StoreSettings>? seams = null, Func<string, string?>? environment = null)
    {
        ModelStoreOptions options = new()
        {
            CacheDirectory = Cache,
            CatalogPath = Catalog,
            Endpoint = Hub.Endpoint.AbsoluteUri,
            RetryDelay = TimeSpan.Zero,
            MaxRetries = 3,
        };
        configure?.Invoke(options);
        StoreSettings settings = StoreSettings.Create(options, environment ?? (static _ => null));
        return new ModelStore(seams?.Invoke(settings) ?? settings);
    }

    /// <summary>Pulls, which has to fail.</summary>
    internal async Task<ModelDownloadException> FailAsync(ModelDownloadFailure failure, Action<ModelStoreOptions>? configure = null, Func<StoreSettings, StoreSettings>? seams = null)
    {
        ModelDownloadException error = await Assert.ThrowsAsync<ModelDownloadException>(
            () => Store(configure, seams).PullAsync(Name, cancellationToken: TestContext.Current.CancellationToken));
        Assert.True(failure == error.Failure, $"{error.Failure}: {error.Message}");
        Assert.DoesNotContain('\n', error.Message);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
        Assert.False(System.IO.File.Exists(ModelPath), "a refused file has its name");
        return error;
    }

    /// <summary>Pulls, which has to succeed, with the right bytes in both files.</summary>
    internal async Task<CachedModel> SucceedAsync(Action<ModelStoreOptions>? configure = null, Func<StoreSettings, StoreSettings>? seams = null, IProgress<ModelDownloadProgress>? progress = null)
    {
        CachedModel model = await Store(configure, seams).PullAsync(Name, progress, TestContext.Current.CancellationToken);
        RequireWhole();
        Assert.True(model.IsComplete);
        return model;
    }

    internal void RequireWhole()
    {
        Assert.Equal(Hash(Model), Hash(System.IO.File.ReadAllBytes(ModelPath)));
        Assert.Equal(Hash(Projector), Hash(System.IO.File.ReadAllBytes(ProjectorPath)));
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(Cache, Name), "*.part*"));
    }

    /// <summary>Pulls until the model's part holds some bytes, and stops there.</summary>
    internal async Task BeginAsync(int bytes)
    {
        Func<Microsoft.AspNetCore.Http.HttpContext, byte[], int, Task<bool>>? fault = Hub.BlobFault;
        Hub.BlobFault = async (context, blob, _) =>
        {
            if (blob.Length != Model.Length) return false;
            await Hub.SendAsync(context, blob, stopAfter: bytes);
            return true;
        };
        await Assert.ThrowsAsync<ModelDownloadException>(() => Store(static o => o.MaxRetries = 0).PullAsync(Name));
        Hub.BlobFault = fault;
        Hub.ForgetRequests();
    }

    public async ValueTask DisposeAsync()
    {
        await Hub.DisposeAsync();
        _folder.Dispose();
    }
}

/// <summary>A disk that fails or dies at a chosen write.</summary>
sealed class FaultyDisk(string path, Func<int, int> allow, Func<Exception> error)
    : FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, 0, FileOptions.Asynchronous)
{
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count = Math.Min(allow(buffer.Length), buffer.Length);
        await base.WriteAsync(buffer[..count], cancellationToken);
        if (count < buffer.Length) throw error();
    }
}

/// <summary>The process ends here: nobody catches this, as nobody survives a kill -9.</summary>
sealed class KilledException : Exception;

/// <summary>A clock that stands still until it is told to go on.</summary>
sealed class ManualTime : TimeProvider
{
    readonly Lock _lock = new();
    readonly List<Entry> _timers = [];
    DateTimeOffset _now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public override DateTimeOffset GetUtcNow() => _now;

    public override long GetTimestamp() => _now.Ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        Entry entry = new(this, callback, state);
        entry.Change(dueTime, period);
        return entry;
    }

    internal void Advance(TimeSpan by)
    {
        Entry[] due;
        lock (_lock)
        {
            _now += by;
            due = [.. _timers.Where(t => t.Due <= _now)];
            _timers.RemoveAll(t => t.Due <= _now);
        }
        foreach (Entry timer in due) timer.Fire();
    }

    sealed class Entry(ManualTime time, TimerCallback callback, object? state) : ITimer
    {
        internal DateTimeOffset Due { get; private set; }

        internal void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time._lock)
            {
                time._timers.Remove(this);
                if (dueTime == Timeout.InfiniteTimeSpan) return true;
                Due = time._now + dueTime;
                time._timers.Add(this);
            }
            return true;
        }

        public void Dispose() => Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
