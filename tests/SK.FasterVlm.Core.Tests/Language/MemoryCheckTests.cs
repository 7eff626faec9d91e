using SK.FasterVlm.Language;

namespace SK.FasterVlm.Core.Tests.Language;

/// <summary>Row L4: what a language model takes is estimated before it is loaded.</summary>
public sealed class MemoryCheckTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    const long Working = 300L << 20;

    [Theory]
    [InlineData(32, -1, 0)]
    [InlineData(32, 33, 0)]
    [InlineData(32, 99, 0)]
    [InlineData(32, 10, 23)]
    [InlineData(32, 1, 32)]
    public void L4_layers_that_are_not_offloaded_stay_on_the_host(int layers, int gpuLayers, int expected) =>
        Assert.Equal(expected, LlamaCppLoader.HostLayers(layers, gpuLayers));

    [Fact]
    public void L4_without_flash_attention_the_scores_count()
    {
        using LanguageModelFile file = LanguageModelFile.Open(tiny.ModelPath);
        FasterVlmOptions options = new();
        const int Cache = 1_000_000;
        long kv = file.KvBytesPerToken(options.KvCache) * Cache, scores = 2L * 512 * Cache * sizeof(float);
        LlamaCppLoader.CheckMemory(file, options, Cache, hostLayers: 2, flash: true, Working + kv);
        LlamaCppLoader.CheckMemory(file, options, Cache, hostLayers: 2, flash: false, Working + kv + scores);
        var error = Assert.Throws<NativeRuntimeException>(
            () => LlamaCppLoader.CheckMemory(file, options, Cache, hostLayers: 2, flash: false, Working + kv + scores - 1));
        Assert.Contains("attention scores without FlashAttention", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void L4_a_partly_offloaded_model_is_checked_for_what_stays()
    {
        using LanguageModelFile file = LanguageModelFile.Open(tiny.ModelPath);
        FasterVlmOptions options = new() { Loading = WeightLoading.Read };
        const int Cache = 1_000_000;
        long half = file.KvBytesPerToken(options.KvCache) * Cache / 2;
        long weights = file.HostBytes(1);
        Assert.InRange(weights, 1, file.HostBytes(2) - 1);
        LlamaCppLoader.CheckMemory(file, options, Cache, hostLayers: 1, flash: true, Working + half + weights);
        Assert.Throws<NativeRuntimeException>(
            () => LlamaCppLoader.CheckMemory(file, options, Cache, hostLayers: 1, flash: true, Working + half + weights - 1));
        LlamaCppLoader.CheckMemory(file, options, Cache, hostLayers: 0, flash: true, available: 0); // the device is asked at once
    }
}
