using System.Security.Cryptography;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Generation;

/// <summary>
/// What makes visual tokens what they are. A cache belongs to one model, so its tower and its preprocessing need not be named.
/// </summary>
/// <param name="Image">SHA-256 of the file's bytes, first half.</param>
/// <param name="ImageRest">The other half.</param>
/// <param name="Selector">The selector's type if it has no parameters, else the selector itself, compared by its own equality.</param>
/// <param name="Budget">The budget.</param>
/// <param name="Seed">The selector's seed; 0 where it draws nothing.</param>
/// <param name="Views">View settings; null are the encoder's own.</param>
readonly record struct VisionKey(
    UInt128 Image, UInt128 ImageRest, object Selector, VisualTokenBudget Budget, int Seed, ViewSettings? Views)
{
    /// <summary>The key of an image in a request.</summary>
    public static VisionKey Of(ReadOnlySpan<byte> file, GenerationRequest request)
    {
        IVisualTokenSelector selector = request.Selector;
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(file, hash);
        ReadOnlySpan<UInt128> halves = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, UInt128>(hash);
        bool draws = selector is not (ClsAttentionSelector or UniformSelector);
        object who = selector is ClsAttentionSelector or UniformSelector or RandomSelector ? selector.GetType() : selector;
        return new VisionKey(halves[0], halves[1], who, request.Budget, draws ? request.SelectorSeed : 0, request.Views);
    }
}

/// <summary>Visual tokens with the key of their rows.</summary>
/// <param name="Tokens">The tokens.</param>
/// <param name="RowKey">See <see cref="RowKey.OfImage"/>.</param>
sealed record CachedImage(VisualTokens Tokens, UInt128 RowKey)
{
    /// <summary>Managed memory it takes, without the objects' heads.</summary>
    public long Bytes =>
        sizeof(float) * (Tokens.Embeddings.Length + Tokens.ClsAttention.Sum(static v => (long)v.Length))
        + (sizeof(int) * Tokens.Kept.Sum(static v => (long)v.Length));
}

/// <summary>
/// Visual tokens of images seen before, so that no image is encoded twice: neither again later nor by two requests at once. Bounded by
/// bytes; the longest unused goes first, and what a request holds stays. Thread-safe.
/// </summary>
/// <param name="capacity">Bytes to keep; 0 keeps nothing and shares nothing.</param>
sealed class VisionCache(long capacity)
{
    readonly Dictionary<VisionKey, Entry> _entries = [];
    readonly LinkedList<Entry> _order = new(); // longest unused first
    long _bytes, _hits, _misses;
    int _pinned;

    /// <summary>Whether anything is kept.</summary>
    public bool IsOn => capacity > 0;

    /// <summary>Bytes of the images held.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Images held or being encoded.</summary>
    public int Count
    {
        get
        {
            lock (_entries) return _entries.Count;
        }
    }

    /// <summary>Leases that are out.</summary>
    public int Pinned => Volatile.Read(ref _pinned);

    /// <summary>Images found, those that another request was encoding included.</summary>
    public long Hits => Interlocked.Read(ref _hits);

    /// <summary>Images that had to be encoded.</summary>
    public long Misses => Interlocked.Read(ref _misses);

    /// <summary>Finds an image, waits for whoever encodes it, or encodes it.</summary>
    /// <param name="key">What it is.</param>
    /// <param name="encode">Encodes it; its token is cancelled when nobody waits for the image any more.</param>
    /// <param name="cancellationToken">Ends the waiting of this caller alone.</param>
    /// <returns>Keeps the image from being evicted until disposed.</returns>
    public async Task<Lease> GetAsync(VisionKey key, Func<CancellationToken, Task<CachedImage>> encode, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        bool found;
        Entry? entry;
        lock (_entries)
        {
            found = _entries.TryGetValue(key, out entry);
            if (!found) _entries.Add(key, entry = new Entry(key));
            entry!.Users++;
            _pinned++;
            if (entry.Place.List is not null) _order.Remove(entry.Place);
        }
        Interlocked.Increment(ref found ? ref _hits : ref _misses);
        if (!found) _ = FillAsync(entry, encode);
        try
        {
            return new Lease(this, entry, await entry.Image.Task.WaitAsync(cancellationToken).ConfigureAwait(false), found);
        }
        catch
        {
            Release(entry);
            throw;
        }
    }

    /// <summary>Never throws: what goes wrong goes to those who wait.</summary>
    async Task FillAsync(Entry entry, Func<CancellationToken, Task<CachedImage>> encode)
    {
        try
        {
            CachedImage image = await encode(entry.Abandoned.Token).ConfigureAwait(false);
            lock (_entries)
            {
                entry.Bytes = image.Bytes;
                if (_entries.TryGetValue(entry.Key, out Entry? listed) && listed == entry) _bytes += entry.Bytes;
                entry.Done = true;
            }
            entry.Image.SetResult(image);
        }
        catch (Exception e)
        {
            lock (_entries) Forget(entry);
            entry.Image.SetException(e);
            _ = entry.Image.Task.Exception; // seen, also when nobody waits any more
        }
    }

    void Release(Entry entry)
    {
        bool abandon = false;
        lock (_entries)
        {
            _pinned--;
            if (--entry.Users == 0)
            {
                if (!entry.Done)
                {
                    // A request that comes now must not wait for what is being cancelled.
                    Forget(entry);
                    abandon = true;
                }
                else if (_entries.TryGetValue(entry.Key, out Entry? listed) && listed == entry)
                {
                    _order.AddLast(entry.Place);
                }
            }
            while (_bytes > capacity && _order.First is { } oldest)
            {
                _order.RemoveFirst();
                Forget(oldest.Value);
            }
        }
        if (abandon) _ = entry.Abandoned.CancelAsync();
    }

    void Forget(Entry entry)
    {
        if (!_entries.TryGetValue(entry.Key, out Entry? listed) || listed != entry) return;
        _entries.Remove(entry.Key);
        _bytes -= entry.Bytes;
    }

    /// <summary>An image in use.</summary>
    public sealed class Lease : IDisposable
    {
        readonly Entry _entry;
        VisionCache? _cache;

        internal Lease(VisionCache cache, Entry entry, CachedImage image, bool hit) => (_cache, _entry, Image, Hit) = (cache, entry, image, hit);

        /// <summary>The image.</summary>
        public CachedImage Image { get; }

        /// <summary>Whether another request had encoded it, or was doing so.</summary>
        public bool Hit { get; }

        /// <inheritdoc/>
        public void Dispose() => Interlocked.Exchange(ref _cache, null)?.Release(_entry);
    }

    /// <summary>An image held or being encoded. Guarded by the cache's lock.</summary>
    internal sealed class Entry
    {
        public Entry(VisionKey key)
        {
            Key = key;
            Place = new LinkedListNode<Entry>(this);
        }

        public VisionKey Key { get; }
        public LinkedListNode<Entry> Place { get; }
        public TaskCompletionSource<CachedImage> Image { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
        public CancellationTokenSource Abandoned { get; } = new(); // without a timer there is nothing to dispose
        public int Users { get; set; }
        public long Bytes { get; set; }
        public bool Done { get; set; }
    }
}
