using SK.FasterVlm.Native;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Core.Tests;

public sealed class FasterVlmOptionsTests
{
    public static TheoryData<string, Action<FasterVlmOptions>> NotThere => new()
    {
        { nameof(FasterVlmOptions.KvCache), static o => o.KvCache = (KvCacheType)9 },
        { nameof(FasterVlmOptions.Loading), static o => o.Loading = (WeightLoading)9 },
        { nameof(FasterVlmOptions.TowerPrecision), static o => o.TowerPrecision = (TowerPrecision)(-1) },
        { nameof(NativeOptions.Backend), static o => o.Native = new NativeOptions { Backend = (NativeBackend)9 } },
        { nameof(FasterVlmOptions.Native), static o => o.Native = null! },
    };

    [Theory, MemberData(nameof(NotThere))]
    public void Values_that_are_none_of_their_enumeration_are_refused_by_name(string name, Action<FasterVlmOptions> set)
    {
        FasterVlmOptions options = new();
        options.Validate();
        set(options);
        Assert.Contains(name, Assert.ThrowsAny<ArgumentException>(options.Validate).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("selector")]
    [InlineData("chat template")]
    [InlineData("tool format")]
    public async Task Names_are_checked_before_anything_is_loaded(string what)
    {
        // The files do not exist, so that an error about the name can only have come first.
        FasterVlmOptions options = new() { ModelPath = "/no/model.gguf", ProjectorPath = "/no/mmproj.gguf" };
        if (what == "selector") options.Selector = "nobody";
        else if (what == "chat template") options.ChatTemplate = "nobody";
        else options.ToolFormat = "nobody";
        var error = await Assert.ThrowsAsync<ArgumentException>(() => FasterVlmModel.LoadAsync(options, cancellationToken: TestContext.Current.CancellationToken));
        Assert.Contains("\"nobody\"", error.Message.Replace('\'', '"'), StringComparison.Ordinal);
    }
}
