using System.Diagnostics;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Generation;

/// <summary>
/// Shares one context among requests: one thread of its own, which nothing else may touch the context beside, evaluates pass after pass,
/// each with a token of all running requests and a part of the prompts that begin. Requests start in the order they came, when a sequence
/// is free and their prompt and longest answer fit the KV cache; once started nothing can push one out.
/// </summary>
sealed partial class Scheduler : IDisposable
{
    readonly ILanguageModel _language;
    readonly SequencePool _pool;
    readonly PrefillPace _pace;
    readonly CancellationToken _closing;
    readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Under the lock, which is held for a few instructions only: never during an evaluation.
    readonly object _lock = new();
    readonly LinkedList<SequenceJob> _waiting = new();
    Thread? _thread;
    bool _stopped;
    bool _held;
    bool _headBlocked;

    // The thread's own.
    readonly List<SequenceJob> _running = [], _filling = [];

    volatile int _activeCount, _usedLength;

    /// <summary>Makes a scheduler; its thread starts with the first job.</summary>
    /// <param name="language">The language model, whose context is empty.</param>
    /// <param name="prefixCache">Whether what ended requests leave in the cache is kept.</param>
    /// <param name="prefillChunk">Rows of a prompt between two steps of running requests; 0 measures.</param>
    /// <param name="closing">Cancelled when all requests shall end.</param>
    public Scheduler(ILanguageModel language, bool prefixCache, int prefillChunk, CancellationToken closing)
    {
        (_language, _closing) = (language, closing);
        _pool = new SequencePool(language, prefixCache);
        _pace = new PrefillPace(prefillChunk);
    }

    /// <summary>Requests that run.</summary>
    public int RunningCount => _activeCount;

    /// <summary>Positions of the KV cache that hold something.</summary>
    public int UsedLength => _usedLength;

    /// <summary>Jobs in the line.</summary>
    public int WaitingCount
    {
        get
        {
            lock (_lock) return _waiting.Count;
        }
    }

    /// <summary>
    /// While true no request starts; those that come stay in the line. For measurements of what many requests do that must begin together.
    /// </summary>
    internal bool Held
    {
        set
        {
            lock (_lock)
            {
                _held = value;
                Monitor.Pulse(_lock);
            }
        }
    }

    /// <summary>The sequences; for tests, while nothing runs.</summary>
    internal SequencePool Pool => _pool;

    /// <summary>Runs a job to its end. When the task ends, nothing of the job is in use any more.</summary>
    /// <exception cref="OperationCanceledException">The job's token was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The scheduler is disposed.</exception>
    public async Task<SequenceTimes> RunAsync(SequenceJob job)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_stopped, this);
            job.Place = _waiting.AddLast(job);
            if (_thread is null)
            {
                _thread = new Thread(Run) { IsBackground = true, Name = "fastervlm scheduler" };
                _thread.Start();
            }
            Monitor.Pulse(_lock);
        }
        using CancellationTokenRegistration registration = job.Token.UnsafeRegister(static state =>
        {
            (Scheduler scheduler, SequenceJob job) = ((Scheduler, SequenceJob))state!;
            scheduler.Withdraw(job);
        }, (this, job));
        return await job.Completion.Task.ConfigureAwait(false);
    }

    /// <summary>Ends the thread, which must have no jobs any more, and waits for that.</summary>
    public void Dispose()
    {
        Stop();
        _thread?.Join();
    }

    /// <summary>As <see cref="Dispose"/>.</summary>
    public Task DisposeAsync()
    {
        Stop();
        return _thread is null ? Task.CompletedTask : _ended.Task;
    }

    void Stop()
    {
        lock (_lock)
        {
            _stopped = true;
            Monitor.Pulse(_lock);
        }
    }

    /// <summary>Takes a cancelled job out of the line. One that has started is the thread's, which looks at its token every step.</summary>
    void Withdraw(SequenceJob job)
    {
        lock (_lock)
        {
            if (job.Place?.List is null) return;
            _headBlocked &= _waiting.First != job.Place;
            _waiting.Remove(job.Place);
            Monitor.Pulse(_lock);
        }
        job.Completion.TrySetCanceled(job.Token);
    }

    void Run()
    {
        while (WaitForWork())
        {
            EndCancelled();
            Admit();
            Step();
            Count();
        }
        _ended.SetResult();
    }

    /// <returns>False when there is nothing to do and never will be.</returns>
    bool WaitForWork()
    {
        if (_running.Count > 0 || _filling.Count > 0) return true;
        lock (_lock)
        {
            while ((_waiting.Count == 0 || _held) && !_stopped) Monitor.Wait(_lock);
            return _waiting.Count > 0;
        }
    }

    /// <summary>Starts as many as can be filled side by side. More at once would only make all of them later.</summary>
    void Admit()
    {
        while (_filling.Count < _language.LaneCount && AdmitFirst())
        {
        }
    }

    /// <summary>Starts the first in the line when it fits. Nobody overtakes it: a long prompt would wait forever.</summary>
    /// <returns>Whether the next one may start, too.</returns>
    bool AdmitFirst()
    {
        SequenceJob job;
        lock (_lock)
        {
            if (_headBlocked || _held || _waiting.First is not { } first) return false;
            job = first.Value;
        }
        foreach (SequenceJob filling in _filling)
            if (_pool.WillShare(filling.Slot!, filling.Prompt.Keys, job.Prompt.Keys)) return false; // what that one evaluates, this one need not
        SequenceSlot? slot;
        try
        {
            slot = _pool.TryAcquire(job.Prompt.Keys, job.Positions(_language.ContextLength));
            // It fits an empty context, so only sequences that were given up can stand in its way.
            if (slot is null && _running.Count + _filling.Count == 0) throw new NativeRuntimeException("No sequence of the context is usable any more; load the model again.");
        }
        catch (Exception e)
        {
            if (Take(job)) job.Completion.TrySetException(e);
            return true;
        }
        if (slot is null)
        {
            lock (_lock) _headBlocked = _waiting.First == job.Place;
            return false;
        }
        if (!Take(job))
        {
            _pool.Release(slot, sound: true); // cancelled meanwhile
            return true;
        }
        (job.Slot, job.Reused, job.Started) = (slot, slot.Length, Stopwatch.GetTimestamp());
        _filling.Add(job);
        Guarded(job, job.Start);
        return true;
    }

    /// <summary>Takes a job out of the line for the thread.</summary>
    /// <returns>False when it had been cancelled.</returns>
    bool Take(SequenceJob job)
    {
        lock (_lock)
        {
            if (job.Place?.List is null) return false;
            _waiting.Remove(job.Place);
            return true;
        }
    }

    void Count() => (_activeCount, _usedLength) = (_running.Count + _filling.Count, _pool.Used);

    void Unblock()
    {
        lock (_lock) _headBlocked = false;
    }
}
