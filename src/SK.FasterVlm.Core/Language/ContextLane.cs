using System.Runtime.ExceptionServices;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Language;

/// <summary>One context of <see cref="ContextLanes"/>, with the rows of its next call and, if it is not the first, a thread for it.</summary>
internal sealed unsafe class ContextLane : IDisposable
{
    readonly SemaphoreSlim _begin = new(0), _end = new(0);
    readonly object _lock = new();
    int[] _tokens = [];
    float[] _embeddings = [];
    bool _areEmbeddings, _pending, _stopped;

    internal ContextLane(LlamaContextHandle context, int batchLength, bool ownThread)
    {
        Context = context;
        Batch = new EvaluationBatch(batchLength);
        if (ownThread) new Thread(Loop) { IsBackground = true, Name = "fastervlm lane" }.Start();
    }

    internal LlamaContextHandle Context { get; }

    /// <summary>The rows of the next call.</summary>
    internal EvaluationBatch Batch { get; }

    /// <summary>What <c>llama_decode</c> answered.</summary>
    internal int Result { get; private set; }

    /// <summary>What the call threw instead.</summary>
    internal ExceptionDispatchInfo? Error { get; private set; }

    /// <summary>Copies rows of a call that several lanes share.</summary>
    internal void Take(int at, ReadOnlySpan<int> tokens, ReadOnlySpan<float> embeddings, int row, int count, int width)
    {
        _areEmbeddings = tokens.IsEmpty;
        if (_areEmbeddings)
        {
            if (_embeddings.Length < (at + count) * width) Array.Resize(ref _embeddings, Math.Max(2 * at, at + count) * width);
            embeddings.Slice(row * width, count * width).CopyTo(_embeddings.AsSpan(at * width));
        }
        else
        {
            if (_tokens.Length < at + count) Array.Resize(ref _tokens, Math.Max(2 * at, at + count));
            tokens.Slice(row, count).CopyTo(_tokens.AsSpan(at));
        }
    }

    /// <summary>Evaluates the copied rows on the lane's thread; <see cref="End"/> waits for it.</summary>
    internal void Begin()
    {
        bool gone;
        lock (_lock)
        {
            gone = _stopped;
            _pending = !gone;
        }
        if (!gone)
        {
            _begin.Release();
            return;
        }
        // Whoever waited for a thread that has gone would wait forever.
        (Result, Error) = (0, ExceptionDispatchInfo.Capture(new ObjectDisposedException(nameof(LlamaLanguageModel))));
        _end.Release();
    }

    /// <summary>Waits for the end of what was begun.</summary>
    internal void End() => _end.Wait(Timeout.Infinite);

    /// <summary>Evaluates the copied rows here. Never throws: <see cref="Result"/> or <see cref="Error"/> tells.</summary>
    internal void Run()
    {
        (Result, Error) = (0, null);
        try
        {
            fixed (int* tokens = _tokens)
            fixed (float* embeddings = _embeddings)
                Result = Batch.Decode(Context, _areEmbeddings ? null : tokens, _areEmbeddings ? embeddings : null);
        }
        catch (Exception e)
        {
            Error = ExceptionDispatchInfo.Capture(e);
        }
    }

    /// <summary>Ends the thread, after what it does, and closes the context.</summary>
    public void Dispose()
    {
        lock (_lock) _stopped = true;
        _begin.Release();
        Context.Dispose();
    }

    void Loop()
    {
        while (true)
        {
            _begin.Wait(Timeout.Infinite);
            lock (_lock)
            {
                if (!_pending)
                {
                    if (_stopped) return;
                    continue;
                }
                _pending = false;
            }
            Run();
            _end.Release();
        }
    }
}
