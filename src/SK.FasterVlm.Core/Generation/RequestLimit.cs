using System.Diagnostics;

namespace SK.FasterVlm.Generation;

/// <summary>Bounds the requests in the house, and knows about when a place will be free. Thread-safe.</summary>
/// <param name="running">Requests that can run at once.</param>
/// <param name="waiting">Requests that may wait beside them.</param>
sealed class RequestLimit(int running, int waiting)
{
    const double Weight = 0.2;
    static readonly TimeSpan s_soonest = TimeSpan.FromSeconds(1), s_latest = TimeSpan.FromMinutes(10);

    readonly Lock _lock = new();
    int _count;
    double _seconds;

    /// <summary>Requests in the house.</summary>
    public int Count
    {
        get
        {
            lock (_lock) return _count;
        }
    }

    /// <summary>Lets a request in.</summary>
    /// <exception cref="ServerBusyException">The house is full.</exception>
    public Place Enter()
    {
        lock (_lock)
        {
            if (_count >= running + waiting) throw new ServerBusyException(Math.Max(0, _count - running), RetryAfter());
            _count++;
        }
        return new Place(this);
    }

    // When `running` requests take turns and each takes so long, one of them ends about every so often.
    TimeSpan RetryAfter()
    {
        TimeSpan estimate = TimeSpan.FromSeconds(_seconds / running);
        return estimate < s_soonest ? s_soonest : estimate > s_latest ? s_latest : estimate;
    }

    void Leave(double? seconds)
    {
        lock (_lock)
        {
            _count--;
            if (seconds is { } s) _seconds = _seconds == 0 ? s : _seconds + (Weight * (s - _seconds));
        }
    }

    /// <summary>A request's place; disposing it frees the place.</summary>
    public sealed class Place(RequestLimit owner) : IDisposable
    {
        double? _seconds;

        /// <summary>Notes that the request ended by itself, having run since a timestamp of <see cref="Stopwatch"/>.</summary>
        public void Served(long started) => _seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;

        /// <inheritdoc/>
        public void Dispose() => owner.Leave(_seconds);
    }
}
