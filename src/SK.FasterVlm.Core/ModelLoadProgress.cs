namespace SK.FasterVlm;

/// <summary>What loading a model is at.</summary>
public enum ModelLoadStage
{
    /// <summary>Fetching a model of the catalog that is not in the cache.</summary>
    Fetching,

    /// <summary>Reading and checking the headers of both files.</summary>
    Checking,

    /// <summary>Loading the language model.</summary>
    Language,

    /// <summary>Loading the vision tower and the projector.</summary>
    Vision,

    /// <summary>Done.</summary>
    Ready,
}

/// <summary>A report of progress while a model loads.</summary>
/// <param name="Stage">What is being done.</param>
/// <param name="Fraction">Share of the stage that is done, 0 to 1.</param>
public readonly record struct ModelLoadProgress(ModelLoadStage Stage, double Fraction);
