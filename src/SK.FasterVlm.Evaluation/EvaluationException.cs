namespace SK.FasterVlm.Evaluation;

/// <summary>A question, label or answers file is not what the benchmark needs, or a run directory belongs to another run.</summary>
public sealed class EvaluationException(string message, Exception? innerException = null) : FasterVlmException(message, innerException)
{
    /// <summary>A file that breaks its format at a line.</summary>
    internal static EvaluationException AtLine(string path, int line, string what, Exception? cause = null) =>
        new($"{path}, line {line}: {what}", cause);
}
