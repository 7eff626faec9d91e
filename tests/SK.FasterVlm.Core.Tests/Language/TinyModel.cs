using SK.FasterVlm.Language;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Core.Tests.Language;

/// <summary>The built-in implementation over the conformance tests' model.</summary>
public sealed class TinyModel : LanguageModelFixture
{
    public NativeRuntime Runtime { get; } = NativeRuntime.Load(new NativeOptions());

    public LlamaCppLanguageModel Load(Action<FasterVlmOptions>? configure = null, string? path = null, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        FasterVlmOptions options = new() { ContextLength = 256, Threads = 1 };
        configure?.Invoke(options);
        return LlamaCppLanguageModel.Load(path ?? ModelPath, options, Runtime, progress: progress, cancellationToken: cancellationToken);
    }

    protected override ILanguageModel Create(FasterVlmOptions options) => LlamaCppLanguageModel.Load(ModelPath, options, Runtime);
}

/// <summary>The same in two contexts side by side, where a test has more than one sequence.</summary>
public sealed class TinyModelInLanes : LanguageModelFixture
{
    public NativeRuntime Runtime { get; } = NativeRuntime.Load(new NativeOptions());

    protected override ILanguageModel Create(FasterVlmOptions options)
    {
        LlamaCppLanguageModel model = LlamaCppLanguageModel.Load(ModelPath, options, Runtime, lanes: 2);
        Assert.Equal(Math.Min(2, options.MaxSequences), model.LaneCount);
        return model;
    }
}
