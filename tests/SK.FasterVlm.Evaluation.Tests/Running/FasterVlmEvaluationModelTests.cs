using Microsoft.Extensions.Logging;
using SK.FasterVlm.Core.Tests.Fakes;
using SK.FasterVlm.Evaluation.Benchmarks;
using SK.FasterVlm.Evaluation.Running;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Evaluation.Tests.Running;

public sealed class FasterVlmEvaluationModelTests : IAsyncDisposable
{
    readonly TestFolder _folder = new();
    readonly FakeModel _fake;

    public FasterVlmEvaluationModelTests() => _fake = new FakeModel(
        new FasterVlmOptions { ModelPath = _folder.Write("model.gguf", "weights"), ProjectorPath = _folder.Write("mmproj.gguf", "tower") }, " Yes ");

    [Fact]
    public async Task Create_Model_HashesItsFilesAndNamesItsSettings()
    {
        EvaluationModelInfo info = (await Model()).Info;

        Assert.Equal(["model.gguf", "mmproj.gguf"], info.Files.Select(static f => f.Name));
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("weights"u8)), info.Files[0].Sha256);
        Assert.Equal("vicuna_v1", info.Settings["chat template"]);
        Assert.Equal("auto", info.Settings["views"]);
        Assert.Contains("flash attention", info.Settings.Keys);
        Assert.True(info.LibraryRevision is null || info.LibraryRevision.Length >= 7);
        Assert.Matches(@"^\d+\.\d+\.\d+", info.LibraryVersion);
        Assert.DoesNotContain("+", info.LibraryVersion, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_WeightsWithoutAFile_NamesNoFileForThem()
    {
        await using FakeModel fake = new(new FasterVlmOptions { ProjectorPath = _folder.Write("own.gguf", "tower"), LanguageModelSource = new LoadedWeights() }, "x");

        EvaluationModelInfo info = (await FasterVlmEvaluationModel.CreateAsync(fake.Model, TestContext.Current.CancellationToken)).Info;

        Assert.Equal(["own.gguf"], info.Files.Select(static f => f.Name));
    }

    [Fact]
    public async Task Answer_Question_IsPutAsLlavaPutsIt()
    {
        IEvaluationModel model = await Model();
        using IEvaluationImage image = await model.EncodeAsync("a picture"u8.ToArray(), TestContext.Current.CancellationToken);

        EvaluationReply reply = await model.AnswerAsync(image, "Is it?\nAnswer.", new("cls", 0.25), 0, 16, TestContext.Current.CancellationToken);

        Assert.Equal("Yes", reply.Text);
        Assert.Equal((4, 16), (reply.VisualTokens, reply.VisualTokensTotal));
        Assert.EndsWith("USER: \nIs it?\nAnswer. ASSISTANT:", _fake.LastPrompt, StringComparison.Ordinal);
        // [CLS] attention falls from the last patch to the first.
        Assert.Equal(["e9712", "e9713", "e9714", "e9715"], _fake.Language.Prompts[^1].Where(static r => r[0] == 'e'));
    }

    [Fact]
    public async Task Run_Sweep_EncodesOncePerImageAndReleasesIt()
    {
        string questions = _folder.Lines("q.jsonl", """{"question_id": 1, "image": "a.png", "text": "One?"}""", """{"question_id": 2, "image": "a.png", "text": "Two?"}""");
        _folder.Write("images/a.png", "a");
        string labels = _folder.Lines("l.jsonl", """{"question_id": 1, "label": "yes"}""", """{"question_id": 2, "label": "no"}""");

        EvaluationRunResult result = await new EvaluationRun(new()
        {
            Benchmark = new JsonlBenchmark(),
            QuestionsPath = questions,
            ImageFolder = _folder.At("images"),
            Directory = _folder.At("run"),
            Configurations = EvaluationConfiguration.Sweep(["cls", "random", "uniform"], [1, 0.5, 0.25]),
        }, await Model()).RunAsync(cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(7, result.Configurations.Count);
        Assert.Equal((1, 0), (_fake.Vision.Encoded, _fake.Vision.Alive));
        Assert.Equal(50, new JsonlBenchmark().Score(result.Configurations[3].Sheet, labels).Value);
        Assert.Equal([16.0, 8, 8, 8, 4, 4, 4], result.Configurations.Select(static c => c.Timings!.VisualTokens));
    }

    async Task<IEvaluationModel> Model() => await FasterVlmEvaluationModel.CreateAsync(_fake.Model, TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _fake.DisposeAsync();
        _folder.Dispose();
    }

    /// <summary>Weights that an application has loaded itself.</summary>
    sealed class LoadedWeights : ILanguageModelSource
    {
        public bool NeedsModelFile => false;

        public Task<LoadedLanguageModel> LoadAsync(
            string? modelPath, FasterVlmOptions options, ILoggerFactory loggers, IProgress<double>? progress, CancellationToken cancellationToken) =>
            throw new NotSupportedException();
    }
}
