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
    /// <exception cref="ApiException">No place left: 429.</exception>
    public Place Enter()
    {
        lock (_lock)
        {
            if (_requests >= _options.MaxConcurrentRequests) throw ApiErrors.Busy(_options.RetryAfter);
            _requests++;
        }
        return new Place(this);
    }

    void Hold(long bytes)
    {
        lock (_lock)
        {
            if (_bytes + bytes > _options.MaxBufferedBytes) throw ApiErrors.Busy(_options.RetryAfter);
            _bytes += bytes;
        }
    }

    void Leave(long bytes)
    {
        lock (_lock)
        {
            _requests--;
            _bytes -= bytes;
        }
    }

    /// <summary>A place; dispose it when the answer is out. For one caller at a time.</summary>
    public sealed class Place : IDisposable
    {
        Admission? _owner;
        long _bytes;

        internal Place(Admission owner) => _owner = owner;

        /// <summary>
        /// Counts the bytes of the body, as they come: not what a client says it will send, or a few that say much and send little would
        /// take all there is.
        /// </summary>
        /// <param name="bytes">Bytes held by now.</param>
        /// <exception cref="ApiException">All bodies together have too many: 429.</exception>
        public void Hold(long bytes)
        {
            if (bytes <= _bytes) return;
            _owner!.Hold(bytes - _bytes);
            _bytes = bytes;
        }

        /// <inheritdoc/>
        public void Dispose() => Interlocked.Exchange(ref _owner, null)?.Leave(_bytes);
    }
}
