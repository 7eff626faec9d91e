namespace SK.FasterVlm.Generation;

/// <summary>Lets one request at a time use the language model, in the order they asked. Thread-safe.</summary>
sealed class ModelGate
{
    readonly LinkedList<TaskCompletionSource> _waiting = new();
    bool _taken;

    /// <summary>Waits for the model.</summary>
    /// <returns>A lease whose disposal hands the model to the next in line.</returns>
    /// <exception cref="OperationCanceledException">Cancelled while waiting; the place in the line is given up.</exception>
    public async Task<Lease> AcquireAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        TaskCompletionSource turn;
        lock (_waiting)
        {
            if (!_taken)
            {
                _taken = true;
                return new Lease(this);
            }
            turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.AddLast(turn);
        }
        using CancellationTokenRegistration registration = cancellationToken.Register(() =>
        {
            // Whoever removes the entry decides what becomes of it: this keeps a cancelled request from swallowing its turn.
            bool removed;
            lock (_waiting) removed = _waiting.Remove(turn);
            if (removed) turn.SetCanceled(cancellationToken);
        });
        await turn.Task.ConfigureAwait(false);
        return new Lease(this);
    }

    void Release()
    {
        TaskCompletionSource? next = null;
        lock (_waiting)
        {
            if (_waiting.First is { } first)
            {
                next = first.Value;
                _waiting.RemoveFirst();
            }
            else
            {
                _taken = false;
            }
        }
        next?.SetResult();
    }

    /// <summary>The right to use the model.</summary>
    public sealed class Lease : IDisposable
    {
        ModelGate? _gate;

        internal Lease(ModelGate gate) => _gate = gate;

        /// <inheritdoc/>
        public void Dispose() => Interlocked.Exchange(ref _gate, null)?.Release();
    }
}
