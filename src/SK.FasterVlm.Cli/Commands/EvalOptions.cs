using System.CommandLine;

namespace SK.FasterVlm.Cli.Commands;

/// <summary>What <c>eval</c> and its subcommands share.</summary>
internal static class EvalOptions
{
    /// <summary>The question file.</summary>
    public static Option<string> Questions() => new("--questions", "-q") { Description = "Question file, as LLaVA or the benchmark distributes it.", HelpName = "file", Required = true };

    /// <summary>The labels.</summary>
    public static Option<string?> Labels() => new("--labels", "-l") { Description = "Labels: a file or a folder, as the benchmark distributes them.", HelpName = "path" };

    /// <summary>Checks that a path exists, if one is given.</summary>
    /// <exception cref="CliException">It does not.</exception>
    public static void RequirePath(string? path)
    {
        if (path is not null && !Path.Exists(path)) throw new CliException($"No such file or folder: '{path}'.");
    }
}
