namespace SK.FasterVlm.Cli;

/// <summary>What the process answers to its caller; documented in the help text.</summary>
internal static class ExitCodes
{
    /// <summary>Everything asked for was done.</summary>
    public const int Success = 0;

    /// <summary>An expected failure: a wrong file, a damaged model, a prompt too long. One line on stderr says what and why.</summary>
    public const int Failure = 1;

    /// <summary>The command line itself was wrong.</summary>
    public const int Usage = 2;

    /// <summary>A defect of this program (sysexits' EX_SOFTWARE).</summary>
    public const int Unexpected = 70;

    /// <summary>Ctrl-C, as shells report it (128 + SIGINT).</summary>
    public const int Interrupted = 130;

    /// <summary>SIGTERM, as shells report it.</summary>
    public const int Terminated = 143;
}
