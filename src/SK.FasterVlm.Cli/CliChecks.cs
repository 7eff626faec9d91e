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

    /// <summary>
    /// Runs a call of the library. What it refuses of its arguments is the user's to put right, such as too many images; an argument
    /// that some other code refused is a defect of ours and stays one.
    /// </summary>
    /// <exception cref="CliException">The library refused; one line says what.</exception>
    public static async Task<T> RunAsync<T>(Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (ArgumentException error) when (error.TargetSite?.DeclaringType?.Assembly == typeof(FasterVlmModel).Assembly)
        {
            throw new CliException(error.Message.Split(" (Parameter", 2)[0], error);
        }
    }
}
