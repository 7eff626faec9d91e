using SK.FasterVlm.Gguf;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.LanguageConformance;

/// <summary>
/// Makes the language models of one implementation for the conformance tests, which are written once and compiled into the tests of
/// every implementation: over a small seeded random model, written once per test class.
/// </summary>
public abstract class LanguageModelFixture : IDisposable
{
    readonly string _directory = Directory.CreateTempSubdirectory("fastervlm-tiny-").FullName;

    protected LanguageModelFixture() => (ModelPath, ProjectorPath) = SyntheticModel.Write(_directory, ModelGeometry.Tiny);

    public string ModelPath { get; }

    public string ProjectorPath { get; }

    /// <summary>A model with a context of 256 positions on one thread, unless told otherwise.</summary>
    public ILanguageModel Create(Action<FasterVlmOptions>? configure = null)
    {
        FasterVlmOptions options = new() { ContextLength = 256, Threads = 1 };
        configure?.Invoke(options);
        return Create(options);
    }

    protected abstract ILanguageModel Create(FasterVlmOptions options);

    protected virtual void Dispose(bool disposing) => Directory.Delete(_directory, true);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }
}
