namespace SK.FasterVlm.Cli.Bench;

/// <summary>A measured quantity: the middle of several runs and how far they lie apart.</summary>
/// <param name="Median">Middle value; the mean of the two middle ones for an even number of runs.</param>
/// <param name="Minimum">Smallest value.</param>
/// <param name="Maximum">Largest value.</param>
internal readonly record struct Spread(double Median, double Minimum, double Maximum)
{
    /// <summary>The spread of at least one value.</summary>
    public static Spread Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        if (sorted.Length == 0) throw new ArgumentException("A spread needs at least one value.", nameof(values));
        int middle = sorted.Length / 2;
        double median = sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
        return new Spread(median, sorted[0], sorted[^1]);
    }
}
