using System.Text.Json;
using Microsoft.SemanticKernel;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Tests;

public class PromptExecutionSettingsTests
{
    static FasterVlmPromptExecutionSettings Full() => new()
    {
        ModelId = "m",
        ServiceId = "s",
        Temperature = 0.5f,
        TopP = 0.9f,
        TopK = 3,
        MinP = 0.1f,
        RepetitionPenalty = 1.1f,
        FrequencyPenalty = 0.2f,
        PresencePenalty = 0.3f,
        MaxTokens = 9,
        StopSequences = ["a"],
        Seed = 4,
        VisualTokens = VisualTokenBudget.Keep(0.1),
        Selector = "random",
        SelectorSeed = 5,
        ExtensionData = new Dictionary<string, object> { ["x"] = 1 },
    };

    [Fact]
    public void Every_property_survives_cloning_and_json()
    {
        string json = JsonSerializer.Serialize(Full());
        Assert.Equal(json, JsonSerializer.Serialize((FasterVlmPromptExecutionSettings)Full().Clone()));
        Assert.Equal(json, JsonSerializer.Serialize(JsonSerializer.Deserialize<FasterVlmPromptExecutionSettings>(json)));
        Assert.Contains("\"visual_tokens\":\"10%\"", json);
        Assert.DoesNotContain("null", json.Replace("\"function_choice_behavior\":null", "", StringComparison.Ordinal));
    }

    [Fact]
    public void Frozen_settings_do_not_change_and_their_clone_does()
    {
        FasterVlmPromptExecutionSettings settings = Full();
        settings.Freeze();
        settings.Freeze();
        Assert.Throws<InvalidOperationException>(() => settings.Temperature = 1);
        Assert.Throws<InvalidOperationException>(() => settings.VisualTokens = null);
        Assert.Throws<NotSupportedException>(() => settings.StopSequences!.Add("b"));
        var clone = (FasterVlmPromptExecutionSettings)settings.Clone();
        clone.Temperature = 1;
        clone.StopSequences!.Add("b");
    }

    [Fact]
    public void Settings_of_a_prompt_file_become_typed()
    {
        PromptExecutionSettings file = Read("""{"temperature": "0.5", "visual_tokens": 58, "stop_sequences": ["x"]}""");
        file.FunctionChoiceBehavior = FunctionChoiceBehavior.None();
        FasterVlmPromptExecutionSettings settings = FasterVlmPromptExecutionSettings.FromExecutionSettings(file);
        Assert.Equal((0.5f, VisualTokenBudget.Count(58), "x"), (settings.Temperature, settings.VisualTokens, settings.StopSequences![0]));
        Assert.Same(file.FunctionChoiceBehavior, settings.FunctionChoiceBehavior);
        Assert.Same(settings, FasterVlmPromptExecutionSettings.FromExecutionSettings(settings));
        Assert.Null(FasterVlmPromptExecutionSettings.FromExecutionSettings(null).Temperature);
        Assert.Throws<JsonException>(() => FasterVlmPromptExecutionSettings.FromExecutionSettings(Read("""{"visual_tokens": "much"}""")));

        static PromptExecutionSettings Read(string json) => JsonSerializer.Deserialize<PromptExecutionSettings>(json)!;
    }
}
