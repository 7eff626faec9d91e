using SK.FasterVlm.Chat;
using SK.FasterVlm.Chat.Tools;
using SK.FasterVlm.Models;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm;

/// <summary>What can be known of a model's options before it is loaded: ranges, names and whether the files exist.</summary>
static class ModelOptionsCheck
{
    /// <exception cref="ArgumentException">A value is out of range or unknown.</exception>
    /// <exception cref="FasterVlmException">The model is not there.</exception>
    public static void Check(FasterVlmOptions options)
    {
        options.Validate();
        VisualTokenSelectors.ByName(options.Selector);
        if (options.ChatTemplate is { } template) ChatTemplate.ByName(template);
        if (options.ToolFormat is { } format) ToolFormat.ByName(format);
        if (options.Model is { } model) new ModelStore(options.Downloads).RequireAvailable(model); // asks no network
        else if (options.ProjectorPath is null) EmbeddedModel.Locate();
        foreach (string? path in new[] { options.ModelPath, options.ProjectorPath })
            if (path is not null && !File.Exists(path)) throw new ArgumentException($"The model file \"{path}\" does not exist.");
    }
}
