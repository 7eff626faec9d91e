using System.Diagnostics;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Generation;

// What the thread does in a step.
sealed partial class Scheduler
{
    readonly List<SequenceRows> _batch = [];
    readonly List<SequenceJob> _stepped = [];

    void EndCancelled()
    {
        if (_filling is { Token.IsCancellationRequested: true } filling) End(filling, new OperationCanceledException(filling.Token));
        for (int i = _running.Count - 1; i >= 0; i--)
            if (_running[i] is { Token.IsCancellationRequested: true } job) End(job, new OperationCanceledException(job.Token));
    }

    /// <summary>Evaluates the next part of a prompt; all of it while no other request waits for its next token.</summary>
    void Fill(SequenceJob job)
    {
        (PreparedPrompt prompt, SequenceSlot slot) = (job.Prompt, job.Slot!);
        int from = slot.Length, left = prompt.Length - from;
        int count = _running.Count == 0 ? left : Math.Min(left, _pace.Rows);
        Guarded(job, () =>
        {
            long start = Stopwatch.GetTimestamp();
            _language.Evaluate(slot.Id, prompt.Slice(from, count, _language.Info.EmbeddingWidth), job.Token);
            _pace.Prefilled(count, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            _pool.Append(slot, prompt.Keys.AsSpan(from, count));
            if (count < left) return;
            _running.Add(job);
            _filling = null;
            Draw(job);
        });
    }

    /// <summary>Evaluates one token of every running request in one pass, and draws the next ones.</summary>
    void Decode()
    {
        _batch.Clear();
        _stepped.Clear();
        foreach (SequenceJob job in _running)
        {
            if (job.Token.IsCancellationRequested) continue; // ended by the next step
            _stepped.Add(job);
            _batch.Add(new SequenceRows(job.Slot!.Id, job.Next));
        }
        if (_stepped.Count == 0) return;
        try
        {
            long start = Stopwatch.GetTimestamp();
            // Several share the pass: one that is cancelled meanwhile must not end it for the others.
            _language.Evaluate(_batch, _stepped.Count == 1 ? _stepped[0].Token : _closing);
            _pace.Decoded(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        catch (Exception) when (_stepped.Count > 1 && !_closing.IsCancellationRequested)
        {
            DecodeApart();
            return;
        }
        catch (Exception e)
        {
            foreach (SequenceJob job in _stepped) End(job, e);
            return;
        }
        foreach (SequenceJob job in _stepped) Guarded(job, () => Advance(job));
    }

    /// <summary>Evaluates one token of each after the other: whose evaluation fails is not known before.</summary>
    void DecodeApart()
    {
        foreach (SequenceJob job in _stepped)
        {
            Guarded(job, () =>
            {
                _language.Evaluate([new SequenceRows(job.Slot!.Id, job.Next)], job.Token);
                Advance(job);
            });
        }
    }

    void Advance(SequenceJob job)
    {
        UInt128 key = RowKey.OfToken(job.LastToken);
        _pool.Append(job.Slot!, [key]);
        Draw(job);
    }

    void Draw(SequenceJob job)
    {
        int token = job.Sampler.Sample(job.Slot!.Id);
        if (job.FirstToken == 0) job.FirstToken = Stopwatch.GetTimestamp();
        job.LastToken = token;
        if (!job.Answer.Take(token, job.Slot.Id)) End(job, null);
    }

    /// <summary>Does something of one job; what goes wrong ends that job alone.</summary>
    void Guarded(SequenceJob job, Action action)
    {
        try
        {
            action();
        }
        catch (Exception e)
        {
            End(job, e);
        }
    }

    /// <summary>Frees what a job holds, then tells whoever waits for it.</summary>
    void End(SequenceJob job, Exception? error)
    {
        if (_filling == job) _filling = null;
        _running.Remove(job);
        int positions = job.Slot!.Length;
        bool cancelled = error is OperationCanceledException && (job.Token.IsCancellationRequested || _closing.IsCancellationRequested);
        try
        {
            // A cancelled evaluation has undone itself, so what was evaluated before may be kept.
            _pool.Release(job.Slot, sound: error is null || cancelled);
        }
        catch (Exception e)
        {
            error ??= e;
        }
        Unblock();
        (_activeCount, _usedLength) = (_running.Count + (_filling is null ? 0 : 1), _pool.Used);
        if (cancelled) job.Completion.TrySetCanceled(job.Token.IsCancellationRequested ? job.Token : _closing);
        else if (error is not null) job.Completion.TrySetException(error);
        else
        {
            job.Completion.TrySetResult(new SequenceTimes(
                job.Queued, job.Started, job.FirstToken, Stopwatch.GetTimestamp(), positions, job.Reused));
        }
    }
}
