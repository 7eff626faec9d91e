namespace SK.FasterVlm.Language;

/// <summary>
/// Does the pieces of a pass on the caller's thread and a few of its own, each of which takes the next piece when it has done one: with
/// more pieces than cores, no core waits while another has two left.
/// </summary>
/// <param name="own">Threads beside the caller's; they start with the first pass that needs them.</param>
/// <param name="piece">Does the piece of a number; must not throw.</param>
internal sealed class LaneWorkers(int own, Action<int> piece) : IDisposable
{
    readonly SemaphoreSlim _begin = new(0), _done = new(0);
    int _untaken, _unfinished;
    bool _started;
    volatile bool _stopped;

    /// <summary>Does pieces 0 to count - 1, the last one first, and returns when all have ended. For one caller at a time.</summary>
    internal void Run(int count)
    {
        // Between two passes there is less than nothing to take: a thread that comes late from the one before finds no piece until here.
        _unfinished = count;
        Volatile.Write(ref _untaken, count);
        int help = Math.Min(own, count - 1);
        if (help > 0)
        {
            if (!_started) Start();
            _begin.Release(help);
        }
        if (!Work()) _done.Wait(Timeout.Infinite);
    }

    /// <summary>Ends the threads, after what they do. A later pass is the caller's alone.</summary>
    public void Dispose()
    {
        _stopped = true;
        _begin.Release(own + 1);
    }

    void Start()
    {
        _started = true;
        for (int i = 0; i < own; i++) new Thread(Loop) { IsBackground = true, Name = "fastervlm lane" }.Start();
    }

    void Loop()
    {
        while (true)
        {
            _begin.Wait(Timeout.Infinite);
            if (_stopped) return;
            if (Work()) _done.Release();
        }
    }

    /// <returns>Whether this thread ended the last piece: exactly one does.</returns>
    bool Work()
    {
        bool last = false;
        // One number says both which piece and whether there is one: a count beside it could be another pass's.
        while (Interlocked.Decrement(ref _untaken) is var i and >= 0)
        {
            piece(i);
            last = Interlocked.Decrement(ref _unfinished) == 0;
        }
        return last;
    }
}
