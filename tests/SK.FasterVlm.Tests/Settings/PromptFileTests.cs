using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Microsoft.SemanticKernel.Connectors.OpenAI;
using SK.FasterVlm.Pruning;
using YamlDotNet.Serialization;

namespace SK.FasterVlm.Tests.Settings;

/// <summary>Settings that come from elsewhere: prompt files, another connector's class, extension data.</summary>
public class PromptFileTests
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    static async Task<ChatOptions> OptionsOf(PromptExecutionSettings settings)
    {
        using ScriptedChatClient client = new(ScriptedChatClient.Text("x"));
        await new FasterVlmChatCompletionService(client).GetChatMessageContentAsync("q", settings, cancellationToken: Test);
        return client.Requests[0].Options!;
    }

    static PromptExecutionSettings Extension(params (string Key, object? Value)[] values) =>
        new() { ExtensionData = values.ToDictionary(static v => v.Key, static v => v.Value!) };

    [Fact]
    public async Task A_json_prompt_file_runs_with_its_settings()
    {
        PromptTemplateConfig file = PromptTemplateConfig.FromJson("""
            {
              "name": "look", "template": "What is it?",
              "execution_settings": {
                "default": {
                  "temperature": 0.5, "visual_tokens": "10%", "stop_sequences": ["END"], "logprobs": true, "top_logprobs": 2, "seed": 7,
                  "response_format": {"type": "json_schema", "json_schema": {"name": "thing", "schema": {"type": "object"}}},
                  "function_choice_behavior": {"type": "none"}
                }
              }
            }
            """);
        using ScriptedChatClient client = new(ScriptedChatClient.Text("A cat."));
        IKernelBuilder builder = Kernel.CreateBuilder();
        Microsoft.Extensions.DependencyInjection.ServiceCollectionServiceExtensions.AddSingleton<IChatCompletionService>(
            builder.Services, new FasterVlmChatCompletionService(client));
        Kernel kernel = builder.Build();
        kernel.ImportPluginFromFunctions("P", [KernelFunctionFactory.CreateFromMethod(static () => 1, "f")]);
        Assert.Equal("A cat.", (await kernel.InvokeAsync(KernelFunctionFactory.CreateFromPrompt(file), cancellationToken: Test)).ToString());
        ChatOptions options = client.Requests[0].Options!;
        Assert.Equal((0.5f, 7L, "END"), (options.Temperature, options.Seed, options.StopSequences!.Single()));
        Assert.Equal(("10%", true, 2), (options.AdditionalProperties!["visual_tokens"], options.AdditionalProperties["logprobs"], options.AdditionalProperties["top_logprobs"]));
        var format = Assert.IsType<ChatResponseFormatJson>(options.ResponseFormat);
        Assert.Equal(("thing", "object"), (format.SchemaName, format.Schema!.Value.GetProperty("type").GetString()));
        Assert.Equal((ChatToolMode.None, "P-f"), (options.ToolMode, options.Tools!.Single().Name));
    }

    [Fact]
    public async Task Yaml_leaves_texts_and_untyped_maps_and_they_are_read()
    {
        // As Semantic Kernel's reader of YAML prompt files does it: a generic deserializer fills the extension data.
        const string Yaml = """
            temperature: 0.25
            top_k: 5
            max_tokens: 33
            logprobs: true
            keep_ratio: 0.5
            stop_sequences: [END, "."]
            response_format:
              type: json_schema
              json_schema:
                name: thing
                schema: { type: object, properties: { a: { type: string } } }
            """;
        PromptExecutionSettings settings = new() { ExtensionData = new DeserializerBuilder().Build().Deserialize<Dictionary<string, object>>(Yaml) };
        Assert.IsType<string>(settings.ExtensionData["temperature"]);
        ChatOptions options = await OptionsOf(settings);
        Assert.Equal((0.25f, 5, 33), (options.Temperature, options.TopK, options.MaxOutputTokens));
        Assert.Equal(["END", "."], options.StopSequences!);
        Assert.Equal((true, 0.5), (options.AdditionalProperties!["logprobs"], options.AdditionalProperties["keep_ratio"]));
        Assert.Equal("string", Assert.IsType<ChatResponseFormatJson>(options.ResponseFormat).Schema!.Value
            .GetProperty("properties").GetProperty("a").GetProperty("type").GetString());
    }

    [Fact]
    public async Task Settings_of_the_openai_connector_are_understood()
    {
        ChatOptions options = await OptionsOf(new OpenAIPromptExecutionSettings
        {
            Temperature = 0.7,
            MaxTokens = 12,
            StopSequences = ["x"],
            Seed = 3,
            ResponseFormat = "json_object",
            ChatSystemPrompt = "Be brief.",
            Logprobs = true,
            TopLogprobs = 1,
        });
        Assert.Equal((0.7f, 12, 3L), (options.Temperature, options.MaxOutputTokens, options.Seed));
        Assert.Equal(("Be brief.", "x"), (options.Instructions, options.StopSequences!.Single()));
        Assert.Same(ChatResponseFormat.Json, options.ResponseFormat);
        Assert.Contains("user", (await Assert.ThrowsAsync<ArgumentException>(() => OptionsOf(new OpenAIPromptExecutionSettings { User = "me" }))).Message);
    }

    [Fact]
    public async Task The_function_choice_of_other_settings_is_kept()
    {
        FunctionChoiceBehavior auto = FunctionChoiceBehavior.Auto(autoInvoke: false);
        PromptExecutionSettings given = new() { ModelId = "scripted-model", FunctionChoiceBehavior = auto };
        FasterVlmPromptExecutionSettings read = FasterVlmPromptExecutionSettings.FromExecutionSettings(given);
        Assert.Same(auto, read.FunctionChoiceBehavior);
        Assert.Equal("scripted-model", (await OptionsOf(given)).ModelId);
        Assert.Same(auto, given.FunctionChoiceBehavior);
    }

    [Theory]
    [InlineData("temprature", 1, "temprature")]
    [InlineData("temperature", "hot", "temperature")]
    [InlineData("visual_tokens", "much", "visual_tokens")]
    [InlineData("image_detail", "ultra", "low, auto or high")]
    [InlineData("n", 17, "1 to 16")]
    [InlineData("n", 0, "1 to 16")]
    [InlineData("top_logprobs", 3, "needs logprobs")]
    [InlineData("response_format", "xml", "xml")]
    [InlineData("response_format", "{\"type\": ", "not valid JSON")]
    [InlineData("response_format", 5, "5")]
    public async Task What_is_unknown_or_of_the_wrong_type_is_named(string key, object value, string part)
    {
        var error = await Assert.ThrowsAnyAsync<ArgumentException>(() => OptionsOf(Extension((key, value))));
        Assert.Contains(part, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public async Task Contradictions_are_named()
    {
        await Fails(Extension(("visual_tokens", 5), ("keep_ratio", 0.5)), "keep_ratio");
        await Fails(Extension(("stop", "a"), ("stop_sequences", new[] { "b" })), "stop_sequences");
        await Fails(new FasterVlmPromptExecutionSettings { ExtensionData = new Dictionary<string, object> { ["seed"] = 1 } }, "set its property");

        static async Task Fails(PromptExecutionSettings settings, string part) =>
            Assert.Contains(part, (await Assert.ThrowsAsync<ArgumentException>(() => OptionsOf(settings))).Message);
    }

    [Fact]
    public async Task Names_of_other_connectors_and_nulls_are_taken()
    {
        ChatOptions options = await OptionsOf(Extension(("max_completion_tokens", 4), ("stop", "a"), ("seed", null), ("Temperature", 0.5)));
        Assert.Equal((4, "a", null, 0.5f), (options.MaxOutputTokens, options.StopSequences!.Single(), options.Seed, options.Temperature));
    }

    [Fact]
    public void Semantic_kernels_own_road_to_a_chat_client_gives_the_same_options()
    {
        FasterVlmPromptExecutionSettings settings = new()
        {
            Temperature = 0.5f,
            ResponseFormat = new { type = "json_schema", json_schema = new { name = "thing", schema = new { type = "object" } } },
            VisualTokens = VisualTokenBudget.Keep(0.1),
            Seed = 9,
        };
        ChatOptions options = settings.ToChatOptions(kernel: null);
        Assert.Equal((0.5f, 9L, "10%"), (options.Temperature, options.Seed, options.AdditionalProperties!["visual_tokens"]));
        Assert.Single(options.AdditionalProperties);
        Assert.Equal("thing", Assert.IsType<ChatResponseFormatJson>(options.ResponseFormat).SchemaName);
    }
}
