namespace SK.FasterVlm.Generation;

/// <summary>
/// How many rows of a new prompt are evaluated between two decode steps of the running requests, so that their streams do not stall:
/// about as many as take <see cref="Patience"/> times a decode step, by what both took lately.
/// </summary>
/// <param name="rows">A fixed number, or 0 to measure.</param>
sealed class PrefillPace(int rows)
{
    const int Fewest = 8, Most = 512;
    const double Patience = 3, Weight = 0.2;

    double _decodeMs, _rowMs;

    /// <summary>
    /// Rows of the next chunk. The fewest until both are known: whoever runs by then is waiting for its second token, and what a row costs is
    /// anybody's guess.
    /// </summary>
    public int Rows => rows > 0 ? rows
        : _decodeMs > 0 && _rowMs > 0 ? (int)Math.Clamp(Patience * _decodeMs / _rowMs, Fewest, Most)
        : Fewest;

    /// <summary>Notes a decode step.</summary>
    public void Decoded(double ms) => _decodeMs = Mean(_decodeMs, ms);

    /// <summary>Notes a chunk. Small ones say little of what a row costs.</summary>
    public void Prefilled(int count, double ms)
    {
        if (count >= Fewest) _rowMs = Mean(_rowMs, ms / count);
    }

    static double Mean(double mean, double value) => mean == 0 ? value : mean + (Weight * (value - mean));
}
