namespace SK.FasterVlm.Cli.Output;

/// <summary>Reports on the reporting thread; <see cref="Progress{T}"/> would post to the pool and mix up the order.</summary>
internal sealed class ImmediateProgress<T>(Action<T> report) : IProgress<T>
{
    /// <inheritdoc/>
    public void Report(T value) => report(value);
}
