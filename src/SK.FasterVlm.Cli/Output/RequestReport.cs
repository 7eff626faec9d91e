using SK.FasterVlm.Generation;
using SK.FasterVlm.Native;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Cli.Output;

/// <summary>What ran: names and places, the same for every request of a process.</summary>
internal sealed record EngineReport(
    string Model, string ModelFile, string ProjectorFile, string Template, string TowerPrecision, string TowerDevice,
    string LlamaVersion, string NativeDirectory, IReadOnlyList<string> Backends, IReadOnlyList<string> Devices)
{
    /// <summary>The facts of a loaded model.</summary>
    public static EngineReport Of(FasterVlmModel model)
    {
        (string? modelPath, string projectorPath) = model.Options.Files;
        NativeDiagnostics native = NativeRuntime.Load(model.Options.Native).Describe();
        return new EngineReport(
            model.ModelId, modelPath!, projectorPath, model.Template.Name, model.Vision.Info.Precision.ToString(), model.Vision.Info.Backend,
            native.LlamaVersion, native.Directory, native.Backends, [.. native.Devices.Select(static d => $"{d.Name} ({d.Description})")]);
    }
}

/// <summary>Milliseconds by stage; those of images are summed.</summary>
internal sealed record StageTimes(
    double Decode, double Preprocess, double Encode, double Select, double Project, double Prefill, double Generation, double TimeToFirstToken)
{
    /// <summary>From a request's statistics.</summary>
    public static StageTimes Of(GenerationStatistics statistics)
    {
        double Sum(Func<VisionTimings, double> stage) => statistics.Images.Sum(image => stage(image.Timings));
        return new StageTimes(
            Sum(static t => t.Decode), Sum(static t => t.Preprocess), Sum(static t => t.Encode), Sum(static t => t.Select), Sum(static t => t.Project),
            statistics.PrefillMs, statistics.GenerationMs, statistics.TimeToFirstTokenMs);
    }
}

/// <summary>An image of a request.</summary>
internal sealed record ImageReport(string Name, int Width, int Height, int VisualTokens, int VisualTokensKept)
{
    /// <summary>From a request's statistics.</summary>
    public static ImageReport Of(ImageStatistics image, string name) => new(name, image.Width, image.Height, image.PatchCount, image.KeptCount);
}

/// <summary>A request and its answer, for <c>--json</c> and for the facts below an answer.</summary>
internal sealed record RequestReport(
    string Answer, string Finish, IReadOnlyList<ImageReport> Images, int VisualTokens, int VisualTokensKept, string Budget, string Selector,
    int PromptTokens, int OutputTokens, double TokensPerSecond, long KvBytes, double LoadMs, StageTimes Ms, EngineReport Engine)
{
    /// <summary>The same as lines for a person.</summary>
    public IReadOnlyList<(string Name, string Value)> Facts()
    {
        List<(string, string)> facts = [.. Images.Select(image => (
            "image", $"{image.Width} x {image.Height}, {image.VisualTokensKept} of {image.VisualTokens} visual tokens kept ({image.Name})"))];
        if (Images.Count > 0)
        {
            double share = VisualTokens > 0 ? 100.0 * VisualTokensKept / VisualTokens : 0;
            facts.AddRange([
                ("visual tokens", Format.Invariant($"{VisualTokensKept} of {VisualTokens} ({share:0.#} %; {Budget}, {Selector})")),
                ("decode", Format.Ms(Ms.Decode)),
                ("preprocess", Format.Ms(Ms.Preprocess)),
                ("encode", Format.Ms(Ms.Encode)),
                ("select", Format.Ms(Ms.Select)),
                ("project", Format.Ms(Ms.Project)),
            ]);
        }

        facts.AddRange([
            ("prefill", $"{Format.Ms(Ms.Prefill)} ({PromptTokens} tokens)"),
            ("first token", $"{Format.Ms(Ms.TimeToFirstToken)} after the request"),
            ("generation", Format.Invariant($"{Format.Ms(Ms.Generation)} ({OutputTokens} tokens, {TokensPerSecond:0.0} tokens/s)")),
            ("model", $"{Engine.Model} ({Path.GetFileName(Engine.ModelFile)}, {Path.GetFileName(Engine.ProjectorFile)}; loaded in {Format.Ms(LoadMs)})"),
            ("runs on", $"{string.Join(", ", Engine.Devices)}; tower {Engine.TowerPrecision} on {Engine.TowerDevice}"),
            ("llama.cpp", $"{Engine.LlamaVersion} in {Engine.NativeDirectory} ({string.Join(", ", Engine.Backends)})"),
        ]);
        return facts;
    }
}
