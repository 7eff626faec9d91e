namespace SK.FasterVlm;

/// <summary>Counts running requests, so that a host that stops can wait for them. Thread-safe.</summary>
sealed class InFlightRequests
{
    readonly Lock _lock = new();
    int _count;
    TaskCompletionSource? _idle;

    /// <summary>Begins a request; disposing ends it.</summary>
    public Request Begin()
    {
        lock (_lock) _count++;
        return new Request(this);
    }

    /// <summary>Completes when no request is running.</summary>
    public Task WhenIdleAsync()
    {
        lock (_lock)
        {
            if (_count == 0) return Task.CompletedTask;
            _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _idle.Task;
        }
    }

    void End()
    {
        lock (_lock)
        {
            if (--_count > 0) return;
            _idle?.SetResult();
            _idle = null;
        }
    }

    /// <summary>A running request.</summary>
    public sealed class Request(InFlightRequests owner) : IDisposable
    {
        public void Dispose() => owner.End();
    }
}
