using System.CommandLine;

namespace SK.FasterVlm.Cli.Options;

/// <summary>Options that every command has.</summary>
internal static class GlobalOptions
{
    /// <summary>Logs and stack traces on stderr.</summary>
    public static Option<bool> Verbose { get; } = new("--verbose")
    {
        Description = "Show the engine's log and, on failure, the stack trace (stderr).",
        Recursive = true,
    };

    /// <summary>One JSON object instead of text.</summary>
    public static Option<bool> Json { get; } = new("--json") { Description = "Print one JSON object on stdout and nothing else." };
}
