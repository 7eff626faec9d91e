using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.SemanticKernel;

namespace SK.FasterVlm;

/// <summary>
/// Settings of any kind to ours, by their JSON names: those of prompt files (where YAML leaves every value a text, and lists and maps
/// untyped), those of other connectors, and plain extension data.
/// </summary>
static class SettingsReader
{
    // Other connectors' names for what we have.
    static readonly Dictionary<string, string> Synonyms = new(StringComparer.Ordinal)
    {
        ["max_completion_tokens"] = "max_tokens",
        ["max_new_tokens"] = "max_tokens",
        ["stop"] = "stop_sequences",
        ["results_per_prompt"] = "n",
        ["detail"] = "image_detail",
        ["token_selection_biases"] = "logit_bias",
    };

    /// <exception cref="ArgumentException">A value is of the wrong type.</exception>
    public static FasterVlmPromptExecutionSettings Read(PromptExecutionSettings settings)
    {
        JsonObject json = [];
        try
        {
            // Function choices and the ids are carried over as they are; JSON would lose the functions.
            PromptExecutionSettings plain = settings.Clone();
            if (settings.GetType() == typeof(PromptExecutionSettings))
            {
                foreach ((string key, object? value) in plain.ExtensionData ?? new Dictionary<string, object>()) json[key] = Node(value);
            }
            else
            {
                plain.FunctionChoiceBehavior = null;
                object? format = TakeResponseFormat(plain);
                json = JsonSerializer.SerializeToNode(plain, plain.GetType())!.AsObject();
                foreach (string own in new[] { "service_id", "model_id", "function_choice_behavior" }) json.Remove(own);
                if (format is not null) json["response_format"] = Node(format);
            }
        }
        catch (Exception e) when (e is NotSupportedException or JsonException)
        {
            throw new ArgumentException($"The settings of type {settings.GetType().Name} cannot be read: {e.Message}", nameof(settings), e);
        }
        FasterVlmPromptExecutionSettings read = Read(json);
        read.ModelId = settings.ModelId;
        read.ServiceId = settings.ServiceId;
        read.FunctionChoiceBehavior = settings.FunctionChoiceBehavior;
        return read;
    }

    /// <exception cref="ArgumentException">A value is of the wrong type.</exception>
    static FasterVlmPromptExecutionSettings Read(JsonObject json)
    {
        JsonObject named = [];
        foreach ((string key, JsonNode? value) in json)
        {
            if (value is null) continue;
            string name = key.ToLowerInvariant();
            name = Synonyms.GetValueOrDefault(name, name);
            if (named.ContainsKey(name)) throw new ArgumentException($"The settings give \"{name}\" twice.", nameof(json));
            // YAML has no types left when it arrives here, and a lone stop text is as good as a list of one.
            named[name] = name is "logprobs" && value is JsonValue flag && bool.TryParse(flag.ToString(), out bool yes) ? yes
                : name is "stop_sequences" && value is JsonValue one ? new JsonArray(one.DeepClone())
                : value.DeepClone();
        }
        try
        {
            return named.Deserialize<FasterVlmPromptExecutionSettings>()!;
        }
        catch (JsonException e)
        {
            string key = e.Path is { Length: > 2 } path ? path[2..].Split('.', '[')[0] : "?";
            throw new ArgumentException($"The setting \"{key}\" has a value of the wrong type: {named[key]?.ToJsonString()}.", nameof(json), e);
        }
    }

    /// <summary>Another connector's response format, which may be a <see cref="Type"/> or another thing its JSON cannot hold.</summary>
    static object? TakeResponseFormat(PromptExecutionSettings copy)
    {
        PropertyInfo? property = copy.GetType().GetProperties().FirstOrDefault(static p => p.CanWrite
            && p.GetCustomAttribute<JsonPropertyNameAttribute>()?.Name == "response_format" && p.PropertyType == typeof(object));
        object? format = property?.GetValue(copy);
        if (format is not null) property!.SetValue(copy, null);
        return format;
    }

    static JsonNode? Node(object? value) => value switch
    {
        null or JsonElement { ValueKind: JsonValueKind.Null } => null,
        JsonNode node => node.DeepClone(),
        Type type => ResponseFormats.ToJson(type),
        System.Collections.IDictionary map => Map(map),
        string text => JsonValue.Create(text),
        IEnumerable<string> texts => new JsonArray([.. texts.Select(static t => (JsonNode?)JsonValue.Create(t))]),
        System.Collections.IList list => new JsonArray([.. list.Cast<object?>().Select(Node)]),
        Pruning.VisualTokenBudget budget => JsonValue.Create(budget.ToText()),
        Microsoft.Extensions.AI.ChatResponseFormat format => ResponseFormats.ToJson(format),
        _ when ResponseFormats.JsonOfItsOwn(value) is { } own => JsonNode.Parse(own),
        _ => JsonSerializer.SerializeToNode(value, value.GetType()),
    };

    static JsonObject Map(System.Collections.IDictionary map)
    {
        JsonObject json = [];
        foreach (System.Collections.DictionaryEntry entry in map)
            json[Convert.ToString(entry.Key, CultureInfo.InvariantCulture) ?? ""] = Node(entry.Value);
        return json;
    }
}
