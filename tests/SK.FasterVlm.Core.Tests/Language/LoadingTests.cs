using SK.FasterVlm.Gguf;
using SK.FasterVlm.Language;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Core.Tests.Language;

public sealed class LoadingTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    [Fact]
    public async Task AMissingFile_IsNamed_ByOneError_WhereverItIsGiven()
    {
        const string missing = "/no/such/model.gguf";
        FasterVlmOptions Pair(string model, string projector) => new() { ModelPath = model, ProjectorPath = projector, Threads = 1 };
        List<ModelFormatException> errors =
        [
            Assert.Throws<ModelFormatException>(() => tiny.Load(path: missing)),
            Assert.Throws<ModelFormatException>(() => GgufFile.Open(missing)),
            Assert.Throws<ModelFormatException>(() => ModelPairValidator.Validate(tiny.ModelPath, missing)),
            Assert.Throws<ModelFormatException>(() => VisionEncoder.Load(missing, new FasterVlmOptions(), tiny.Runtime)),
            await Assert.ThrowsAsync<ModelFormatException>(() => FasterVlmModel.LoadAsync(Pair(missing, tiny.ProjectorPath))),
            await Assert.ThrowsAsync<ModelFormatException>(() => FasterVlmModel.LoadAsync(Pair(tiny.ModelPath, missing))),
        ];
        Assert.All(errors, static e => Assert.Equal($"The model file '{missing}' does not exist.", e.Message));
    }

    [Fact]
    public void AProjectorGivenAsModel_IsRefused()
    {
        var e = Assert.Throws<ModelFormatException>(() => tiny.Load(path: tiny.ProjectorPath));
        Assert.Contains("projector", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ATruncatedFile_IsRefused()
    {
        string path = Path.GetTempFileName();
        try
        {
            byte[] whole = File.ReadAllBytes(tiny.ModelPath);
            foreach (int length in (int[])[10, 1000, whole.Length / 2, whole.Length - 1])
            {
                File.WriteAllBytes(path, whole[..length]);
                Assert.Throws<ModelFormatException>(() => tiny.Load(path: path));
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void AModelTheLibraryRefuses_SaysWhy()
    {
        // Well-formed, but the tensors of the last layer are missing.
        using GgufFile file = GgufFile.Open(tiny.ModelPath);
        byte[] bytes = File.ReadAllBytes(tiny.ModelPath);
        byte[] key = "llama.block_count"u8.ToArray();
        int at = bytes.AsSpan().IndexOf(key) + key.Length + 4;
        bytes[at]++;
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, bytes);
            var e = Assert.Throws<ModelFormatException>(() => tiny.Load(path: path));
            Assert.Contains("blk.", e.Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void L4_AContextThatCannotFit_IsRefusedBeforeItIsAllocated()
    {
        var e = Assert.Throws<NativeRuntimeException>(() => tiny.Load(o => (o.ContextLength, o.KvCacheLength, o.KvCache) = (1_048_576, 67_108_864, KvCacheType.F32)));
        Assert.Contains("67108864 positions", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Progress_RunsToOne()
    {
        List<double> shares = [];
        using LlamaCppLanguageModel model = tiny.Load(progress: new Direct(shares.Add));
        Assert.Equal(1, shares[^1], 3);
        Assert.Equal(shares.Order(), shares);
    }

    [Fact]
    public void Cancelled_InTheMiddle_Throws()
    {
        using var cancel = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => tiny.Load(progress: new Direct(_ => cancel.Cancel()), cancellationToken: cancel.Token));
    }

    [Fact]
    public void L8_AnExceptionOfTheProgressHandler_ComesBack()
    {
        var e = Assert.Throws<InvalidDataException>(() => tiny.Load(progress: new Direct(_ => throw new InvalidDataException("mine"))));
        Assert.Equal("mine", e.Message);
    }

    [Fact]
    public void L7_Dispose_TwiceIsFine_AndUseAfterwardsIsRefused()
    {
        LlamaCppLanguageModel model = tiny.Load();
        ITokenSampler sampler = model.CreateSampler(SamplingSettings.Greedy);
        model.Evaluate(0, [Rows.Tokens(1)]);
        model.Dispose();
        model.Dispose();
        Assert.Throws<ObjectDisposedException>(() => model.Evaluate(0, [Rows.Tokens(1)]));
        Assert.Throws<ObjectDisposedException>(() => model.SequenceLength(0));
        Assert.Throws<ObjectDisposedException>(() => model.TrimSequence(0, 0));
        Assert.Throws<ObjectDisposedException>(() => model.GetLogits(0).Length);
        Assert.Throws<ObjectDisposedException>(() => model.Tokenize("a", false));
        Assert.Throws<ObjectDisposedException>(() => model.IsEndOfGeneration(1));
        Assert.Throws<ObjectDisposedException>(() => model.CreateSampler(SamplingSettings.Greedy));
        Assert.Throws<ObjectDisposedException>(() => sampler.Sample(0));
        sampler.Dispose();
        sampler.Dispose();
        Assert.Throws<ObjectDisposedException>(() => sampler.Sample(0));
    }

    [Fact]
    public void L7_Sampler_MayOutliveTheModelItCameFrom_InAnyOrder()
    {
        LlamaCppLanguageModel model = tiny.Load();
        ITokenSampler first = model.CreateSampler(SamplingSettings.Greedy with { Grammar = "root ::= \"a\"" }), second = model.CreateSampler(SamplingSettings.Greedy);
        first.Dispose();
        model.Dispose();
        second.Dispose();
    }

    [Fact]
    public void L7_AbandonedModels_AreFinalizedWithoutACrash()
    {
        for (int i = 0; i < 5; i++) Abandon();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();

        void Abandon()
        {
            LlamaCppLanguageModel model = tiny.Load(o => o.ContextLength = 32);
            ITokenSampler sampler = model.CreateSampler(SamplingSettings.Greedy);
            model.Evaluate(0, [Rows.Tokens(1)]);
            Assert.True(sampler.Sample(0) >= 0);
        }
    }

    [Fact]
    public async Task L7_DisposedDuringAnEvaluation_TheEvaluationEndsFirst()
    {
        LlamaCppLanguageModel model = tiny.Load(o => o.ContextLength = 4000);
        Task run = Task.Run(() => model.Evaluate(0, [Rows.Tokens(Rows.Text(model, 3000))]), TestContext.Current.CancellationToken);
        await Task.Delay(30, TestContext.Current.CancellationToken);
        model.Dispose();
        try
        {
            await run;
        }
        catch (ObjectDisposedException)
        {
            // The disposal came before the first batch, or between the checks.
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(65)]
    public void MaxSequences_OutOfRange_IsRefused(int value) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => tiny.Load(o => o.MaxSequences = value));

    sealed class Direct(Action<double> report) : IProgress<double>
    {
        public void Report(double value) => report(value);
    }
}
