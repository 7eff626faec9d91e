using SK.FasterVlm.Language;

namespace SK.FasterVlm.Generation;

/// <summary>
/// How many rows of a new prompt go into a pass beside the decode step of the running requests, so that their streams do not stall: about
/// as many as take <see cref="Patience"/> times that step, by what both took lately, or <see cref="UnnoticedMs"/> where that is more.
/// </summary>
/// <param name="rows">A fixed number, or 0 to measure.</param>
sealed class PrefillPace(int rows)
{
    const int Fewest = 8, Most = 512, PassesBetweenSteps = 8;
    const double Patience = 4, UnnoticedMs = 2, Weight = 0.2;

    double _stepMs, _rowMs;
    int _shared;

    /// <summary>
    /// Rows of each prompt in a pass beside running requests; 0 when that had better be a step of the running requests alone, which tells
    /// what a step takes by now. The fewest while it is not known what a row costs.
    /// </summary>
    /// <param name="running">Rows the running requests have in the pass.</param>
    public int RowsBeside(int running)
    {
        if (rows > 0) return rows;
        if (_stepMs == 0 || _shared >= PassesBetweenSteps) return 0;
        int count = _rowMs == 0 ? Fewest : (int)Math.Clamp(Math.Max(Patience * _stepMs, UnnoticedMs) / _rowMs, Fewest, Most);
        return count + ((-count - running) & (LanguageModelFile.RepackedRows - 1));
    }

    /// <summary>Notes a pass of running requests alone.</summary>
    public void Stepped(double ms) => (_stepMs, _shared) = (Mean(_stepMs, ms), 0);

    /// <summary>Notes a pass of prompts alone. Few rows say little of what one costs.</summary>
    /// <param name="count">Rows of the longest part.</param>
    /// <param name="ms">Milliseconds.</param>
    public void Prefilled(int count, double ms)
    {
        if (count >= Fewest) _rowMs = Mean(_rowMs, ms / count);
    }

    /// <summary>Notes a pass of both.</summary>
    /// <inheritdoc cref="Prefilled"/>
    public void Shared(int count, double ms)
    {
        _shared++;
        // At least a half of the pass: a step that took long once must not make rows look free.
        Prefilled(count, Math.Max(ms - _stepMs, ms / 2));
    }

    static double Mean(double mean, double value) => mean == 0 ? value : mean + (Weight * (value - mean));
}
