using Microsoft.Extensions.Options;

namespace SK.FasterVlm;

/// <summary>Says when the host starts what is wrong with options.</summary>
/// <param name="name">The options this validator is for; others of the same type belong to other models.</param>
/// <param name="check">Throws with a message for the user.</param>
sealed class OptionsValidator<TOptions>(string name, Action<TOptions> check) : IValidateOptions<TOptions> where TOptions : class
{
    public ValidateOptionsResult Validate(string? optionsName, TOptions options)
    {
        if (optionsName != name) return ValidateOptionsResult.Skip;
        try
        {
            check(options);
            return ValidateOptionsResult.Success;
        }
        catch (Exception e) when (e is ArgumentException or FasterVlmException)
        {
            return ValidateOptionsResult.Fail(e.Message);
        }
    }
}
