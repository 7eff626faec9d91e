namespace SK.FasterVlm.Generation;

/// <summary>
/// Bounds the bytes of visual tokens that requests hold before they start, so that a long line does not fill the memory: who finds no
/// room waits before its images are encoded, in the order of coming. Those that hold something never wait for those that do not, so the
/// line always moves. Thread-safe.
/// </summary>
/// <param name="capacity">Bytes; one request alone may hold more.</param>
sealed class PreparedBytes(long capacity)
{
    readonly Lock _lock = new();
    readonly LinkedList<Waiter> _line = new();
    long _held;

    /// <summary>Bytes set aside or held.</summary>
    public long Held
    {
        get
        {
            lock (_lock) return _held;
        }
    }

    /// <summary>Requests that wait for room.</summary>
    public int WaitingCount
    {
        get
        {
            lock (_lock) return _line.Count;
        }
    }

    /// <summary>Sets bytes aside, once there is room and all who came before have theirs.</summary>
    /// <param name="most">What the request may come to hold.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<Share> TakeAsync(long most, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Waiter waiter;
        lock (_lock)
        {
            waiter = new Waiter(most);
            waiter.Place = _line.AddLast(waiter);
            Admit();
        }
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(_ => Withdraw(waiter, cancellationToken), null);
        await waiter.Turn.Task.ConfigureAwait(false);
        return new Share(this, most);
    }

    void Withdraw(Waiter waiter, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (waiter.Place!.List is null) return;
            _line.Remove(waiter.Place);
            Admit(); // what was too much for the room may have stood before what is not
        }
        waiter.Turn.TrySetCanceled(cancellationToken);
    }

    void Change(long by)
    {
        lock (_lock)
        {
            _held += by;
            Admit();
        }
    }

    // Under the lock; continuations run elsewhere.
    void Admit()
    {
        while (_line.First is { } first && (_held == 0 || _held + first.Value.Bytes <= capacity))
        {
            _line.RemoveFirst();
            _held += first.Value.Bytes;
            first.Value.Turn.TrySetResult();
        }
    }

    /// <summary>What a request has set aside; disposing it gives it back. For one caller at a time.</summary>
    public sealed class Share : IDisposable
    {
        PreparedBytes? _owner;
        long _bytes;

        internal Share(PreparedBytes owner, long bytes) => (_owner, _bytes) = (owner, bytes);

        /// <summary>Notes what it has come to.</summary>
        public void Settle(long bytes)
        {
            _owner?.Change(bytes - _bytes);
            _bytes = bytes;
        }

        /// <inheritdoc/>
        public void Dispose() => Interlocked.Exchange(ref _owner, null)?.Change(-_bytes);
    }

    sealed class Waiter(long bytes)
    {
        public long Bytes { get; } = bytes;

        public LinkedListNode<Waiter>? Place { get; set; }

        public TaskCompletionSource Turn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
