using LLama;
using LLama.Native;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using SK.FasterVlm.Language;
using ModelParams = LLama.Common.ModelParams;

namespace SK.FasterVlm.LLamaSharp.Tests;

public sealed class LoadingTests(LLamaSharpFixture tiny) : IClassFixture<LLamaSharpFixture>
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    static FasterVlmOptions Small => new() { ContextLength = 256, Threads = 1 };

    [Fact]
    public void Dispose_LeavesTheApplicationsWeightsOpen_AndUseAfterwardsIsRefused()
    {
        LLamaSharpLanguageModel model = LLamaSharpLanguageModel.Create(tiny.Weights, Small);
        ITokenSampler sampler = model.CreateSampler(SamplingSettings.Greedy);
        model.Dispose();
        model.Dispose();
        Assert.False(tiny.Weights.NativeHandle.IsClosed);
        Assert.Throws<ObjectDisposedException>(() => model.Evaluate(0, [Rows.Tokens(1)]));
        Assert.Throws<ObjectDisposedException>(() => model.GetLogits(0).Length);
        Assert.Throws<ObjectDisposedException>(() => model.Tokenize("x", false));
        Assert.Throws<ObjectDisposedException>(() => model.CreateSampler(SamplingSettings.Greedy));
        Assert.Throws<ObjectDisposedException>(() => sampler.Sample(0));
        sampler.Dispose();

        // The application goes on with its own context.
        using LLamaContext context = tiny.Weights.CreateContext(new ModelParams("") { ContextSize = 64, Threads = 1, BatchThreads = 1 });
        LLamaBatch batch = new();
        batch.Add(1, 0, LLamaSeqId.Zero, true);
        Assert.Equal(DecodeResult.Ok, context.NativeHandle.Decode(batch));
    }

    [Fact]
    public void AContextOfTheApplication_IsAnotherOne()
    {
        using LLamaSharpLanguageModel model = LLamaSharpLanguageModel.Create(tiny.Weights, Small);
        model.Evaluate(0, [Rows.Tokens(1, 5, 6)]);
        float[] before = model.GetLogits(0).ToArray();
        using LLamaContext context = tiny.Weights.CreateContext(new ModelParams("") { ContextSize = 64, Threads = 1, BatchThreads = 1 });
        LLamaBatch batch = new();
        foreach (int i in (int[])[0, 1, 2]) batch.Add(new[] { 1, 5, 6 }[i], i, LLamaSeqId.Zero, i == 2);
        Assert.Equal(DecodeResult.Ok, context.NativeHandle.Decode(batch));
        Rows.Close(before, context.NativeHandle.GetLogitsIth(2).ToArray(), 0.001f);
        Assert.Equal(3, model.SequenceLength(0));
        Assert.Equal(before, model.GetLogits(0).ToArray());
    }

    [Fact]
    public void WeightsOfAVocabularyAlone_AreRefused()
    {
        using LLamaWeights vocabulary = LLamaWeights.LoadFromFile(new ModelParams(tiny.ModelPath) { VocabOnly = true });
        var e = Assert.Throws<ModelFormatException>(() => LLamaSharpLanguageModel.Create(vocabulary, Small));
        Assert.Contains("vocabulary only", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DisposedWeights_AreRefused()
    {
        LLamaWeights weights = LLamaWeights.LoadFromFile(new ModelParams(tiny.ModelPath) { GpuLayerCount = 0 });
        weights.Dispose();
        Assert.Throws<ObjectDisposedException>(() => LLamaSharpLanguageModel.Create(weights, Small));
    }

    [Fact]
    public void AnotherModelsFile_IsRefused()
    {
        string other = EmbeddedModel.Locate().ModelPath;
        var e = Assert.Throws<ModelFormatException>(() => LLamaSharpLanguageModel.Create(tiny.Weights, Small, other));
        Assert.Contains("not the file of the weights", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AContextThatCannotFit_IsRefusedBeforeItIsAllocated()
    {
        FasterVlmOptions options = new() { ContextLength = 1_048_576, KvCacheLength = 67_108_864, Threads = 1 };
        using LLamaWeights weights = LLamaWeights.LoadFromFile(new ModelParams(EmbeddedModel.Locate().ModelPath) { GpuLayerCount = 0 });
        var e = Assert.Throws<NativeRuntimeException>(() => LLamaSharpLanguageModel.Create(weights, options));
        Assert.Contains("ContextLength", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OwnLoading_ReportsProgress_CanBeCancelled_AndReleasesTheWeights()
    {
        List<double> shares = [];
        var source = new LLamaSharpSource(null);
        LoadedLanguageModel loaded = await source.LoadAsync(
            tiny.ModelPath, Small, Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, new Progress(shares.Add), Test);
        Assert.Equal(1, shares[^1]);
        Assert.Equal(shares.Order(), shares);
        loaded.Model.Dispose();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => source.LoadAsync(
            tiny.ModelPath, Small, Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, null, new CancellationToken(true)));
    }

    [Fact]
    public async Task AFileTheLibraryRefuses_IsAModelFormatError()
    {
        string broken = tiny.ModelPath + ".broken.gguf";
        byte[] bytes = await File.ReadAllBytesAsync(tiny.ModelPath, Test);
        // A tensor under another name: the file is well formed, the model is not.
        int name = bytes.AsSpan().IndexOf("blk.0.attn_q.weight"u8);
        bytes[name + 6] = (byte)'b';
        await File.WriteAllBytesAsync(broken, bytes, Test);
        var e = await Assert.ThrowsAsync<ModelFormatException>(() => new LLamaSharpSource(null).LoadAsync(
            broken, Small, Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, null, Test));
        Assert.Contains("LLamaSharp", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AKernel_AnswersThroughTheApplicationsWeights()
    {
        (string path, string projector) = EmbeddedModel.Locate();
        using LLamaWeights weights = await LLamaWeights.LoadFromFileAsync(new ModelParams(path) { GpuLayerCount = 0 }, Test);
        IKernelBuilder builder = Kernel.CreateBuilder();
        builder.AddFasterVlmChatCompletion(configure: o =>
        {
            o.ProjectorPath = projector;
            o.UseLLamaSharp(weights);
        });
        await using var provider = (ServiceProvider)builder.Build().Services;
        var chat = provider.GetRequiredService<IChatCompletionService>();
        ChatHistory history = [];
        history.AddUserMessage([new TextContent("What is in the picture?"), new ImageContent(Picture(), "image/png")]);
        ChatMessageContent answer = await chat.GetChatMessageContentAsync(history, cancellationToken: Test);
        Assert.StartsWith("The picture shows", answer.Content, StringComparison.Ordinal);
        Assert.IsType<LLamaSharpLanguageModel>(provider.GetRequiredService<FasterVlmModelHost>().Loaded!.Language);
    }

    [Fact]
    public void UseLLamaSharp_NamesTheModelAsTheWeightsDo_AndNeedsAProjector()
    {
        FasterVlmOptions options = new FasterVlmOptions().UseLLamaSharp(tiny.Weights);
        Assert.Equal(tiny.Weights.Metadata["general.name"], options.ModelId);
        Assert.Throws<ArgumentException>(options.Validate);
        options.ProjectorPath = tiny.ProjectorPath;
        options.Validate();
        Assert.Equal("mine", new FasterVlmOptions { ModelId = "mine" }.UseLLamaSharp(tiny.Weights).ModelId);
    }

    static byte[] Picture()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string images = Path.Combine(folder.FullName, "models", "tiny-llava", "golden", "images");
            if (File.Exists(Path.Combine(folder.FullName, "SK.FasterVlm.sln")) && Directory.Exists(images))
                return File.ReadAllBytes(Directory.EnumerateFiles(images, "*.png").Order(StringComparer.Ordinal).First());
        }
        Assert.Skip("this checkout has no golden data");
        return [];
    }

    sealed class Progress(Action<double> report) : IProgress<double>
    {
        public void Report(double value) => report(value);
    }
}
