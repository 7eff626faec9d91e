namespace SK.FasterVlm.Generation;

/// <summary>Counts the requests in work, so that a model is disposed only after the last of them has let go. Thread-safe.</summary>
sealed class ActiveRequests : IAsyncDisposable, IDisposable
{
    readonly object _lock = new();
    // Never disposed: requests that come too late still look at its token, and it holds neither timer nor wait handle.
    readonly CancellationTokenSource _closing = new();
    readonly TaskCompletionSource _empty = new(TaskCreationOptions.RunContinuationsAsynchronously);
    int _count;

    /// <summary>Whether new requests are refused.</summary>
    public bool IsClosed => _closing.IsCancellationRequested;

    /// <summary>Cancelled when the model is being disposed.</summary>
    public CancellationToken Closing => _closing.Token;

    /// <summary>Begins a request.</summary>
    /// <exception cref="ObjectDisposedException">Closed.</exception>
    public Entry Enter(object owner)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(IsClosed, owner);
            _count++;
        }
        return new Entry(this);
    }

    /// <summary>Cancels the requests in work and waits until none is left. Can be called any number of times.</summary>
    public async ValueTask DisposeAsync()
    {
        Cancel();
        await _empty.Task.ConfigureAwait(false);
    }

    /// <summary>As <see cref="DisposeAsync"/>, for callers that can only block; requests never need the blocked thread to end.</summary>
    public void Dispose()
    {
        Cancel();
        lock (_lock)
            while (_count > 0) Monitor.Wait(_lock);
    }

    void Cancel()
    {
        lock (_lock)
        {
            _ = _closing.CancelAsync(); // closed at once; callbacks run elsewhere, so none can want the lock held here
            if (_count == 0) _empty.TrySetResult();
        }
    }

    void Leave()
    {
        lock (_lock)
        {
            if (--_count > 0 || !IsClosed) return;
            _empty.TrySetResult();
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>A request in work.</summary>
    public sealed class Entry : IDisposable
    {
        readonly ActiveRequests _owner;

        internal Entry(ActiveRequests owner) => _owner = owner;

        /// <summary>Cancelled when the model is being disposed.</summary>
        public CancellationToken Closing => _owner.Closing;

        /// <inheritdoc/>
        public void Dispose() => _owner.Leave();
    }
}
