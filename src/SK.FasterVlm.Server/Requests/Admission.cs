using Microsoft.Extensions.Options;
using SK.FasterVlm.Server.Protocol;

namespace SK.FasterVlm.Server.Requests;

/// <summary>
/// Bounds the requests the process holds at once, and the bytes of their bodies, before anything of them is read. Thread-safe.
/// </summary>
sealed class Admission(IOptions<FasterVlmServerOptions> options)
{
    readonly FasterVlmServerOptions _options = options.Value;
    readonly Lock _lock = new();
    int _requests;
    long _bytes;

    /// <summary>Requests held.</summary>
    public int Requests
    {
        get { lock (_lock) return _requests; }
    }

    /// <summary>Takes a place.</summary>
    /// <param name="contentLength">What the client says it will send; null counts as the most it may.</param>
    /// <exception cref="ApiException">No place left: 429.</exception>
    public Place Enter(long? contentLength)
    {
        long bytes = Math.Clamp(contentLength ?? _options.MaxBodyBytes, 0, _options.MaxBodyBytes);
        lock (_lock)
        {
            if (_requests >= _options.MaxConcurrentRequests || _bytes + bytes > _options.MaxBufferedBytes) throw ApiErrors.Busy(_options.RetryAfter);
            _requests++;
            _bytes += bytes;
        }
        return new Place(this, bytes);
    }

    void Leave(long bytes)
    {
        lock (_lock)
        {
            _requests--;
            _bytes -= bytes;
        }
    }

    /// <summary>A place; dispose it when the answer is out.</summary>
    public sealed class Place : IDisposable
    {
        readonly long _bytes;
        Admission? _owner;

        internal Place(Admission owner, long bytes) => (_owner, _bytes) = (owner, bytes);

        /// <inheritdoc/>
        public void Dispose() => Interlocked.Exchange(ref _owner, null)?.Leave(_bytes);
    }
}
