using System.Diagnostics;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Generation;

// What the thread does in a step.
sealed partial class Scheduler
{
    /// <summary>What a request has in a pass.</summary>
    readonly record struct Part(SequenceJob Job, IReadOnlyList<PromptRows> Rows, int Count);

    // Of the next step: those of prompts first. Both lists are made once.
    readonly List<Part> _parts = [];
    readonly List<SequenceRows> _batch = [];

    void EndCancelled()
    {
        EndCancelled(_filling);
        EndCancelled(_running);
    }

    void EndCancelled(List<SequenceJob> jobs)
    {
        for (int i = jobs.Count - 1; i >= 0; i--)
            if (jobs[i] is { Token.IsCancellationRequested: true } job) End(job, new OperationCanceledException(job.Token));
    }

    /// <summary>
    /// Evaluates the next part of the prompts and one token of every running request: in one pass, which reads the weights once, where the
    /// model takes their rows together.
    /// </summary>
    void Step()
    {
        int prompts = Collect();
        if (IsOneBatch())
        {
            Pass(_parts);
            return;
        }
        foreach (Part prompt in _parts[..prompts]) Alone(prompt);
        Pass(_parts[prompts..]);
    }

    /// <summary>Gathers what the next step evaluates.</summary>
    /// <returns>How many of the parts are prompts'.</returns>
    int Collect()
    {
        _parts.Clear();
        // All of it while no request waits for its next token, of several prompts as much as one pass takes.
        int most = _running.Count > 0 ? _pace.RowsBeside(_running.Count) : _filling.Count > 1 ? _language.BatchLength / _filling.Count : int.MaxValue;
        foreach (SequenceJob job in _filling)
        {
            int from = job.Slot!.Length, count = Math.Min(job.Prompt.Length - from, most);
            if (count > 0 && !job.Token.IsCancellationRequested)
                _parts.Add(new Part(job, job.Prompt.Slice(from, count, _language.Info.EmbeddingWidth), count));
        }
        int prompts = _parts.Count;
        foreach (SequenceJob job in _running)
            if (!job.Token.IsCancellationRequested) _parts.Add(new Part(job, job.Next, 1)); // those that are cancelled end with the next step
        return prompts;
    }

    /// <summary>Whether the model takes all of it in one pass.</summary>
    bool IsOneBatch()
    {
        int count = 0;
        bool tokens = false, embeddings = false;
        foreach (Part part in _parts)
        {
            count += part.Count;
            foreach (PromptRows run in part.Rows)
            {
                tokens |= !run.AreEmbeddings;
                embeddings |= run.AreEmbeddings;
            }
        }
        return count <= _language.BatchLength && (_language.JoinsRows || !(tokens && embeddings));
    }

    void Pass(List<Part> parts)
    {
        if (parts.Count == 0) return;
        if (parts.Count == 1)
        {
            Alone(parts[0]);
            return;
        }
        _batch.Clear();
        foreach (Part part in parts) _batch.Add(new SequenceRows(part.Job.Slot!.Id, part.Rows));
        try
        {
            long start = Stopwatch.GetTimestamp();
            // Several share the pass: one that is cancelled meanwhile must not end it for the others.
            _language.Evaluate(_batch, _closing);
            Measure(parts, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        catch (Exception) when (!_closing.IsCancellationRequested)
        {
            foreach (Part part in parts) Alone(part); // whose rows made it fail is not known before
            return;
        }
        catch (Exception e)
        {
            foreach (Part part in parts) End(part.Job, e);
            return;
        }
        foreach (Part part in parts) Guarded(part.Job, () => Advance(part));
    }

    void Alone(Part part) => Guarded(part.Job, () =>
    {
        long start = Stopwatch.GetTimestamp();
        _language.Evaluate(part.Job.Slot!.Id, part.Rows, part.Job.Token);
        Measure([part], Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        Advance(part);
    });

    void Measure(List<Part> parts, double ms)
    {
        int longest = 0;
        bool tokens = false;
        foreach (Part part in parts)
        {
            if (IsFilling(part.Job)) longest = Math.Max(longest, part.Count);
            else tokens = true;
        }
        if (longest == 0) _pace.Stepped(ms);
        else if (tokens) _pace.Shared(longest, ms);
        else _pace.Prefilled(longest, ms);
    }

    /// <summary>Goes on with a request whose rows were evaluated.</summary>
    void Advance(Part part)
    {
        (SequenceJob job, _, int count) = part;
        if (IsFilling(job))
        {
            _pool.Append(job.Slot!, job.Prompt.Keys.AsSpan(job.Slot!.Length, count));
            if (job.Slot.Length < job.Prompt.Length) return;
            _filling.Remove(job);
            _running.Add(job);
        }
        else
        {
            UInt128 key = RowKey.OfToken(job.LastToken);
            _pool.Append(job.Slot!, [key]);
        }
        Draw(job);
    }

    static bool IsFilling(SequenceJob job) => job.Slot!.Length < job.Prompt.Length;

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
        if (!_filling.Remove(job)) _running.Remove(job);
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
        Count();
        if (cancelled) job.Completion.TrySetCanceled(job.Token.IsCancellationRequested ? job.Token : _closing);
        else if (error is not null) job.Completion.TrySetException(error);
        else
        {
            job.Completion.TrySetResult(new SequenceTimes(
                job.Queued, job.Started, job.FirstToken, Stopwatch.GetTimestamp(), positions, job.Reused));
        }
    }
}
