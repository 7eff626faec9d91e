namespace SK.FasterVlm.Cli.Output;

/// <summary>Speed of a transfer and the time it has left, over the last seconds. Bytes that were there before do not count.</summary>
internal sealed class TransferRate(TimeProvider time)
{
    static readonly TimeSpan s_window = TimeSpan.FromSeconds(10);
    readonly Queue<(long At, long Bytes)> _samples = new();

    /// <summary>Notes how many bytes are there now.</summary>
    public void Add(long bytes)
    {
        if (_samples.Count > 0 && bytes < _samples.Peek().Bytes) _samples.Clear(); // it began anew
        _samples.Enqueue((time.GetTimestamp(), bytes));
        while (_samples.Count > 2 && time.GetElapsedTime(_samples.Peek().At) > s_window) _samples.Dequeue();
    }

    /// <summary>Where it stands: <c>1.20 of 4.08 GB, 35.1 MB/s, 1:22 left</c>.</summary>
    public string Describe(long bytes, long? total)
    {
        string text = total is { } all ? $"{Format.Bytes(bytes)} of {Format.Bytes(all)}" : Format.Bytes(bytes);
        if (_samples.Count < 2) return text;
        (long at, long first) = _samples.Peek();
        double seconds = time.GetElapsedTime(at).TotalSeconds;
        if (seconds <= 0 || bytes <= first) return text;
        double rate = (bytes - first) / seconds;
        text += $", {Format.Bytes((long)rate)}/s";
        return total is { } whole ? $"{text}, {Left((whole - bytes) / rate)} left" : text;
    }

    static string Left(double seconds)
    {
        TimeSpan left = TimeSpan.FromSeconds(Math.Min(Math.Ceiling(seconds), 359_999));
        return left.TotalHours >= 1 ? Format.Invariant($"{(int)left.TotalHours}:{left.Minutes:00}:{left.Seconds:00}") : Format.Invariant($"{left.Minutes}:{left.Seconds:00}");
    }
}
