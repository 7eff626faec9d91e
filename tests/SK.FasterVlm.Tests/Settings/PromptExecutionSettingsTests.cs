using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.SemanticKernel;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Telemetry;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Tests.Settings;

public class PromptExecutionSettingsTests
{
    static FasterVlmPromptExecutionSettings Full() => new()
    {
        ModelId = "m",
        ServiceId = "s",
        FunctionChoiceBehavior = FunctionChoiceBehavior.None(),
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
        ResponseFormat = "json_object",
        ToolFormat = "line",
        ChatSystemPrompt = "Be brief.",
        Choices = 2,
        Logprobs = true,
        TopLogprobs = 5,
        LogitBias = new Dictionary<int, float> { [7] = -100 },
        ImageDetail = "low",
        VisualTokens = VisualTokenBudget.Keep(0.1),
        KeepRatio = 0.2,
        Selector = "random",
        SelectorSeed = 5,
        Views = ViewSettings.Parse("2x2,tiles"),
        ExtensionData = new Dictionary<string, object> { ["x"] = 1 },
    };

    static PropertyInfo[] Properties => [.. typeof(FasterVlmPromptExecutionSettings).GetProperties().Where(static p => p.CanWrite)];

    [Fact]
    public void Every_property_survives_cloning_and_json()
    {
        FasterVlmPromptExecutionSettings full = Full(), clone = (FasterVlmPromptExecutionSettings)full.Clone();
        // The test would miss a property that it does not set.
        Assert.Empty(Properties.Where(p => p.GetValue(full) is null).Select(static p => p.Name));
        foreach (PropertyInfo property in Properties) Assert.Equal(property.GetValue(full), property.GetValue(clone));

        string json = JsonSerializer.Serialize(full);
        Assert.Equal(json, JsonSerializer.Serialize(JsonSerializer.Deserialize<FasterVlmPromptExecutionSettings>(json)));
        Assert.Contains("\"visual_tokens\":\"10%\"", json);
        Assert.Contains("\"views\":\"2x2,tiles\"", json);
    }

    [Fact]
    public void Names_are_snake_case() => Assert.All(
        Properties.Where(static p => p.DeclaringType == typeof(FasterVlmPromptExecutionSettings)),
        static p => Assert.Matches("^[a-z_]+$", p.GetCustomAttribute<JsonPropertyNameAttribute>()?.Name ?? $"{p.Name} has no name"));

    [Fact]
    public void Frozen_settings_do_not_change_and_their_clone_does()
    {
        FasterVlmPromptExecutionSettings settings = Full();
        settings.Freeze();
        settings.Freeze();
        foreach (PropertyInfo property in Properties)
        {
            var thrown = Assert.Throws<TargetInvocationException>(() => property.SetValue(settings, property.GetValue(settings)));
            Assert.IsType<InvalidOperationException>(thrown.InnerException);
        }
        Assert.Throws<NotSupportedException>(() => settings.StopSequences!.Add("b"));
        Assert.Throws<NotSupportedException>(() => settings.ExtensionData!.Add("b", 1));
        var clone = (FasterVlmPromptExecutionSettings)settings.Clone();
        clone.Temperature = 1;
        clone.StopSequences!.Add("b");
        clone.ExtensionData!.Add("b", 1);
        Assert.Equal((0.5f, 1, 1), (settings.Temperature, settings.StopSequences!.Count, settings.ExtensionData!.Count));
    }

    [Fact]
    public void The_same_settings_and_none_are_taken_as_they_are()
    {
        FasterVlmPromptExecutionSettings settings = Full();
        Assert.Same(settings, FasterVlmPromptExecutionSettings.FromExecutionSettings(settings));
        Assert.Null(FasterVlmPromptExecutionSettings.FromExecutionSettings(null).Temperature);
    }

    [Fact]
    public void The_documentation_lists_every_setting_and_instrument()
    {
        string text = File.ReadAllText(Path.Combine(Root(), "docs", "semantic-kernel.md"));
        IEnumerable<string> names = Properties.Where(static p => p.DeclaringType == typeof(FasterVlmPromptExecutionSettings))
            .Select(static p => p.GetCustomAttribute<JsonPropertyNameAttribute>()!.Name)
            .Concat(typeof(FasterVlmTelemetry).GetFields().Select(static f => (string)f.GetValue(null)!))
            .Concat(typeof(FasterVlmServiceOptions).GetProperties().Select(static p => p.Name));
        Assert.All(names, n => Assert.True(
            text.Contains($"`{n}`", StringComparison.Ordinal) || text.Contains($"\"{n}\"", StringComparison.Ordinal), $"{n} is not in docs/semantic-kernel.md"));

        static string Root()
        {
            DirectoryInfo folder = new(AppContext.BaseDirectory);
            while (!File.Exists(Path.Combine(folder.FullName, "SK.FasterVlm.sln"))) folder = folder.Parent!;
            return folder.FullName;
        }
    }
}
