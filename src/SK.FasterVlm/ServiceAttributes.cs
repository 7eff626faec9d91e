using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel.Services;

namespace SK.FasterVlm;

/// <summary>What a service says of itself, gathered from its chat client each time: a model is loaded later than its service is made.</summary>
static class ServiceAttributes
{
    public static IReadOnlyDictionary<string, object?> Of(IChatClient client)
    {
        Dictionary<string, object?> attributes = [];
        ChatClientMetadata? metadata = client.GetService<ChatClientMetadata>();
        FasterVlmModelHost? host = client.GetService<FasterVlmModelHost>();
        FasterVlmModel? model = host is not null ? host.Loaded : client.GetService<FasterVlmModel>();
        Add(AIServiceExtensions.ModelIdKey, metadata?.DefaultModelId);
        Add("Provider", metadata?.ProviderName);
        if ((host?.Options ?? model?.Options) is { } options)
        {
            Add("Backend", options.LanguageModelSource?.GetType().Name ?? options.Native.Backend.ToString());
            Add("Pruning", $"{options.Selector}, {options.VisualTokens.ToText()}");
        }
        Add("Family", model?.Family);
        return attributes;

        void Add(string name, string? value)
        {
            if (value is not null) attributes[name] = value;
        }
    }
}
