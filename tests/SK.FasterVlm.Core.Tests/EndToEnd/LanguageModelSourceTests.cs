using Microsoft.Extensions.Logging;
using SK.FasterVlm.Core.Tests.Fakes;
using SK.FasterVlm.Language;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Core.Tests.EndToEnd;

public sealed class LanguageModelSourceTests(TinyPair pair) : IClassFixture<TinyPair>
{
    [Fact]
    public async Task ASourceWithItsOwnModel_NeedsTheProjectorAlone()
    {
        var source = new Source(pair.ModelPath, needsFile: false);
        await using FasterVlmModel model = await pair.LoadAsync(o => (o.ModelPath, o.LanguageModelSource) = (null, source));
        Assert.Same(source.Loaded, model.Language);
        Assert.Null(source.Path);
    }

    [Fact]
    public async Task ASourceThatNeedsTheFile_IsGivenTheCheckedPath()
    {
        var source = new Source(pair.ModelPath, needsFile: true);
        await using FasterVlmModel model = await pair.LoadAsync(o => o.LanguageModelSource = source);
        Assert.Equal(pair.ModelPath, source.Path);
        await Assert.ThrowsAsync<ModelFormatException>(() => pair.LoadAsync(o => (o.ModelPath, o.LanguageModelSource) = (pair.ProjectorPath, source)));
    }

    [Fact]
    public async Task WhenTheTowerDoesNotLoad_TheLanguageModelIsDisposed()
    {
        var source = new Source(pair.ModelPath, needsFile: false);
        await Assert.ThrowsAsync<ModelFormatException>(
            () => pair.LoadAsync(o => (o.ModelPath, o.ProjectorPath, o.LanguageModelSource) = (null, pair.ModelPath, source)));
        Assert.Throws<ObjectDisposedException>(() => source.Loaded!.Tokenize("x", false));
    }

    [Fact]
    public async Task AModelOfAnotherWidth_IsRefused()
    {
        var source = new Source(pair.ModelPath, needsFile: false) { Replacement = new ScriptedLanguageModel("x") };
        var e = await Assert.ThrowsAsync<ModelFormatException>(() => pair.LoadAsync(o => (o.ModelPath, o.LanguageModelSource) = (null, source)));
        Assert.Contains("do not belong together", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WithoutAProjector_TheOptionsAreRefused()
    {
        var options = new FasterVlmOptions { LanguageModelSource = new Source(pair.ModelPath, needsFile: false) };
        Assert.Contains("ProjectorPath", Assert.Throws<ArgumentException>(options.Validate).Message, StringComparison.Ordinal);
    }

    /// <summary>The built-in model in the role of another package's.</summary>
    sealed class Source(string file, bool needsFile) : ILanguageModelSource
    {
        public bool NeedsModelFile => needsFile;

        public string? Path { get; private set; }

        public ILanguageModel? Replacement { get; init; }

        public ILanguageModel? Loaded { get; private set; }

        public Task<LoadedLanguageModel> LoadAsync(
            string? modelPath, FasterVlmOptions options, ILoggerFactory loggers, IProgress<double>? progress, CancellationToken cancellationToken)
        {
            Path = modelPath;
            NativeRuntime runtime = NativeRuntime.Load(options.Native, loggers);
            Loaded = Replacement ?? LlamaCppLanguageModel.Load(file, options, runtime, cancellationToken: cancellationToken);
            return Task.FromResult(new LoadedLanguageModel(Loaded, runtime));
        }
    }
}
