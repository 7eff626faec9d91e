using SK.FasterVlm.Core.Tests.Gguf;
using SK.FasterVlm.Models;

namespace SK.FasterVlm.Core.Tests.Models;

public sealed class StoreSettingsTests
{
    static StoreSettings Create(ModelStoreOptions? options = null, params (string Name, string Value)[] environment) =>
        StoreSettings.Create(options ?? new(), name => environment.FirstOrDefault(v => v.Name == name).Value);

    [Fact]
    public void The_cache_is_the_option_then_the_variable_then_the_platforms()
    {
        Assert.Equal(Path.GetFullPath("mine"), Create(new() { CacheDirectory = "mine" }, ("FASTERVLM_CACHE", "/other")).CacheDirectory);
        Assert.Equal(Path.GetFullPath("/other"), Create(null, ("FASTERVLM_CACHE", "/other")).CacheDirectory);
        string standard = Create().CacheDirectory;
        Assert.EndsWith(Path.Combine("fastervlm", "models"), standard, StringComparison.Ordinal);
        Assert.True(Path.IsPathRooted(standard));
        if (OperatingSystem.IsLinux()) Assert.Equal("/x/fastervlm/models", Create(null, ("XDG_CACHE_HOME", "/x")).CacheDirectory);
    }

    [Fact]
    public void The_token_is_the_option_then_the_variables_then_the_file()
    {
        using TemporaryDirectory home = new();
        File.WriteAllText(home.File("token"), "from-file\n");
        (string, string) file = ("HF_HOME", home.Path);
        Assert.Equal("given", Create(new() { Token = "given" }, ("HF_TOKEN", "a"), file).Token);
        Assert.Equal("a", Create(null, ("HF_TOKEN", " a\n"), ("HUGGING_FACE_HUB_TOKEN", "b"), file).Token);
        Assert.Equal("b", Create(null, ("HUGGING_FACE_HUB_TOKEN", "b"), file).Token);
        Assert.Equal("from-file", Create(null, file).Token);
        Assert.Equal("from-file", Create(null, ("HF_HOME", "/nowhere"), ("HF_TOKEN_PATH", home.File("token"))).Token);
        Assert.Null(Create(null, ("HF_HOME", "/nowhere")).Token);
        Assert.Null(Create(null, ("HF_TOKEN", "a"), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")).Token);
        ModelDownloadException error = Assert.Throws<ModelDownloadException>(() => Create(null, ("HF_TOKEN", "hf_x\r\nHost: evil")));
        Assert.DoesNotContain("evil", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("huggingface.co")]
    [InlineData("file:///hub")]
    [InlineData("https://user:secret@hub")]
    [InlineData("https://hub/?x=1")]
    public void A_hub_that_is_no_address_is_refused(string endpoint) =>
        Assert.Equal(ModelDownloadFailure.Insecure, Assert.Throws<ModelDownloadException>(() => Create(null, ("HF_ENDPOINT", endpoint))).Failure);

    [Fact]
    public void Offline_is_the_option_or_the_variable()
    {
        Assert.True(Create().AllowDownload);
        Assert.False(Create(new() { AllowDownload = false }).AllowDownload);
        Assert.False(Create(null, ("HF_HUB_OFFLINE", "true")).AllowDownload);
    }

    [Fact]
    public void Options_out_of_range_are_refused_by_name()
    {
        Assert.Contains("MaxRetries", Assert.ThrowsAny<ArgumentException>(static () => Create(new() { MaxRetries = 21 })).Message, StringComparison.Ordinal);
        Assert.Contains("StallTimeout", Assert.ThrowsAny<ArgumentException>(static () => Create(new() { StallTimeout = TimeSpan.Zero })).Message, StringComparison.Ordinal);
    }
}
