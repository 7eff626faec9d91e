using Microsoft.Extensions.Options;
using SK.FasterVlm.Server.Protocol;

namespace SK.FasterVlm.Server.Requests;

/// <summary>
/// Bounds what the process holds at once: bodies that are still coming, requests whose body has come, and the bytes of both and of the
/// images fetched for them. Bodies that come slowly take no request's place, and large ones leave room for small ones. Thread-safe.
/// </summary>
sealed class Admission(IOptions<FasterVlmServerOptions> options)
{
    /// <summary>Bytes up to which a request may use all of the memory; larger ones have to leave a quarter of it.</summary>
    public const long Small = 1 << 20;

    readonly FasterVlmServerOptions _options = options.Value;
    readonly Lock _lock = new();
    int _incoming, _requests;
    long _bytes, _large;

    /// <summary>Requests held whose body has come.</summary>
    public int Requests
    {
        get { lock (_lock) return _requests; }
    }

    /// <summary>Requests whose body is coming.</summary>
    public int Incoming
    {
        get { lock (_lock) return _incoming; }
    }

    /// <summary>Bytes held.</summary>
    public long Bytes
    {
        get { lock (_lock) return _bytes; }
    }

    /// <summary>Takes a place for a body to come.</summary>
    /// <exception cref="ApiException">No place left, or none for the request once it is there: 429.</exception>
    public Place Enter()
    {
        lock (_lock)
        {
            if (_requests >= _options.MaxConcurrentRequests || _incoming >= _options.MaxIncomingRequests) throw ApiErrors.Busy(_options.RetryAfter);
            _incoming++;
        }
        return new Place(this);
    }

    /// <summary>A place; dispose it when the answer is out. Thread-safe.</summary>
    public sealed class Place : IDisposable
    {
        readonly Admission _owner;
        long _bytes;
        bool _whole, _left;

        internal Place(Admission owner) => _owner = owner;

        /// <summary>
        /// Counts bytes as they come: not what a client says it will send, or a few that say much and send little would take all there is.
        /// </summary>
        /// <param name="bytes">Bytes held in addition.</param>
        /// <exception cref="ApiException">All requests together hold too many: 429.</exception>
        public void Hold(long bytes)
        {
            FasterVlmServerOptions limits = _owner._options;
            lock (_owner._lock)
            {
                if (_left) return;
                long large = _owner._large + Large(_bytes + bytes) - Large(_bytes);
                long mostLarge = Math.Max(limits.MaxBufferedBytes / 4 * 3, limits.MaxBodyBytes);
                if (_owner._bytes + bytes > limits.MaxBufferedBytes || (large > _owner._large && large > mostLarge)) throw ApiErrors.Busy(limits.RetryAfter);
                (_owner._bytes, _owner._large, _bytes) = (_owner._bytes + bytes, large, _bytes + bytes);
            }
        }

        /// <summary>The body is there: from now on it is a request.</summary>
        /// <exception cref="ApiException">There are as many as may be: 429.</exception>
        public void Arrived()
        {
            lock (_owner._lock)
            {
                if (_owner._requests >= _owner._options.MaxConcurrentRequests) throw ApiErrors.Busy(_owner._options.RetryAfter);
                _owner._incoming--;
                _owner._requests++;
                _whole = true;
            }
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            lock (_owner._lock)
            {
                if (_left) return;
                _left = true;
                if (_whole) _owner._requests--;
                else _owner._incoming--;
                _owner._bytes -= _bytes;
                _owner._large -= Large(_bytes);
            }
        }

        static long Large(long bytes) => bytes > Small ? bytes : 0;
    }
}
