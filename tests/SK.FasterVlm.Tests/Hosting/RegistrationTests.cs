using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using SK.FasterVlm.Core.Tests.Fakes;
using SK.FasterVlm.Imaging;
using SK.FasterVlm.Native;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Tests.Hosting;

public class RegistrationTests
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    static IConfigurationRoot Configuration(params (string Key, string Value)[] values) =>
        new ConfigurationBuilder().AddInMemoryCollection(values.Select(static v => KeyValuePair.Create(v.Key, (string?)v.Value))).Build();

    static FasterVlmOptions Options(IServiceProvider provider, string? name = null) =>
        provider.GetRequiredService<IOptionsMonitor<FasterVlmOptions>>().Get(name);

    [Fact]
    public async Task Both_services_are_found_with_and_without_a_key_and_share_one_model()
    {
        HostedFake hosted = new(), keyed = new();
        ServiceCollection services = new();
        hosted.AddTo(services);
        keyed.AddTo(services, "eyes", new() { ModelId = "second" });
        services.AddFasterVlmChatCompletion().AddFasterVlmChatCompletion(serviceId: "eyes");
        await using (ServiceProvider provider = services.BuildServiceProvider())
        {
            var chat = provider.GetRequiredService<IChatClient>();
            var completion = provider.GetRequiredService<IChatCompletionService>();
            var other = provider.GetRequiredKeyedService<IChatClient>("eyes");
            Assert.Equal("second", provider.GetRequiredKeyedService<IChatCompletionService>("eyes").Attributes["ModelId"]);
            Assert.Null(chat.GetService<FasterVlmModel>());
            await Task.WhenAll(
                chat.GetResponseAsync("q", cancellationToken: Test),
                completion.GetChatMessageContentAsync("q", cancellationToken: Test),
                other.GetResponseAsync("q", cancellationToken: Test));
            Assert.Equal((1, 1), (hosted.Loads, keyed.Loads));
            Assert.Same(hosted.Fake!.Model, chat.GetService<FasterVlmModel>());
            chat.Dispose();
            await chat.GetResponseAsync("q", cancellationToken: Test);
        }
    }

    [Fact]
    public async Task The_container_disposes_the_model_it_made()
    {
        // A factory, as the library's own registration is: the container disposes what it makes.
        FakeModel fake = new();
        FasterVlmModelHost? host = null;
        ServiceCollection services = new();
        services.AddKeyedSingleton<FasterVlmModelHost>(null, (_, _) => host = new FasterVlmModelHost(new(), _ => Task.FromResult(fake.Model)));
        services.AddFasterVlmChatClient();
        ServiceProvider provider = services.BuildServiceProvider();
        await provider.GetRequiredService<IChatClient>().GetResponseAsync("q", cancellationToken: Test);
        await provider.DisposeAsync();
        Assert.True(fake.Language.Disposed && fake.Vision.Disposed);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => host!.GetModelAsync(Test));
    }

    [Fact]
    public async Task A_load_that_failed_is_tried_again_and_one_that_is_not_awaited_goes_on()
    {
        int loads = 0;
        TaskCompletionSource<FasterVlmModel> second = new();
        await using FasterVlmModelHost host = new(new(), _ => ++loads == 1 ? Task.FromException<FasterVlmModel>(new ModelFormatException("bad")) : second.Task);
        await Assert.ThrowsAsync<ModelFormatException>(() => host.GetModelAsync(Test));
        using CancellationTokenSource cancel = new();
        Task<FasterVlmModel> impatient = host.GetModelAsync(cancel.Token);
        Task<FasterVlmModel> patient = host.GetModelAsync(Test);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => impatient);
        FasterVlmModel model = new FakeModel().Model;
        second.SetResult(model);
        Assert.Same(model, await patient);
        Assert.Equal(2, loads);
    }

    [Fact]
    public void Options_are_read_from_configuration()
    {
        string file = typeof(RegistrationTests).Assembly.Location; // any file that exists
        ServiceCollection services = new();
        services.AddFasterVlmChatCompletion(
            Configuration(
                ("ModelPath", file), ("ProjectorPath", file), ("VisualTokens", "10%"), ("Selector", "uniform"), ("ContextLength", "1024"),
                ("MaxOutputTokens", "33"), ("KvCache", "Q8_0"), ("TowerPrecision", "F16"), ("ImageLimits:MaxBytes", "1234"), ("Native:Backend", "Vulkan")),
            "eyes");
        using ServiceProvider provider = services.BuildServiceProvider();
        FasterVlmOptions options = Options(provider, "eyes");
        Assert.Equal((VisualTokenBudget.Keep(0.1), "uniform"), (options.VisualTokens, options.Selector));
        Assert.Equal((1024, 33), (options.ContextLength, options.MaxOutputTokens));
        Assert.Equal((KvCacheType.Q8_0, Vision.TowerPrecision.F16), (options.KvCache, options.TowerPrecision));
        Assert.Equal((1234L, NativeBackend.Vulkan), (options.ImageLimits.MaxBytes, options.Native.Backend));
        Assert.Equal("SK.FasterVlm.Tests", options.ModelId);
        Assert.NotEqual(1234L, ImageLimits.Default.MaxBytes);
    }

    [Theory]
    [InlineData("VisualTokens", "lots")]
    [InlineData("VisualTokns", "10%")]
    public void A_wrong_word_in_configuration_is_an_error(string key, string value)
    {
        ServiceCollection services = new();
        services.AddFasterVlmChatCompletion(Configuration((key, value)));
        using ServiceProvider provider = services.BuildServiceProvider();
        Assert.Contains(key, Assert.Throws<InvalidOperationException>(() => Options(provider)).Message);
    }

    [Fact]
    public async Task Options_are_checked_when_the_host_starts()
    {
        await Fails("eyes", static o => o.ContextLength = 5, nameof(FasterVlmOptions.ContextLength));
        await Fails(null, static o => o.Selector = "best", "best");
        await Fails(null, static o => o.ChatTemplate = "gemma", "gemma");
        await Fails(null, static o => o.ToolFormat = "gemma", "tool format");
        await Fails(null, static o => (o.ModelPath, o.ProjectorPath) = ("/nowhere/a.gguf", "/nowhere/b.gguf"), "/nowhere/a.gguf");
        await Fails(null, static o => o.ModelPath = "a.gguf", nameof(FasterVlmOptions.ProjectorPath));
        await Fails(null, static o => o.Model = "llava-9", "There is no model 'llava-9'");
        await Fails(null, static o => o.Model = "../llava", "not a model's name");
        await Fails(null, static o => (o.Model, o.ModelPath, o.ProjectorPath) = ("llava-1.5-7b", "a.gguf", "b.gguf"), "one or the other");
        await Fails(null, static o => (o.Model, o.Downloads.AllowDownload, o.Downloads.CacheDirectory) = ("llava-1.5-7b", false, "/nowhere"), "fastervlm pull llava-1.5-7b");

        static async Task Fails(string? serviceId, Action<FasterVlmOptions> configure, string part)
        {
            HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new());
            builder.Services.AddFasterVlmChatClient(configure, serviceId);
            using IHost host = builder.Build();
            Assert.Contains(part, (await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Test))).Message);
        }
    }

    [Fact]
    public void The_kernel_builder_has_the_same_registrations()
    {
        IKernelBuilder builder = Kernel.CreateBuilder();
        builder.AddFasterVlmChatCompletion("a.gguf", "b.gguf", "one", static o => o.VisualTokens = VisualTokenBudget.Keep(0.1))
            .AddFasterVlmChatClient("c.gguf", "d.gguf", "two")
            .AddFasterVlmChatCompletion(Configuration(("Selector", "uniform")), "three")
            .AddFasterVlmChatClient(Configuration(("Selector", "random")), "four");
        Assert.Contains(builder.Services, static s => s.ServiceKey is "one" && s.ServiceType == typeof(IChatCompletionService));
        Assert.Contains(builder.Services, static s => s.ServiceKey is "two" && s.ServiceType == typeof(IChatClient));
        Assert.DoesNotContain(builder.Services, static s => s.ServiceKey is "two" && s.ServiceType == typeof(IChatCompletionService));
        using ServiceProvider provider = builder.Services.BuildServiceProvider();
        Assert.Equal(("uniform", "random"), (Options(provider, "three").Selector, Options(provider, "four").Selector));
    }

    [Fact]
    public void A_single_word_names_a_model_of_the_catalog()
    {
        ServiceCollection services = new();
        services.AddFasterVlmChatCompletion("llava-1.5-7b")
            .AddFasterVlmChatClient("llava-1.6-mistral-7b:Q6_K", static o => o.ModelId = "eyes", serviceId: "second");
        using ServiceProvider provider = services.BuildServiceProvider();
        Assert.Equal(("llava-1.5-7b", "llava-1.5-7b"), (Options(provider).Model, Options(provider).ModelId));
        Assert.Equal(("llava-1.6-mistral-7b:Q6_K", "eyes"), (Options(provider, "second").Model, Options(provider, "second").ModelId));
        Assert.NotNull(provider.GetRequiredService<IChatCompletionService>());
        Assert.NotNull(provider.GetRequiredKeyedService<IChatClient>("second"));
        Assert.Equal("llava-1.5-7b", Options(Kernel.CreateBuilder().AddFasterVlmChatCompletion("llava-1.5-7b").Services.BuildServiceProvider()).Model);
    }
}
