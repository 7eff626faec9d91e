using Microsoft.Extensions.Options;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Models;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm;

/// <summary>Checks a model's options when the host starts: ranges, names and whether the files exist; loading comes later.</summary>
/// <param name="name">The options this validator is for; others of the same type belong to other models.</param>
sealed class FasterVlmOptionsValidator(string name) : IValidateOptions<FasterVlmOptions>
{
    public ValidateOptionsResult Validate(string? optionsName, FasterVlmOptions options)
    {
        if (optionsName != name) return ValidateOptionsResult.Skip;
        try
        {
            options.Validate();
            VisualTokenSelectors.ByName(options.Selector);
            if (options.ChatTemplate is { } template) ChatTemplate.ByName(template);
            if (options.Model is { } model) new ModelStore(options.Downloads).RequireAvailable(model); // asks no network
            else if (options.ProjectorPath is null) EmbeddedModel.Locate();
        }
        catch (Exception e) when (e is ArgumentException or FasterVlmException)
        {
            return ValidateOptionsResult.Fail(e.Message);
        }
        foreach (string? path in new[] { options.ModelPath, options.ProjectorPath })
            if (path is not null && !File.Exists(path)) return ValidateOptionsResult.Fail($"The model file \"{path}\" does not exist.");
        return ValidateOptionsResult.Success;
    }
}

/// <summary>Checks how a model is served when the host starts.</summary>
/// <param name="name">The options this validator is for.</param>
sealed class FasterVlmServiceOptionsValidator(string name) : IValidateOptions<FasterVlmServiceOptions>
{
    public ValidateOptionsResult Validate(string? optionsName, FasterVlmServiceOptions options)
    {
        if (optionsName != name) return ValidateOptionsResult.Skip;
        try
        {
            options.Validate();
            return ValidateOptionsResult.Success;
        }
        catch (ArgumentException e)
        {
            return ValidateOptionsResult.Fail(e.Message);
        }
    }
}
