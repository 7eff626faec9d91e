namespace SK.FasterVlm.Cli;

/// <summary>Turns what the library throws for a programmer into what a user can read.</summary>
internal static class CliChecks
{
    /// <summary>Runs a check.</summary>
    /// <exception cref="CliException">The check found something; one line says what.</exception>
    public static void Run(Action check)
    {
        try
        {
            check();
        }
        catch (ArgumentException error)
        {
            // ArgumentException appends the parameter's name and value, which the message has already.
            throw new CliException(error.Message.Split(" (Parameter", 2)[0], error);
        }
    }
}
