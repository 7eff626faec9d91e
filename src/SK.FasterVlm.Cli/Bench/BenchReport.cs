using SK.FasterVlm.Cli.Output;

namespace SK.FasterVlm.Cli.Bench;

/// <summary>A measurement as it is stored: everything the tables are made from.</summary>
internal sealed class BenchReport
{
    /// <summary>The command line that made it.</summary>
    public required string Command { get; set; }

    /// <summary>Version of this program.</summary>
    public required string Version { get; init; }

    /// <summary>Where it was measured.</summary>
    public required MachineInfo Machine { get; init; }

    /// <summary>What was measured.</summary>
    public required BenchModel Model { get; init; }

    /// <summary>How it was measured.</summary>
    public required BenchSettings Settings { get; init; }

    /// <summary>Every request, in the order of measurement.</summary>
    public List<BenchSample> Samples { get; init; } = [];

    /// <summary>Peak resident memory while loading.</summary>
    public long LoadPeakBytes { get; set; }

    /// <summary>Milliseconds loading took.</summary>
    public double LoadMs { get; set; }

    /// <summary>What asking for [CLS] attention costs; null until measured.</summary>
    public AttentionCost? Attention { get; set; }

    /// <summary>Tower precisions side by side; empty when not asked for.</summary>
    public IReadOnlyList<PrecisionResult> Precisions { get; set; } = [];

    /// <summary>The precision the others are compared with.</summary>
    public string? PrecisionReference { get; set; }

    /// <summary>Whether samples of another report can be put beside those of this one.</summary>
    public bool Continues(BenchReport other) =>
        Version == other.Version && Machine == other.Machine && Model == other.Model && Settings.Fits(other.Settings);
}

/// <summary>What was measured.</summary>
/// <param name="Name">Name of the language model.</param>
/// <param name="ModelFile">File name of the language model.</param>
/// <param name="ModelBytes">Its size.</param>
/// <param name="ProjectorFile">File name of the projector.</param>
/// <param name="ProjectorBytes">Its size.</param>
/// <param name="Patches">Visual tokens of one view without pruning.</param>
/// <param name="TowerPrecision">How the tower's matrices are held.</param>
/// <param name="Backend">Device that runs the tower.</param>
/// <param name="NativeVersion">Release of llama.cpp.</param>
/// <param name="ContextLength">Positions of the context.</param>
/// <param name="KvBytes">Size of the KV cache.</param>
internal sealed record BenchModel(
    string Name, string ModelFile, long ModelBytes, string ProjectorFile, long ProjectorBytes, int Patches,
    string TowerPrecision, string Backend, string NativeVersion, int ContextLength, long KvBytes)
{
    /// <summary>The model of a session.</summary>
    public static BenchModel Of(ModelSession session)
    {
        (FasterVlmModel model, EngineReport engine) = (session.Model, session.Engine);
        return new BenchModel(
            model.ModelId, Path.GetFileName(engine.ModelFile), new FileInfo(engine.ModelFile).Length,
            Path.GetFileName(engine.ProjectorFile), new FileInfo(engine.ProjectorFile).Length, model.Vision.Info.TokenCount,
            engine.TowerPrecision, engine.TowerDevice, engine.LlamaVersion, model.Language.ContextLength,
            model.Language.ContextLength * model.Language.Info.KvBytesPerToken);
    }
}

/// <summary>How it was measured.</summary>
internal sealed record BenchSettings
{
    /// <summary>Keep ratios, the unpruned run among them.</summary>
    public required IReadOnlyList<double> Keeps { get; init; }

    /// <summary>Measured rounds.</summary>
    public required int Runs { get; init; }

    /// <summary>Requests before the first measured one.</summary>
    public required int WarmUp { get; init; }

    /// <summary>Tokens to generate per request.</summary>
    public required int OutputTokens { get; init; }

    /// <summary>Text tokens of the prompt.</summary>
    public required int TextTokens { get; init; }

    /// <summary>Who is kept.</summary>
    public required string Selector { get; init; }

    /// <summary>Seed of the selector.</summary>
    public int Seed { get; init; }

    /// <summary>Processor threads.</summary>
    public required int Threads { get; init; }

    /// <summary>The picture: a file's name, or how it was generated.</summary>
    public required string Image { get; init; }

    /// <summary>Views of the picture and the order of their tokens.</summary>
    public string Views { get; init; } = "auto";

    /// <summary>Whether requests measured under the other settings are comparable: the number of runs and the ratios may differ.</summary>
    public bool Fits(BenchSettings other) =>
        this with { Keeps = [], Runs = 0, WarmUp = 0 } == other with { Keeps = [], Runs = 0, WarmUp = 0 };
}
